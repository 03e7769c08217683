"""A checkpoint saves when it is time to, knows the trainings of its run, and forgets parameters in time."""

from __future__ import annotations

import numpy as np
import pytest

from rbmcli.errors import DivergenceError, MismatchError, StoppedError
from rbmcli.models import checkpoint as checkpoint_module
from rbmcli.models.checkpoint import Checkpoint, SavedCheckpoint
from rbmcli.models.fit_state import BY_EPOCHS, BY_PATIENCE, FitState, fill

KEYS = [{"hidden": 1}, {"hidden": 2}, {"hidden": 3}]
LIMITS = (5,)


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        """Return the time."""
        return self.now


class Saves:
    """Keeps of each save the keys with the names of their arrays, and whether it is complete."""

    def __init__(self) -> None:
        self.made: list[tuple[list[tuple[int, list[str]]], bool]] = []

    def __call__(self, states: list, is_complete: bool) -> None:
        """Take note of a save."""
        self.made.append(([(key["hidden"], sorted(state.arrays)) for key, state in states], is_complete))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time that the checkpoint goes by."""
    clock = Clock()
    monkeypatch.setattr(checkpoint_module, "time", clock)
    return clock


def over(ending: str = BY_EPOCHS, run: int = 5, *, measured: bool = True) -> FitState:
    """Return a training that is over, all arrays there."""
    arrays = {"best/x": np.zeros(2), "learner/x": np.zeros(2)}
    return FitState(measured, 1, epochs_run=[run], endings=[ending], arrays=arrays)


def train(checkpoint: SavedCheckpoint, number: int, *, measured: bool = True) -> None:
    """Do a training as `fit` does, all of it at once."""
    checkpoint.begin(KEYS[number], LIMITS)
    checkpoint.watch(over(measured=measured))
    checkpoint.ended()


# When it is saved.


def reached(checkpoint: Checkpoint, *, epoch_is_over: bool = False) -> None:
    checkpoint.reached(lambda: None, epoch_is_over=epoch_is_over)


def test_it_is_saved_when_the_interval_is_over_and_not_before(clock: Clock) -> None:
    saves = Saves()
    checkpoint = SavedCheckpoint(saves, 30.0)

    counts = []
    for seconds in (10, 19, 1, 29, 1):
        clock.now += seconds
        reached(checkpoint)
        counts.append(len(saves.made))

    assert counts == [0, 0, 1, 1, 2]


def test_an_interval_of_0_saves_at_the_end_of_every_epoch_alone(clock: Clock) -> None:
    saves = Saves()
    checkpoint = SavedCheckpoint(saves, 0.0)

    counts = []
    for epoch_is_over in (False, False, True, False, True):
        clock.now += 1
        reached(checkpoint, epoch_is_over=epoch_is_over)
        counts.append(len(saves.made))

    assert counts == [0, 0, 1, 1, 2]


def test_it_is_saved_when_training_is_to_stop_and_the_arrays_are_collected_before() -> None:
    saves, state = Saves(), FitState(True, 1)
    checkpoint = SavedCheckpoint(saves, 1e9, stop=lambda: True)
    checkpoint.begin(KEYS[0], LIMITS)
    checkpoint.watch(state)

    with pytest.raises(StoppedError):
        checkpoint.reached(lambda: state.arrays.update(x=np.zeros(1)), epoch_is_over=False)

    assert saves.made == [([(1, ["x"])], False)]


def test_it_is_saved_when_a_training_ends() -> None:
    saves = Saves()

    train(SavedCheckpoint(saves, 1e9), 0)

    assert saves.made == [([(1, ["best/x", "learner/x"])], False)]


def test_one_that_keeps_nothing_stops_all_the_same() -> None:
    with pytest.raises(StoppedError):
        reached(Checkpoint(stop=lambda: True))
    reached(Checkpoint())


# What it keeps.


def test_parameters_are_kept_of_the_best_training_and_of_the_last_one() -> None:
    saves = Saves()
    checkpoint = SavedCheckpoint(saves, 1e9)

    train(checkpoint, 0)
    checkpoint.keep()
    train(checkpoint, 1)
    train(checkpoint, 2)

    assert [(number, bool(arrays)) for number, arrays in saves.made[-1][0]] == [
        (1, True),
        (2, False),
        (3, True),
    ]


def test_a_complete_run_has_the_parameters_of_the_best_training_and_of_the_refit() -> None:
    saves = Saves()
    checkpoint = SavedCheckpoint(saves, 1e9)

    train(checkpoint, 0)
    checkpoint.keep()
    train(checkpoint, 1)
    train(checkpoint, 2, measured=False)
    checkpoint.complete()

    found, is_complete = saves.made[-1]
    assert [bool(arrays) for _, arrays in found] == [True, False, True]
    assert is_complete


def test_trainings_of_before_stay_until_the_run_has_come_to_them() -> None:
    saves = Saves()
    checkpoint = SavedCheckpoint(saves, 1e9, saved=[(KEYS[0], over()), (KEYS[1], over())])

    train(checkpoint, 2)
    checkpoint.keep()
    assert [number for number, _ in saves.made[-1][0]] == [3, 1, 2]
    checkpoint.complete()

    assert [number for number, _ in saves.made[-1][0]] == [3]


# What it knows.


@pytest.mark.parametrize(
    ("state", "limits", "is_result", "suits"),
    [
        (over(run=5), (5,), True, True),
        (over(run=5), (7,), False, True),
        (over(run=5), (4,), False, False),
        (over(BY_PATIENCE, run=5), (7,), True, True),
        (over(BY_PATIENCE, run=5), (5,), True, True),
        (over(BY_PATIENCE, run=5), (4,), False, False),
        (FitState(True, 1, epochs_run=[3], arrays={"learner/x": np.zeros(1)}), (4,), False, True),
        (FitState(True, 1, epochs_run=[3], arrays={"learner/x": np.zeros(1)}), (3,), False, False),
        (FitState(True, 1, epochs_run=[3]), (4,), False, False),
        (FitState(True, 1, epochs_run=[3], failure=("it went wrong", "")), (4,), True, True),
        (FitState(True, 1, epochs_run=[3], failure=("it went wrong", "")), (3,), False, False),
    ],
    ids=[
        "ended by its epochs",
        "ended by its epochs, more of them",
        "ended by its epochs, fewer of them",
        "out of patience, more epochs",
        "out of patience in the last epoch",
        "out of patience, fewer epochs",
        "under way",
        "under way, no epoch left",
        "under way, nothing to go on from",
        "failed",
        "failed beyond",
    ],
)
def test_what_a_state_can_serve_for_depends_on_how_its_stages_ended(
    state: FitState, limits: tuple[int, ...], is_result: bool, suits: bool
) -> None:
    checkpoint = SavedCheckpoint(Saves(), 1e9, saved=[(KEYS[0], state)])

    assert (checkpoint.finished(KEYS[0], limits) is state) == is_result
    assert (checkpoint.begin(KEYS[0], limits) is state) == suits
    assert checkpoint.finished(KEYS[1], limits) is checkpoint.begin(KEYS[1], limits) is None


@pytest.mark.parametrize(("ending", "suits"), [(BY_EPOCHS, False), (BY_PATIENCE, True)])
def test_a_second_stage_that_failed_may_not_with_more_epochs_of_the_first(ending: str, suits: bool) -> None:
    state = FitState(True, 2, epochs_run=[4, 2], endings=[ending], failure=("it went wrong", ""))

    assert state.suits((4, 4))
    assert state.suits((5, 5)) == state.is_result_of((5, 5)) == suits


@pytest.mark.parametrize(("limits", "suits"), [((4, 4), True), ((5, 5), False)])
def test_a_stage_that_its_epochs_ended_is_not_gone_back_to(limits: tuple[int, ...], suits: bool) -> None:
    arrays = {"best/x": np.zeros(1), "learner/x": np.zeros(1)}
    state = FitState(True, 2, epochs_run=[4, 2], endings=[BY_EPOCHS], arrays=arrays)

    assert state.suits(limits) == suits


def test_the_figures_of_a_training_that_failed_are_its_error() -> None:
    state = FitState(True, 1, failure=("it went wrong", "do better"))

    with pytest.raises(DivergenceError, match="it went wrong") as caught:
        state.outcome()

    assert caught.value.hint == "do better"


@pytest.mark.parametrize(
    "arrays",
    [{}, {"x": np.zeros(3, np.float32)}, {"x": np.zeros(2, np.float64)}, {"y": np.zeros(2, np.float32)}],
)
def test_arrays_of_another_version_are_a_mismatch(arrays: dict[str, np.ndarray]) -> None:
    with pytest.raises(MismatchError, match="of another version of rbmcli: its array 'x' is"):
        fill({"x": np.zeros(2, np.float32)}, arrays)

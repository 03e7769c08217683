"""Training that was stopped goes on from its checkpoint, and ends with the bytes of an unbroken run."""

from __future__ import annotations

from pathlib import Path

import pytest

import rbmcli
from rbmcli.errors import StoppedError
from rbmcli.kernels.jit import set_threads
from tests.pipeline.broken_off import Run, StopAfter
from tests.recorder import Recorder
from tests.small_ratings import pairs_of, quick, tastes

WAYS: dict[str, dict[str, object]] = {
    "momentum": {"momentum": "0.5,0.9@2", "cd_steps": "1,2@3"},
    "persistent chains": {"persistent": True},
    "discriminative": {"objective": "discriminative", "by": "item", "batch_size": 4},
    "factored": {"factors": 3, "hidden_units": "gaussian", "learning_rate": 0.03},
    "fine-tuned": {"fine_tune": True, "epochs": 2},
    "averaged": {"average": 2, "objective": "discriminative"},
    "out of patience": {"epochs": 9, "patience": 1, "learning_rate": 3.0, "fine_tune": True},
    "accurate": {"preset": "accurate", "objective": None, "by": None, "batch_size": 20, "epochs": 2},
    "accurate without refit": {
        "preset": "accurate",
        "objective": None,
        "batch_size": 30,
        "epochs": 2,
        "refit": False,
    },
    "layers, one by one": {"layers": "6,4,3", "fine_tune": True, "epochs": 2},
    "layers at once": {"layers": "6,4", "objective": "discriminative", "average": 2, "epochs": 2},
    "refitted": {"refit": True, "fine_tune": True, "epochs": 2},
    "without validation": {"validation": "none"},
    "without validation, fine-tuned": {"validation": "none", "fine_tune": True, "epochs": 2},
    "bias of the day": {"day_bias": True, "by": "item", "batch_size": 4},
    "pairs of unknown rating": {
        "also_rated": pairs_of("u00", 100, 101, 102, 103, 104, 105),
        "persistent": True,
    },
}
ALL_WAYS = pytest.mark.parametrize("changes", WAYS.values(), ids=WAYS)


@ALL_WAYS
def test_wherever_training_is_stopped_it_ends_with_the_bytes_of_an_unbroken_run(
    changes: dict, tmp_path: Path
) -> None:
    run = Run(tmp_path, **changes)
    _, asked = run.go()
    unbroken, complete = run.model, run.checkpoint.read_bytes()
    assert asked > 7

    for times in range(1, asked + 1):
        run.checkpoint.unlink()
        (tmp_path / "model.parquet").unlink()
        run.break_off(times)
        assert not (tmp_path / "model.parquet").exists()

        _, asked_again = run.go(resume=True)

        assert asked_again == asked - times, "what was learned before was learned again"
        assert run.model == unbroken, f"stopped after {times} of {asked}"
        assert run.checkpoint.read_bytes() == complete, f"stopped after {times} of {asked}"


@pytest.mark.parametrize("way", ["averaged", "accurate", "refitted"])
def test_training_can_be_stopped_again_and_again(way: str, tmp_path: Path) -> None:
    run = Run(tmp_path, **WAYS[way])
    _, asked = run.go()
    unbroken = run.model

    run.checkpoint.unlink()
    for _ in range(asked // 2):
        run.break_off(2, resume=True)
    run.go(resume=True)

    assert run.model == unbroken


def test_a_checkpoint_changes_nothing_in_the_model(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.go()

    rbmcli.train(run.table, tmp_path / "plain.parquet", settings=quick(**run.changes))

    assert (tmp_path / "plain.parquet").read_bytes() == run.model


@pytest.mark.parametrize("way", ["persistent chains", "discriminative"])
def test_training_goes_on_with_other_threads(way: str, tmp_path: Path) -> None:
    run = Run(tmp_path, **WAYS[way])
    try:
        set_threads(1)
        run.go()
        unbroken = run.model
        run.checkpoint.unlink()
        run.break_off(4)
        set_threads(2)
        run.go(resume=True)
    finally:
        set_threads(None)

    assert run.model == unbroken


def test_training_goes_on_in_another_place_from_another_file(tmp_path: Path) -> None:
    run, other = Run(tmp_path / "one"), Run(tmp_path / "two")
    run.folder.mkdir()
    other.folder.mkdir()
    run.go()
    unbroken = run.model
    run.checkpoint.unlink()
    run.break_off(4)

    run.checkpoint.rename(other.checkpoint)
    other.go(resume=True)

    assert other.model == unbroken


# More epochs.


@pytest.mark.parametrize(
    "way",
    [
        "momentum",
        "averaged",
        "fine-tuned",
        "out of patience",
        "accurate",
        "accurate without refit",
        "refitted",
        "without validation",
        "without validation, fine-tuned",
    ],
)
def test_training_goes_on_for_more_epochs_wherever_it_was_stopped(way: str, tmp_path: Path) -> None:
    run = Run(tmp_path, **WAYS[way])
    few = run.changes["epochs"]
    run.go(epochs=few + 2)
    unbroken, complete = run.model, run.checkpoint.read_bytes()
    run.checkpoint.unlink()
    _, asked = run.go(epochs=few)

    for times in [*range(1, asked + 1), 0]:
        run.checkpoint.unlink()
        if times:
            run.break_off(times, epochs=few)
        else:
            run.go(epochs=few)

        run.go(epochs=few + 2, resume=True)

        assert run.model == unbroken, f"stopped after {times} of {asked}"
        if run.changes["validation"] != "none":
            assert run.checkpoint.read_bytes() == complete, f"stopped after {times} of {asked}"


def test_a_finished_run_learns_only_the_further_epochs(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.go(epochs=3)

    recorder, _ = run.go(epochs=5, resume=True)

    assert [report.epoch for report in recorder.reports] == [4, 5]


def test_a_run_that_patience_ended_is_not_changed_by_more_epochs(tmp_path: Path) -> None:
    run = Run(tmp_path, patience=1, learning_rate=3.0, epochs=30)
    before, _ = run.go()
    assert len(before.reports) < 30

    recorder, _ = run.go(epochs=40, resume=True)

    assert recorder.reports == []


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    run = Run(tmp_path, preset="accurate", objective=None)
    run.go()
    model, complete = run.model, run.checkpoint.read_bytes()

    recorder, asked = run.go(resume=True)

    assert (recorder.reports, asked) == ([], 0)
    assert (run.model, run.checkpoint.read_bytes()) == (model, complete)


# What is told, and what becomes of the file.


def test_the_file_is_looked_for_and_where_there_is_none_training_begins(tmp_path: Path) -> None:
    run = Run(tmp_path)

    recorder, _ = run.go(resume=True)

    assert "there is no checkpoint yet" in recorder.told[0]
    assert len(recorder.reports) == 3


def test_a_run_that_goes_on_says_where_it_is(tmp_path: Path) -> None:
    run = Run(tmp_path, preset="accurate", objective=None)
    _, asked = run.go()
    run.checkpoint.unlink()
    run.break_off(asked // 2 + 2)

    recorder, _ = run.go(resume=True)

    assert any(
        "going on from 1 trainings that are over, and one after" in message for message in recorder.told
    )


def test_stopping_is_told_with_how_to_go_on(tmp_path: Path) -> None:
    run, recorder = Run(tmp_path), Recorder()

    with pytest.raises(StoppedError, match="--resume goes on from there"):
        rbmcli.train(
            run.table,
            settings=quick(**run.changes),
            checkpoint=run.checkpoint,
            stop=StopAfter(3),
            progress=recorder,
        )

    assert recorder.warnings == [
        f"stopped: all that was done is saved in {run.checkpoint}, and --resume goes on from there"
    ]


@pytest.mark.parametrize("objective", ["divergence", "discriminative"])
def test_a_training_by_several_workers_goes_on_to_the_bytes_of_an_unbroken_one(
    tmp_path: Path, objective: str
) -> None:
    changes = {"objective": objective, "workers": 2, "average_every": 2, "batch_size": 5}
    for name in ("broken", "whole"):
        (tmp_path / name).mkdir()
    broken, whole = Run(tmp_path / "broken", **changes), Run(tmp_path / "whole", **changes)

    # An epoch of six mini-batches asks four times: in the middle of the second one it is stopped.
    broken.break_off(6)
    broken.go(resume=True)
    whole.go()

    assert broken.model == whole.model


def test_without_a_checkpoint_training_can_be_stopped_too() -> None:
    stop = StopAfter(2)

    with pytest.raises(StoppedError, match="training was stopped"):
        rbmcli.train(tastes(), settings=quick(), stop=stop)

    assert stop.asked == 2


def test_a_new_run_replaces_the_checkpoint_of_an_unfinished_one_and_says_so(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.break_off(4)

    first, _ = run.go(seed=1)
    second, _ = run.go(seed=1)

    assert [("was not finished" in message) for message in first.warnings] == [True]
    assert second.warnings == []
    assert len(second.reports) == 3


def test_a_way_that_left_the_finite_numbers_is_not_tried_again(tmp_path: Path) -> None:
    run = Run(
        tmp_path, preset="accurate", objective=None, learning_rate=1e3, hidden_units="gaussian", epochs=4
    )
    _, asked = run.go()
    unbroken = run.model
    run.checkpoint.unlink()
    run.break_off(asked - 1)

    _, asked_again = run.go(resume=True)

    assert (run.model, asked_again) == (unbroken, 1)

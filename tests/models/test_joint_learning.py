"""Learning by a crew: one member learns what no crew would, several about that; a round can be repeated."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as run_with
from hypothesis import strategies as st

from rbmcli.config import ResolvedSettings
from rbmcli.errors import UsageError
from rbmcli.models.crews import Crew, check_joint_learning, crew_here
from rbmcli.models.dealing import Part, deal_rows, dealt_penalty, part_of
from rbmcli.models.fit import Fit, fit
from rbmcli.models.form import form_of
from rbmcli.models.initial import initial_parameters
from rbmcli.models.joint_learning import JointLearner, Learned, Member, Round, average
from rbmcli.models.learners import spread_penalty
from rbmcli.models.making_learners import learner_of
from rbmcli.models.plan import Batches, plan_batches
from rbmcli.progress import SILENT
from tests.models.tasks import COLUMNS, ROWS, SETTINGS, VALUES, Task, bytes_of, taste

WAYS: dict[str, dict[str, Any]] = {
    "divergence": {},
    "sampled levels": {"reconstruction": "sampled", "cd_steps": "3"},
    "factored": {"factors": 3, "learning_rate": 0.1},
    "sharing levels": {"level_functions": 2},
    "discriminative": {"objective": "discriminative"},
    "fine-tuned": {"fine_tune": True},
    "averaged over epochs": {"average": 4},
}
ALL_WAYS = pytest.mark.parametrize("changes", WAYS.values(), ids=WAYS)


def with_unrated(task: Task) -> Task:
    """Return a task in which some pairs are known to have been rated."""
    asked = task.validation.asked
    also = replace(
        task.ratings, start=asked.start, column=asked.column, level=np.full(len(asked.column), 255, np.uint8)
    )
    return replace(task, also_rated=also)


def learned(task: Task, settings: ResolvedSettings, make_crew: Any = None) -> Fit:
    return fit(task.data(settings), settings, task.validation, SILENT, make_crew=make_crew)


def members_of(task: Task, settings: ResolvedSettings, workers: int) -> tuple[list[Part], JointLearner]:
    """Return the parts of a crew of this process, and what it learns."""
    data, form = task.data(settings), form_of(settings, VALUES)
    rows = [
        batch.rows
        for batch in plan_batches(
            data.ratings, settings.batch_size, np.random.default_rng(3), data.also_rated, data.offset
        )
    ]
    dealt = deal_rows(data.ratings, rows, workers)
    decay = dealt_penalty(settings.penalty, data, dealt)
    parts = [Part(part_of(data, own), own, form, settings.objective, settings, decay) for own in dealt]
    start = initial_parameters(data.column_prior, form, settings.seed)
    held = learner_of(settings.objective, start, form, data, Batches(data.ratings, []), settings, decay)
    with crew_here(Member, parts) as crew:
        return parts, JointLearner(held, crew, workers, 1)


# One member.


@ALL_WAYS
@pytest.mark.parametrize("unrated", [False, True], ids=["rated", "also rated"])
def test_a_crew_of_one_learns_the_bytes_that_are_learned_without_a_crew(changes, unrated):
    task = with_unrated(taste()) if unrated else taste()
    settings = replace(SETTINGS, **{**changes, "epochs": 3, "batch_size": 30, "average_every": 4})

    alone, by_crew = learned(task, settings), learned(task, settings, crew_here)

    assert bytes_of(by_crew.parameters) == bytes_of(alone.parameters)
    assert [report.loss for report in by_crew.epochs] == [report.loss for report in alone.epochs]


def test_the_penalty_of_one_member_is_that_without_a_crew():
    task = with_unrated(taste())
    data = task.data(SETTINGS)
    batches = plan_batches(data.ratings, 30, np.random.default_rng(1), data.also_rated)
    dealt = deal_rows(data.ratings, [batch.rows for batch in batches], 1)

    assert dealt_penalty(2.5, data, dealt).tobytes() == spread_penalty(2.5, batches, COLUMNS).tobytes()


# Several members.


def test_a_round_of_one_mini_batch_is_that_of_one_machine_where_all_members_meet_all_columns():
    """The gradient of contrastive divergence is a mean over rows, and momentum and decay are linear."""
    task, settings = taste(), replace(SETTINGS, batch_size=ROWS, momentum="0.9")
    (_, alone), (_, joint) = members_of(task, settings, 1), members_of(task, settings, 4)
    for epoch in range(3):
        for learner in (alone, joint):
            learner.learn(0, epoch, np.uint64(epoch))

    for name, array in alone.memory().items():
        np.testing.assert_allclose(joint.memory()[name], array, rtol=0, atol=2e-6, err_msg=name)


@ALL_WAYS
def test_several_members_learn_a_planted_taste_and_the_same_again(changes):
    task, settings = taste(), replace(SETTINGS, **changes, workers=3, average_every=2)

    outcome, again = (learned(task, settings) for _ in range(2))

    assert min(report.valid_rmse for report in outcome.epochs) < 0.45 * task.base_rate_rmse()
    assert bytes_of(outcome.parameters) == bytes_of(again.parameters)


def test_more_members_than_rows_of_a_mini_batch_learn_too():
    settings = replace(SETTINGS, batch_size=40, workers=50, epochs=2)

    assert np.isfinite(learned(taste(), settings).epochs[-1].loss)


def test_rounds_are_of_as_many_mini_batches_as_the_settings_say():
    told: list[list[int]] = []

    class Listening:
        def __init__(self, crew: Crew) -> None:
            self.crew = crew

        def each(self, work: Callable[[Any, Any], Any], tasks: Sequence[Any]) -> list[Any]:
            told.append(tasks[0].places)
            assert all(task is tasks[0] for task in tasks)
            return self.crew.each(work, tasks)

    @contextmanager
    def listening(make: Any, parts: Any) -> Iterator[Listening]:
        with crew_here(make, parts) as crew:
            yield Listening(crew)

    learned(taste(), replace(SETTINGS, batch_size=25, workers=2, average_every=3, epochs=2), listening)

    assert [len(places) for places in told] == [3, 3, 1, 3, 3, 1]
    assert sorted(place for places in told[:3] for place in places) == list(range(7))


def test_a_round_gives_the_same_bytes_again_from_the_same_member_and_from_a_new_one():
    parts, joint = members_of(taste(), replace(SETTINGS, objective="discriminative"), 2)
    told = Round(
        {name: array.copy() for name, array in joint.memory().items()}, [2, 0], [np.uint64(7)] * 2, 1
    )
    member = Member(parts[0])

    def outcome(of: Member) -> list[bytes]:
        return [array.tobytes() for array in of.learn(told).arrays.values()]

    first = outcome(member)
    member.learn(replace(told, places=[1, 3]))
    assert first == outcome(member) == outcome(Member(parts[0]))


# The average.


def test_columns_are_averaged_by_the_rows_that_met_them_and_what_they_share_by_all():
    into = {
        "parameters/visible_bias": np.zeros((3, 1), np.float32),
        "parameters/hidden_bias": np.zeros(1, np.float32),
        "times": np.zeros(4, np.int64),
    }

    def came_to(value: float, met: list[int]) -> Learned:
        arrays = {name: np.full_like(array, value) for name, array in into.items()}
        return Learned(arrays, [], np.array(met))

    average(into, [came_to(1, [3, 5, 0, 6]), came_to(5, [1, 0, 0, 2])])

    assert into["parameters/visible_bias"].ravel().tolist() == [2.0, 1.0, 0.0]
    assert into["parameters/hidden_bias"].tolist() == [2.0]
    assert into["times"].tolist() == [5, 5, 5, 5]


# Dealing.


@run_with(max_examples=50, deadline=None)
@given(members=st.integers(1, 9), batch_rows=st.integers(1, 200), seed=st.integers(0, 2**32 - 1))
def test_every_row_is_dealt_once_and_members_have_about_as_many_ratings(members, batch_rows, seed):
    ratings = taste().ratings
    rows = [batch.rows for batch in plan_batches(ratings, batch_rows, np.random.default_rng(seed))]

    dealt = deal_rows(ratings, rows, members)

    length = np.diff(ratings.start)
    for place, of_batch in enumerate(rows):
        shares = [own[place] for own in dealt]
        assert sorted(np.concatenate(shares)) == sorted(of_batch)
        order = {row: at for at, row in enumerate(of_batch)}
        assert all(np.all(np.diff([order[row] for row in share]) > 0) for share in shares)
        counts = [int(length[share].sum()) for share in shares]
        assert max(counts) - min(counts) <= length[of_batch].max()


def test_a_part_has_the_ratings_of_its_rows_at_their_places_and_nothing_of_others():
    task = with_unrated(taste())
    data = task.data(SETTINGS)
    data = replace(data, offset=np.arange(5 * data.ratings.n_ratings, dtype=np.float32).reshape(-1, 5))
    rows = [np.array([3, 150]), np.array([7])]

    part = part_of(data, rows)

    assert len(part.ratings) == ROWS
    for row in range(ROWS):
        for ours, theirs in ((part.ratings, data.ratings), (part.also_rated, data.also_rated)):
            own, all_ = (slice(each.start[row], each.start[row + 1]) for each in (ours, theirs))
            expected = theirs.column[all_].tolist() if row in {3, 7, 150} else []
            assert ours.column[own].tolist() == expected
    first = slice(data.ratings.start[3], data.ratings.start[4])
    assert part.offset[: first.stop - first.start].tolist() == data.offset[first].tolist()


@pytest.mark.parametrize(
    ("changes", "option"), [({"persistent": True}, "persistent"), ({"layers": "6,4"}, "layers")]
)
def test_what_a_crew_cannot_learn_is_refused(changes, option):
    with pytest.raises(UsageError, match=f"--{option}: cannot be learned by several workers"):
        check_joint_learning(replace(SETTINGS, hidden=6, **changes))

"""What preset accurate tries: each way once, then one setting after the other, as far as it is not given."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from rbmcli.config import ResolvedSettings, TrainSettings
from rbmcli.models.defaults import Shape, resolved
from rbmcli.models.exploration import MOVED, candidates, explore

MOVIELENS = Shape(users=1000, items=1700, ratings=90_000, levels=5)
HALF_STARS = Shape(users=700, items=9000, ratings=90_000, levels=10)


# What is tried first.


def test_the_fast_preset_has_one_candidate_and_does_not_refit():
    (only,) = candidates(TrainSettings(), MOVIELENS)

    assert only == resolved(TrainSettings(), MOVIELENS)
    assert not only.refit


@pytest.mark.parametrize(
    ("changes", "ways"),
    [
        ({}, 6),
        ({"level_functions": 2}, 4),
        ({"by": "item"}, 3),
        ({"objective": "divergence"}, 2),
        ({"by": "user", "objective": "discriminative"}, 2),
        ({"fine_tune": True}, 2),
    ],
)
def test_the_accurate_preset_tries_what_is_not_given_each_way_once(changes, ways):
    tried = candidates(TrainSettings(preset="accurate", **changes), MOVIELENS)

    assert len(tried) == len({(each.by, each.objective, each.level_functions) for each in tried}) == ways
    for name, value in changes.items():
        assert {getattr(each, name) for each in tried} == {value}


@pytest.mark.parametrize("validation", ["holdout", "file"])
@pytest.mark.parametrize("refit", [None, False])
def test_the_accurate_preset_refits_unless_told_not_to(validation, refit):
    settings = TrainSettings(preset="accurate", validation=validation, refit=refit)

    assert {each.refit for each in candidates(settings, MOVIELENS)} == {refit is None}


# What is moved from there.


class Script:
    """Attempts whose errors are known before."""

    def __init__(self, rmse: Callable[[ResolvedSettings], float]) -> None:
        self.rmse = rmse
        self.tried: list[ResolvedSettings] = []
        self.kept: ResolvedSettings | None = None

    def measure(self, settings: ResolvedSettings) -> float:
        """Note what is tried."""
        self.tried.append(settings)
        return self.rmse(settings)

    def keep(self) -> None:
        """Note what is kept."""
        self.kept = self.tried[-1]


def explored(
    rmse: Callable[[ResolvedSettings], float], shape: Shape = MOVIELENS, **given: object
) -> tuple[ResolvedSettings, list[ResolvedSettings]]:
    """Return what is chosen where settings have these errors, and what was tried."""
    script = Script(rmse)
    chosen = explore(TrainSettings(**{"preset": "accurate", **given}), shape, script)
    assert chosen == script.kept
    return chosen, script.tried


def distance(best: dict[str, float]) -> Callable[[ResolvedSettings], float]:
    """Return an error that grows with the distance of some settings from their best."""

    def error(settings: ResolvedSettings) -> float:
        steps = [math.log2((0.01 + getattr(settings, name)) / (0.01 + value)) for name, value in best.items()]
        return 1 + 0.01 * sum(map(abs, steps))

    return error


@pytest.mark.parametrize("factor", [0.125, 0.5, 1.0, 4.0])
@pytest.mark.parametrize("hidden", [100, 200, 400])
@pytest.mark.parametrize("level_functions", [0, 2, 3])
def test_each_setting_is_moved_to_its_best(factor, hidden, level_functions):
    way = {"by": "user", "objective": "discriminative", "level_functions": level_functions}
    start = resolved(TrainSettings(preset="accurate", **way), HALF_STARS)
    best = {"penalty": factor * start.penalty, "hidden": hidden}

    def rmse(settings: ResolvedSettings) -> float:
        return distance(best)(settings) + 0.1 * abs(settings.level_functions - level_functions)

    chosen, tried = explored(rmse, HALF_STARS, by="user", objective="discriminative")

    assert {name: getattr(chosen, name) for name in best} == best
    assert chosen.level_functions == level_functions
    assert len(tried) == len(set(tried))


def test_nothing_but_the_ways_and_one_step_to_each_side_is_tried_where_the_first_is_best():
    start = resolved(TrainSettings(preset="accurate", by="item"), HALF_STARS)

    chosen, tried = explored(lambda settings: float(settings != start), HALF_STARS)

    assert chosen == start
    moved = [
        {name: getattr(choice, name) for name in MOVED if getattr(choice, name) != getattr(start, name)}
        for choice in tried[6:]
    ]
    less, more = start.penalty / 2, start.penalty * 2
    assert moved == [
        {"level_functions": 3},
        {"penalty": less},
        {"penalty": more},
        {"hidden": 200},
    ]


@pytest.mark.parametrize(("gain", "hidden", "most"), [(0.0002, 100, 200), (0.002, 400, 400)])
def test_a_gain_too_small_to_matter_is_not_followed(gain, hidden, most):
    chosen, tried = explored(lambda settings: 1 - gain * settings.hidden / 100, by="user")

    assert chosen.hidden == hidden
    assert max(choice.hidden for choice in tried) == most


@pytest.mark.parametrize(("name", "value"), [("penalty", 7.0), ("hidden", 30), ("level_functions", 1)])
def test_what_is_given_is_not_moved(name, value):
    _, tried = explored(distance({"penalty": 0.5, "hidden": 400}), HALF_STARS, **{name: value})

    assert {getattr(choice, name) for choice in tried} == {value}


def test_contrastive_divergence_has_no_penalty_to_move():
    given = {"by": "user", "objective": "divergence", "hidden": 10, "level_functions": 2}

    _, tried = explored(distance({"penalty": 0.5}), **given)

    assert len(tried) == 1


@pytest.mark.parametrize(("levels", "tried_functions"), [(3, {0}), (4, {0, 2, 3}), (5, {0, 2, 3})])
def test_levels_of_a_short_scale_keep_their_weights(levels, tried_functions):
    shape = Shape(users=1000, items=1700, ratings=90_000, levels=levels)

    _, tried = explored(lambda _: 1.0, shape)

    assert {choice.level_functions for choice in tried} == tried_functions


def test_settings_that_leave_the_finite_numbers_are_not_chosen():
    chosen, _ = explored(lambda settings: math.inf if settings.by == "item" else 1.0)

    assert chosen.by == "user"


def test_nothing_is_moved_by_another_preset():
    _, tried = explored(distance({"hidden": 400}), preset="fast")

    assert len(tried) == 1

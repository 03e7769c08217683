"""What a search varies: the defaults lie within, what is fixed stays, only what has an effect is drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest

from rbmcli.config import TrainSettings
from rbmcli.models.defaults import Shape
from rbmcli.models.exploration import candidates
from rbmcli.models.tuning import Choice, Interval, Range, SearchSpace, search_space

FIVE_LEVELS = Shape(users=1000, items=1700, ratings=90_000, levels=5)
SPARSE = Shape(users=15_000, items=10_000, ratings=80_000, levels=11)
OF_DIVERGENCE = {"learning_rate", "weight_decay"}
OF_DISCRIMINATIVE = {"keep", "squared_share", "network_rate", "penalty"}


def space_of(*fixed: str, shape: Shape = FIVE_LEVELS, **given: Any) -> SearchSpace:
    """Return what is searched where some settings are given, and these or others are fixed."""
    return search_space(TrainSettings(**{"preset": "accurate", **given}), [*fixed, *given], shape)


def lowest(asked: dict[str, Range], **chosen: Any) -> Callable[[str, Range], Any]:
    """Return a draw that takes what is chosen or else the lowest or first, and keeps what it was asked."""

    def draw(name: str, range_: Range) -> Any:
        asked[name] = range_
        return chosen.get(name, range_.values[0] if isinstance(range_, Choice) else range_.low)

    return draw


@pytest.mark.parametrize("shape", [FIVE_LEVELS, SPARSE])
def test_the_first_trials_are_what_preset_accurate_tries_and_lie_within_the_ranges(shape: Shape) -> None:
    space = space_of(shape=shape)

    assert space.defaults == candidates(TrainSettings(preset="accurate"), shape)
    for settings in space.defaults:
        for name, value in space.searched(settings).items():
            range_ = space.ranges[name]
            if isinstance(range_, Choice):
                assert value in range_.values
            else:
                assert range_.low <= value <= range_.high


def test_a_default_outside_of_the_usual_range_widens_it() -> None:
    given = TrainSettings(preset="accurate", penalty=300.0, batch_size=64, hidden=7)

    ranges = search_space(given, [], FIVE_LEVELS).ranges

    assert ranges["penalty"] == Interval(0.2, 300.0)
    assert ranges["batch_size"] == Choice((50, 100, 200, 500, 64))
    assert ranges["hidden"] == Interval(7, 500, whole=True)


def test_everything_that_is_searched_is_a_setting_of_training() -> None:
    names = {entry.name for entry in fields(TrainSettings)}

    assert set(space_of().ranges) < names
    assert {"by", "objective", "hidden", "level_functions", "row_bias_strength"} <= set(space_of().ranges)


def test_what_is_fixed_is_neither_searched_nor_changed() -> None:
    space = space_of(by="item", keep=0.5, hidden=33)

    asked: dict[str, Range] = {}
    drawn = space.draw(lowest(asked))

    assert not {"by", "keep", "hidden"} & (set(space.ranges) | set(asked))
    assert (drawn.by, drawn.keep, drawn.hidden) == ("item", 0.5, 33)


@pytest.mark.parametrize(
    ("objective", "fine_tune", "of_stages"),
    [
        ("divergence", False, OF_DIVERGENCE),
        ("discriminative", False, OF_DISCRIMINATIVE),
        ("divergence", True, OF_DIVERGENCE | OF_DISCRIMINATIVE),
    ],
)
def test_only_what_the_objective_uses_is_drawn(objective: str, fine_tune: bool, of_stages: set) -> None:
    asked: dict[str, Range] = {}

    drawn = space_of("fine_tune", fine_tune=fine_tune).draw(lowest(asked, objective=objective))

    assert ("objective" in asked) is not fine_tune

    assert set(asked) & (OF_DIVERGENCE | OF_DISCRIMINATIVE) == of_stages
    assert drawn.objective == objective


def test_drawn_settings_are_taken_and_the_rest_is_default() -> None:
    space = space_of(epochs=17)

    asked: dict[str, Range] = {}
    drawn = space.draw(lowest(asked, by="user", hidden=77))

    start = candidates(TrainSettings(preset="accurate", epochs=17, by="user"), FIVE_LEVELS)[0]
    assert (drawn.by, drawn.hidden, drawn.epochs, drawn.network_rate) == ("user", 77, 17, 5e-4)
    assert (drawn.weight_decay, drawn.patience) == (start.weight_decay, start.patience)
    assert space.searched(drawn) == {name: getattr(drawn, name) for name in space.ranges if name in asked}


def test_the_strength_of_a_row_bias_that_is_not_there_is_not_drawn() -> None:
    asked: dict[str, Range] = {}

    space_of(row_bias=False).draw(lowest(asked))

    assert "row_bias_strength" not in asked
    assert "prior_strength" in asked


@pytest.mark.parametrize(("levels", "is_searched"), [(2, False), (3, False), (4, True), (11, True)])
def test_shared_weights_are_tried_where_levels_are_more_than_three(levels: int, is_searched: bool) -> None:
    space = space_of(shape=Shape(users=50, items=40, ratings=800, levels=levels))

    assert ("level_functions" in space.ranges) == is_searched


def test_numbers_are_rounded_to_what_a_user_would_write() -> None:
    assert Interval(5e-4, 1e-2).rounded(0.00318734) == 0.00319
    assert Interval(20, 500, whole=True).rounded(123) == 123
    assert Choice((50, 100)).rounded(100) == 100


def test_spaces_with_other_ranges_or_defaults_are_told_apart() -> None:
    spaces = [space_of(), space_of(by="item"), space_of(epochs=9), space_of(shape=SPARSE)]

    told = [str(space.as_dict()) for space in spaces]

    assert len(set(told)) == len(spaces)
    assert space_of().as_dict() == space_of().as_dict()

"""The settings that a search varies: which, within what range, and what the others are meanwhile.

Nothing here knows who searches: a trial is drawn by a function that is asked for one value after the other.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rbmcli.config import ResolvedSettings, TrainSettings
from rbmcli.models.defaults import Shape, resolved
from rbmcli.models.exploration import candidates

_DIGITS = 3
"""Significant digits of a searched number: more would not show in any figure, but would in the file."""


@dataclass(frozen=True)
class Interval:
    """Numbers from `low` to `high`, whole ones or all, by equal steps or by equal factors."""

    low: float
    high: float
    by_factors: bool = True
    whole: bool = False

    def containing(self, values: Collection[float]) -> Interval:
        """Return the same, widened where a value lies outside."""
        return dataclasses.replace(self, low=min(self.low, *values), high=max(self.high, *values))

    def rounded(self, value: float) -> float:
        """Return a number of it as a user would write it."""
        return int(value) if self.whole else float(f"{value:.{_DIGITS}g}")


@dataclass(frozen=True)
class Choice:
    """One of some values."""

    values: tuple[Any, ...]

    def containing(self, values: Collection[Any]) -> Choice:
        """Return the same, with further values behind where they are not among them."""
        return Choice((*self.values, *sorted(set(values) - set(self.values))))

    def rounded(self, value: Any) -> Any:
        """Return the value."""
        return value


Range = Interval | Choice
Draw = Callable[[str, Range], Any]

_WAYS: dict[str, Range] = {
    "by": Choice(("item", "user")),
    "objective": Choice(("discriminative", "divergence")),
}
_OF_EVERY_MODEL: dict[str, Range] = {
    "hidden": Interval(20, 500, whole=True),
    "level_functions": Choice((0, 1, 2, 3)),
    "row_bias_strength": Interval(3, 300),
    "prior_strength": Interval(3, 300),
    "tilt_strength": Interval(0.5, 50),
    "batch_size": Choice((50, 100, 200, 500)),
}
_OF_STAGE: dict[str, dict[str, Range]] = {
    "divergence": {
        "learning_rate": Interval(0.01, 0.2),
        "weight_decay": Interval(1e-3, 3e-2),
    },
    "discriminative": {
        "keep": Interval(0.3, 0.8, by_factors=False),
        "squared_share": Interval(0.0, 1.0, by_factors=False),
        "network_rate": Interval(5e-4, 1e-2),
        "penalty": Interval(0.2, 50),
    },
}


@dataclass(frozen=True)
class SearchSpace:
    """What is searched on some ratings.

    Attributes
    ----------
    given : TrainSettings
        Settings that are not searched; where they leave something open, the defaults for `shape` hold.
    shape : Shape
        The training ratings.
    ranges : mapping of str to Interval or Choice
        Settings that are searched, with where their values come from.
    defaults : sequence of ResolvedSettings
        What preset accurate tries first, each within the ranges: the first trials.
    """

    given: TrainSettings
    shape: Shape
    ranges: Mapping[str, Range]
    defaults: Sequence[ResolvedSettings]

    def searched(self, settings: ResolvedSettings) -> dict[str, Any]:
        """Return the searched settings that have an effect, given all of them, with their values."""
        used = {*_WAYS, *_OF_EVERY_MODEL}
        used.update(name for stage in settings.stages() for name in _OF_STAGE[stage])
        if not settings.row_bias:
            used.discard("row_bias_strength")
        return {name: getattr(settings, name) for name in self.ranges if name in used}

    def draw(self, draw: Draw) -> ResolvedSettings:
        """Return settings whose searched values come from `draw`, called with name and range of each.

        How to train is drawn first; what else there is to draw depends on it.
        """
        ways = {name: draw(name, self.ranges[name]) for name in _WAYS if name in self.ranges}
        start = resolved(dataclasses.replace(self.given, **ways), self.shape)
        others = [name for name in self.searched(start) if name not in ways]
        return dataclasses.replace(start, **{name: draw(name, self.ranges[name]) for name in others})

    def as_dict(self) -> dict[str, Any]:
        """Return the ranges and the defaults as plain values, which tell one search from another."""
        ranges = {name: dataclasses.asdict(range_) for name, range_ in self.ranges.items()}
        return {"ranges": ranges, "defaults": [settings.as_dict() for settings in self.defaults]}


def search_space(given: TrainSettings, fixed: Collection[str], shape: Shape) -> SearchSpace:
    """Return what there is to search.

    Parameters
    ----------
    given : TrainSettings
        Settings as the user gave them, with preset accurate.
    fixed : collection of str
        Names of those that must stay as they are.
    shape : Shape
        The training ratings.
    """
    defaults = candidates(given, shape)
    possible = dict(_WAYS | _OF_EVERY_MODEL)
    for ranges in _OF_STAGE.values():
        possible.update(ranges)
    # On few levels shared weights have nothing to save.
    left_out = set(fixed) | (set() if shape.levels > 3 else {"level_functions"})
    if given.fine_tune:
        left_out.add("objective")
    if given.layers:
        left_out.add("hidden")
    # The search starts from the defaults, wherever the data's shape has put them.
    ranges = {
        name: range_.containing([getattr(settings, name) for settings in defaults])
        for name, range_ in possible.items()
        if name not in left_out
    }
    return SearchSpace(given, shape, ranges, defaults)

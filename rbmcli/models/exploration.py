"""Choosing settings on validation ratings: what preset accurate tries, one thing at a time.

First come orientation and objective, each way by the settings that the data's shape gives. From the best of
them one setting after the other is moved, up and down, for as long as that helps. Only what is not given is
moved.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Protocol

from rbmcli.config import ResolvedSettings, TrainSettings
from rbmcli.models.defaults import FEWEST_LEVELS, FUNCTIONS, Shape, resolved

LEAST_GAIN = 5e-4
"""Share of the RMSE that a move has to gain: less may be chance, and a larger model costs time."""

MOVED = ("by", "objective", "hidden", "penalty", "level_functions")
"""Settings that may differ from one trial to the next."""

_LEAST_PENALTY, _LARGEST_PENALTY = 0.1, 64.0
_MOST_HIDDEN = 400


def candidates(settings: TrainSettings, shape: Shape) -> list[ResolvedSettings]:
    """Return the ways to try first: one, or with preset accurate each orientation and each objective.

    Discriminative training is tried without shared weights too, which suits the sparsest ratings. Each is
    tried as far as it is not given.
    """
    if settings.preset != "accurate":
        return [resolved(settings, shape)]
    orientations = [settings.by] if settings.by else ["item", "user"]
    objectives = ["discriminative", "divergence"]
    if settings.objective or settings.fine_tune:
        objectives = [settings.objective or "divergence"]
    ways = []
    for by in orientations:
        for objective in objectives:
            way = dataclasses.replace(settings, by=by, objective=objective)
            ways.append(resolved(way, shape))
            if objective == "discriminative" and settings.level_functions is None:
                ways.append(resolved(dataclasses.replace(way, level_functions=0), shape))
    return list(dict.fromkeys(ways))


class Attempts(Protocol):
    """Training by one settings after the other; only the best so far need be remembered."""

    def measure(self, settings: ResolvedSettings) -> float:
        """Train, and return the validation RMSE."""

    def keep(self) -> None:
        """Remember what was trained last in place of what was remembered before."""


def explore(settings: TrainSettings, shape: Shape, attempts: Attempts) -> ResolvedSettings:
    """Return the settings that are best by validation RMSE; what was kept last was trained by them.

    Parameters
    ----------
    settings : TrainSettings
        Settings as the user gave them; what is not None stays.
    shape : Shape
        The training ratings.
    attempts : Attempts
        Where it is trained, once by each settings that are tried.
    """
    best, *others = candidates(settings, shape)
    tried = {best: attempts.measure(best)}
    attempts.keep()
    for choice in others:
        tried[choice] = attempts.measure(choice)
        if tried[choice] < tried[best]:
            best = choice
            attempts.keep()
    if settings.preset != "accurate":
        return best
    for moves in _directions(settings, shape):
        start = best
        for move in moves:
            moved = move(best)
            while moved is not None and moved not in tried:
                tried[moved] = attempts.measure(moved)
                if not tried[moved] < tried[best] * (1 - LEAST_GAIN):
                    break
                best = moved
                attempts.keep()
                moved = move(best)
            if best is not start:
                break
    return best


_Move = Callable[[ResolvedSettings], ResolvedSettings | None]


def _directions(settings: TrainSettings, shape: Shape) -> Iterator[list[_Move]]:
    """Yield, for each setting that may be moved, its moves: opposite ones together."""
    if settings.level_functions is None and shape.levels >= FEWEST_LEVELS:
        yield [_more_functions]
    if settings.penalty is None:
        yield [lambda best: _penalty_times(best, 0.5), lambda best: _penalty_times(best, 2.0)]
    if settings.hidden is None:
        yield [_more_hidden]


def _more_functions(best: ResolvedSettings) -> ResolvedSettings | None:
    return (
        dataclasses.replace(best, level_functions=FUNCTIONS + 1)
        if best.level_functions == FUNCTIONS
        else None
    )


def _penalty_times(best: ResolvedSettings, factor: float) -> ResolvedSettings | None:
    penalty = best.penalty * factor
    if "discriminative" not in best.stages() or not _LEAST_PENALTY <= penalty <= _LARGEST_PENALTY:
        return None
    return dataclasses.replace(best, penalty=penalty)


def _more_hidden(best: ResolvedSettings) -> ResolvedSettings | None:
    return dataclasses.replace(best, hidden=2 * best.hidden) if 2 * best.hidden <= _MOST_HIDDEN else None

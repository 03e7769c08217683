"""How sure figures are: intervals by drawing users anew, of figures and of differences between models.

Users are drawn, not pairs, because the ratings of one user resemble each other: the interval is for the
figure that other users of the same kind would give. Intervals are bias-corrected and accelerated (BCa), which
unlike plain percentiles allow for figures that are skewed or, as ratios, off their mark when users are few.

Source: B. Efron (1987), "Better bootstrap confidence intervals", J. Amer. Statist. Assoc.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist

import numpy as np

from rbmcli.kernels.bootstrap import resampled_sums
from rbmcli.models.moments import figures_from

RESAMPLES = 1000
LEVEL = 0.95

FiguresFrom = Callable[[np.ndarray], np.ndarray]
"""What makes figures, (..., F), of sums, (..., M), such as `rbmcli.models.moments.figures_from`."""

_NORMAL = NormalDist()


@dataclass(frozen=True)
class PairedDifference:
    """How the figures of two models differ on the same pairs.

    Attributes
    ----------
    first, second : int
        Places of the models in the list that was given.
    difference : ndarray of float64, shape (F,)
        Figures of the first less those of the second; NaN where one of them has none.
    low, high : ndarray of float64, shape (F,)
        Ends of the interval; NaN where there is none.
    beyond_chance : ndarray of bool, shape (F,)
        Whether the interval leaves out 0. Each is judged by itself: of twenty differences that are none, one
        is expected to seem one at a level of 0.95.
    """

    first: int
    second: int
    difference: np.ndarray
    low: np.ndarray
    high: np.ndarray
    beyond_chance: np.ndarray


def intervals(
    moments: np.ndarray,
    seed: int,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    figures: FiguresFrom = figures_from,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the intervals of figures.

    Parameters
    ----------
    moments : ndarray of float64, shape (U, M)
        Sums of each user's pairs. Users whose sums are all 0 have no pairs, and are not drawn.
    seed : int
        Equal seeds draw the same users; from 0 to 2^64 - 1.
    resamples : int
        How many times U users are drawn.
    level : float
        How often an interval shall hold the true figure, between 0 and 1.
    figures : callable
        What makes figures of sums; by default `rbmcli.models.moments.figures_from`.

    Returns
    -------
    low, high : ndarray of float64, shape (F,)
        NaN where there is no interval: with one user, and for a figure that some users do not have.
    """
    total, drawn, without_one = _samples([moments], seed, resamples)
    return _ends(figures(total[0]), figures(drawn[0]), figures(without_one[0]), level)


def paired_intervals(
    moments: Sequence[np.ndarray],
    seed: int,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    figures: FiguresFrom = figures_from,
) -> list[PairedDifference]:
    """Return the differences between models on the same pairs, with their intervals.

    The same users are drawn for all models, so what users have in common falls out of the difference.

    Parameters
    ----------
    moments : sequence of ndarray of float64, shape (U, M)
        Sums of each user's pairs, of each model; the users are the same, in the same order.
    seed, resamples, level, figures
        As for `intervals`.

    Returns
    -------
    list of PairedDifference
        One for each two models: first with second, first with third, and so on.
    """
    samples = [figures(sums) for sums in _samples(moments, seed, resamples)]
    found = []
    for first, second in combinations(range(len(moments)), 2):
        estimate, drawn, without_one = (each[first] - each[second] for each in samples)
        low, high = _ends(estimate, drawn, without_one, level)
        found.append(PairedDifference(first, second, estimate, low, high, (low > 0) | (high < 0)))
    return found


def _samples(
    moments: Sequence[np.ndarray], seed: int, resamples: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return sums over all users (L, M), over those drawn (L, B, M) and over all but each one (L, U, M)."""
    stacked = np.concatenate(moments, axis=1)
    stacked = np.ascontiguousarray(stacked[stacked.any(axis=1)])
    total, drawn = stacked.sum(axis=0), np.empty((resamples, stacked.shape[1]))
    resampled_sums(stacked, np.uint64(seed), drawn)

    def by_model(sums: np.ndarray) -> np.ndarray:
        return sums.reshape(len(sums), len(moments), moments[0].shape[1]).transpose(1, 0, 2)

    return by_model(total[None])[:, 0], by_model(drawn), by_model(total - stacked)


def _ends(
    estimate: np.ndarray, drawn: np.ndarray, without_one: np.ndarray, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the intervals of figures (F,), given (B, F) drawn and (U, F) with one user less.

    The ends are the quantiles Phi(z + (z + z_a) / (1 - a (z + z_a))) of those drawn, for z_a at either end:
    Phi(z) is the share of those drawn that are below the figure, and a a sixth of the skewness of what
    single users add to it.
    """
    ends = np.full((2, len(estimate)), np.nan)
    if len(without_one) > 1:
        for place, figure in enumerate(estimate):
            of_drawn, of_fewer = drawn[:, place], without_one[:, place]
            if np.isfinite(figure) and np.isfinite(of_drawn).all() and np.isfinite(of_fewer).all():
                ends[:, place] = _accelerated(figure, of_drawn, of_fewer, level)
    return ends[0], ends[1]


def _accelerated(figure: float, drawn: np.ndarray, without_one: np.ndarray, level: float) -> np.ndarray:
    """Return the two ends of the interval of one figure."""
    # Half of those that equal the figure count as below it: a figure that never moves has an interval too.
    below = np.mean(drawn < figure) + np.mean(drawn == figure) / 2
    least = 0.5 / len(drawn)
    shift = _NORMAL.inv_cdf(min(max(float(below), least), 1 - least))
    added = without_one.mean() - without_one
    spread = np.sum(added * added) ** 1.5
    acceleration = np.sum(added**3) / (6 * spread) if spread > 0 else 0.0
    # It is at most 1/6 and z + z_a at most 3.3 + 2 or so, for which the denominator stays positive.
    shares = []
    for tail in ((1 - level) / 2, (1 + level) / 2):
        moved = shift + _NORMAL.inv_cdf(tail)
        shares.append(_NORMAL.cdf(shift + moved / (1 - acceleration * moved)))
    return np.quantile(drawn, shares)

"""How sure figures are: intervals by drawing users anew, of figures and of differences between models.

Users are drawn, not pairs, because the ratings of one user resemble each other: the interval is for the
figure that other users of the same kind would give.

An interval is the figure and as much to either side, t s: s its standard error, and t such that of
resamples the given share has |figure drawn - figure| <= t times the standard error that the resample itself
tells. So t is larger than the 1.96 of the normal distribution where users are few or few of them have most of
the pairs, and plain percentiles would be too narrow; `benchmarks/coverage.py` measures it.

Source: P. Hall (1988), "On symmetric bootstrap confidence intervals", J. R. Statist. Soc. B.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from rbmcli.kernels.bootstrap import resampled_squares, resampled_sums
from rbmcli.models.moments import RATING_FIGURES, SmoothFigures

RESAMPLES = 1000
LEVEL = 0.95

_ALONE = -1
_LEAST_ERROR = 1e-9
"""Part of the standard error below which a resample's own is rounding: it drew one user all the time."""


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
    figures: SmoothFigures = RATING_FIGURES,
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
    figures : SmoothFigures
        What figures the sums make; by default those of ratings.

    Returns
    -------
    low, high : ndarray of float64, shape (F,)
        NaN where there is no interval: with one user, and where more than 1 - `level` of the resamples do not
        have the figure or tell nothing of its standard error, as with two users.
    """
    estimate, half = _estimated([moments], [(0, _ALONE)], seed, resamples, level, figures)
    low, high = estimate[0] - half[0], estimate[0] + half[0]
    return np.maximum(low, figures.least), np.minimum(high, figures.most)


def paired_intervals(
    moments: Sequence[np.ndarray],
    seed: int,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    figures: SmoothFigures = RATING_FIGURES,
    compared: Sequence[tuple[int, int]] | None = None,
) -> list[PairedDifference]:
    """Return the differences between models on the same pairs, with their intervals.

    The same users are drawn for all models, so what users have in common falls out of the difference.

    Parameters
    ----------
    moments : sequence of ndarray of float64, shape (U, M)
        Sums of each user's pairs, of each model; the users are the same, in the same order.
    seed, resamples, level, figures
        As for `intervals`.
    compared : sequence of tuple of int, optional
        Places of the models to compare; each two of them if not given.

    Returns
    -------
    list of PairedDifference
        One for each of `compared`; without it first with second, first with third, and so on.
    """
    compared = list(combinations(range(len(moments)), 2)) if compared is None else list(compared)
    if not compared:
        return []
    found = zip(compared, *_estimated(moments, compared, seed, resamples, level, figures), strict=True)
    return [
        PairedDifference(
            *models, estimate, estimate - half, estimate + half, (estimate > half) | (estimate < -half)
        )
        for models, estimate, half in found
    ]


def _estimated(
    moments: Sequence[np.ndarray],
    compared: list[tuple[int, int]],
    seed: int,
    resamples: int,
    level: float,
    figures: SmoothFigures,
) -> tuple[np.ndarray, np.ndarray]:
    """Return figures, or their differences, (P, F), and how far their intervals go to either side."""
    rows = np.stack(moments, axis=1)
    rows = np.ascontiguousarray(rows[rows.any(axis=(1, 2))])
    users, models, columns = rows.shape
    places, key = np.array(compared, dtype=np.int64), np.uint64(seed)
    sums = np.empty((resamples, models * columns))
    resampled_sums(rows.reshape(users, models * columns), key, sums)
    sums, total = sums.reshape(resamples, models, columns), rows.sum(axis=0)
    slopes = figures.slopes(sums)
    squares = np.empty((resamples, len(places), slopes.shape[2]))
    resampled_squares(rows, key, slopes, places, squares)
    with np.errstate(invalid="ignore"):
        shares = np.einsum("ulm,lfm->ulf", rows, figures.slopes(total))
    error = np.sqrt(np.sum(_compared(shares, places) ** 2, axis=0))
    estimate = _compared(figures.values(total)[None], places)[0]
    moved = np.abs(_compared(figures.values(sums), places) - estimate)
    return estimate, _half(moved, np.sqrt(squares), error, level) * (1.0 if users > 1 else np.nan)


def _compared(of_models: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return what there is of models, (..., L, F), less what there is of those compared with: (..., P, F)."""
    first, second = of_models[:, places[:, 0]], of_models[:, places[:, 1]]
    return first if places[0, 1] == _ALONE else first - second


def _half(moved: np.ndarray, errors: np.ndarray, error: np.ndarray, level: float) -> np.ndarray:
    """Return t s for errors s, (P, F), given how far resamples moved and their own errors, both (B, P, F)."""
    known = np.isfinite(moved) & (errors > _LEAST_ERROR * error)
    ratio = np.divide(moved, errors, out=np.full_like(moved, np.inf), where=known)
    place = min(int(np.ceil(level * (len(ratio) + 1))), len(ratio)) - 1
    t = np.partition(ratio, place, axis=0)[place]
    half = np.full_like(t, np.nan)
    np.multiply(t, error, out=half, where=np.isfinite(t))
    # Where no user differs from another nothing is drawn but the figure itself, if there is more than one.
    half[(error == 0) & (np.isfinite(moved).mean(axis=0) >= level)] = 0.0
    return half

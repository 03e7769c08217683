"""Figures as functions of sums over pairs, so that figures of other sets of users are sums of rows.

What `rbmcli.models.metrics` says of all pairs follows from a few sums, the moments. Kept by user, they are
enough for the figures of any users, each taken any number of times, without going through the pairs again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rbmcli.data.levels import UNKNOWN
from rbmcli.models.metrics import most_probable, nll_of_each, rps_of_each

FIGURES = ("rmse", "mae", "nll", "rps", "accuracy", "kappa")
"""Names of the figures, in the order in which they stand in arrays."""

MOMENTS = (
    "pairs",
    "squared_error",
    "absolute_error",
    "pairs_on_levels",
    "nll",
    "rps",
    "hits",
    "true",
    "true_squared",
    "predicted",
    "predicted_squared",
    "difference_squared",
)
"""Names of the sums. From the fourth on they are over pairs with probabilities whose rating is on a level;
the last five are of indices of levels, the true ones and the most probable ones."""


@dataclass(frozen=True)
class SmoothFigures:
    """Figures that are smooth functions of sums, as the bootstrap takes them.

    Attributes
    ----------
    values : callable
        What makes figures, (..., F), of sums, (..., M): the same of sums twice as large.
    slopes : callable
        What makes of the same sums the derivatives of the figures by the sums, (..., F, M).
    least, most : ndarray of float64, shape (F,)
        Between what bounds the figures are.
    """

    values: Callable[[np.ndarray], np.ndarray]
    slopes: Callable[[np.ndarray], np.ndarray]
    least: np.ndarray
    most: np.ndarray


def moments_of(
    user: np.ndarray,
    n_users: int,
    prediction: np.ndarray,
    rating: np.ndarray,
    probabilities: np.ndarray | None = None,
    level: np.ndarray | None = None,
) -> np.ndarray:
    """Return the moments of each user's pairs.

    Parameters
    ----------
    user : ndarray of int, shape (n,)
        Index of the user of each pair, 0 to `n_users` - 1.
    n_users : int
        Users; those without pairs have zeros.
    prediction, rating : ndarray of float, shape (n,)
        Finite values.
    probabilities : ndarray of float, shape (n, K), optional
        Probability of each level; K at least 2.
    level : ndarray of int, shape (n,), optional
        Index of the true level, or `UNKNOWN` where the rating is on none: such a pair counts in rmse and mae
        alone. Needed with the probabilities.

    Returns
    -------
    ndarray of float64, shape (n_users, 12)
        Sums, in the order of `MOMENTS`.
    """
    error = np.asarray(prediction, dtype=np.float64) - rating
    sums = np.zeros((n_users, len(MOMENTS)))
    _add(sums, 0, user, [None, error * error, np.abs(error)])
    if probabilities is None or level is None:
        return sums
    known = level != UNKNOWN
    if not known.all():
        user, probabilities, level = user[known], probabilities[known], level[known]
    predicted, true = most_probable(probabilities).astype(np.float64), level.astype(np.float64)
    scores = [nll_of_each(probabilities, level), rps_of_each(probabilities, level), predicted == true]
    pairs = [true, true**2, predicted, predicted**2, (true - predicted) ** 2]
    _add(sums, 3, user, [None, *scores, *pairs])
    return sums


def figures_from(sums: np.ndarray) -> np.ndarray:
    """Return the figures that moments come to.

    Parameters
    ----------
    sums : ndarray of float64, shape (..., 12)
        Moments, summed over whatever users.

    Returns
    -------
    ndarray of float64, shape (..., 6)
        The figures, in the order of `FIGURES`; NaN where there are no pairs to measure them on, and for kappa
        also where all true and predicted levels are one and the same.
    """
    pairs, squared, absolute, on_levels, nll, rps, hits, *kappa = np.moveaxis(sums, -1, 0)
    true, true_squared, predicted, predicted_squared, difference = kappa
    with np.errstate(divide="ignore", invalid="ignore"):
        dealt = true_squared + predicted_squared - 2 * true * (predicted / on_levels)
        figures = [
            # A sum from which one user's has been taken may be a hair below 0.
            np.sqrt(np.maximum(squared, 0) / pairs),
            absolute / pairs,
            nll / on_levels,
            rps / on_levels,
            hits / on_levels,
            np.where(dealt > 0, 1 - difference / dealt, np.nan),
        ]
    return np.stack(figures, axis=-1)


def counts_from(sums: np.ndarray) -> np.ndarray:
    """Return how many pairs each figure is measured on, int64 (..., 6); arguments as of `figures_from`."""
    counts = [sums[..., MOMENTS.index(name)] for name in ("pairs", "pairs_on_levels")]
    return np.stack([*counts[:1] * 2, *counts[1:] * 4], axis=-1).astype(np.int64)


def slopes_from(sums: np.ndarray) -> np.ndarray:
    """Return the derivatives of the figures by the moments.

    Parameters
    ----------
    sums : ndarray of float64, shape (..., 12)
        Moments, summed over whatever users.

    Returns
    -------
    ndarray of float64, shape (..., 6, 12)
        NaN or infinite where the figure has none.
    """
    figures, slopes = figures_from(sums), np.zeros((*sums.shape[:-1], len(FIGURES), len(MOMENTS)))
    pairs, on_levels, true, predicted = (
        sums[..., MOMENTS.index(name)] for name in ("pairs", "pairs_on_levels", "true", "predicted")
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        for figure, (count, total) in enumerate([(0, 1), (0, 2), (3, 4), (3, 5), (3, 6)]):
            slopes[..., figure, total] = 1 / sums[..., count]
            slopes[..., figure, count] = -figures[..., figure] / sums[..., count]
        # A root has no slope at 0. That of the moments does as well, since none of them moves it.
        slopes[..., 0, 1] = np.where(figures[..., 0] == 0, 0, 1 / (2 * figures[..., 0] * pairs))
        slopes[..., 0, 0] = -figures[..., 0] / (2 * pairs)
        # Kappa is 1 - d / e, with e = t2 + p2 - 2 t p / n.
        difference = sums[..., 11]
        true_mean, predicted_mean = true / on_levels, predicted / on_levels
        dealt = sums[..., 8] + sums[..., 10] - 2 * true * predicted_mean
        by_dealt = difference / dealt**2
        slopes[..., 5, 11] = -1 / dealt
        slopes[..., 5, 8] = slopes[..., 5, 10] = by_dealt
        slopes[..., 5, 7] = -2 * predicted_mean * by_dealt
        slopes[..., 5, 9] = -2 * true_mean * by_dealt
        slopes[..., 5, 3] = 2 * true_mean * predicted_mean * by_dealt
    return slopes


def _add(sums: np.ndarray, first: int, user: np.ndarray, terms: list[np.ndarray | None]) -> None:
    """Fill columns with the sums of terms by user; a term that is None counts the pairs."""
    for column, term in enumerate(terms, first):
        sums[:, column] = np.bincount(user, weights=term, minlength=len(sums))


RATING_FIGURES = SmoothFigures(
    values=figures_from,
    slopes=slopes_from,
    least=np.array([0.0, 0.0, 0.0, 0.0, 0.0, -np.inf]),
    most=np.array([np.inf, np.inf, np.inf, 1.0, 1.0, 1.0]),
)
"""The figures of ratings, as functions of `MOMENTS`."""

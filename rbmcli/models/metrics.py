"""How far predictions are from what happened: the formulas, one function each.

n pairs, each with a true rating r, a prediction p, and, where the model tells them, the probabilities
q_0 ... q_{K-1} of the K levels with the true level t. All sums are float64.
"""

from __future__ import annotations

import numpy as np

PROBABILITY_FLOOR = 1e-12
"""Least probability in the logarithm, so that one impossible event does not make the mean infinite."""


def rmse(prediction: np.ndarray, rating: np.ndarray) -> float:
    """Return the root mean squared error, sqrt(1/n sum (p - r)^2), in units of the rating.

    Parameters
    ----------
    prediction, rating : ndarray of float, shape (n,)
        Finite values; n at least 1.
    """
    error = np.asarray(prediction, dtype=np.float64) - rating
    return float(np.sqrt(np.mean(error * error)))


def mae(prediction: np.ndarray, rating: np.ndarray) -> float:
    """Return the mean absolute error, 1/n sum |p - r|, in units of the rating.

    Parameters
    ----------
    prediction, rating : ndarray of float, shape (n,)
        Finite values; n at least 1.
    """
    return float(np.mean(np.abs(np.asarray(prediction, dtype=np.float64) - rating)))


def nll(probabilities: np.ndarray, level: np.ndarray) -> float:
    """Return the mean negative log-likelihood of the true levels, -1/n sum log max(q_t, 1e-12), in nats.

    Parameters
    ----------
    probabilities : ndarray of float, shape (n, K)
        Probability of each level; rows sum to 1.
    level : ndarray of int, shape (n,)
        Index of the true level, 0 to K - 1.
    """
    true = np.take_along_axis(probabilities, np.asarray(level, dtype=np.int64)[:, None], axis=1)[:, 0]
    return float(-np.mean(np.log(np.maximum(true.astype(np.float64), PROBABILITY_FLOOR))))


def accuracy(probabilities: np.ndarray, level: np.ndarray) -> float:
    """Return the share of pairs whose most probable level is the true one, 1/n sum [argmax q = t].

    Of levels that are equally probable the lowest counts as the most probable.

    Parameters
    ----------
    probabilities : ndarray of float, shape (n, K)
        Probability of each level.
    level : ndarray of int, shape (n,)
        Index of the true level, 0 to K - 1.
    """
    return float(np.mean(np.argmax(probabilities, axis=1) == level))

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
    return float(np.mean(nll_of_each(probabilities, level)))


def nll_of_each(probabilities: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Return -log max(q_t, 1e-12) of each pair, float64 (n,); arguments as of `nll`."""
    true = np.take_along_axis(probabilities, np.asarray(level, dtype=np.int64)[:, None], axis=1)[:, 0]
    return -np.log(np.maximum(true.astype(np.float64), PROBABILITY_FLOOR))


def rps(probabilities: np.ndarray, level: np.ndarray) -> float:
    """Return the mean ranked probability score: 0 is certain and right, 1 certain and as wrong as can be.

    1/n sum over pairs of 1/(K-1) sum_{k < K-1} (q_0 + ... + q_k - [t <= k])^2. Division by K - 1 is a
    convention that makes scales of any length comparable; some write the score without it. Levels count by
    their order alone, not by their values.

    Source: E. S. Epstein (1969), "A scoring system for probability forecasts of ranked categories", J. Appl.
    Meteorol.; the form with squares is that of A. H. Murphy (1971), "A note on the ranked probability score".

    Parameters
    ----------
    probabilities : ndarray of float, shape (n, K)
        Probability of each level, in their order; rows sum to 1; K at least 2.
    level : ndarray of int, shape (n,)
        Index of the true level, 0 to K - 1.
    """
    return float(np.mean(rps_of_each(probabilities, level)))


def rps_of_each(probabilities: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Return the ranked probability score of each pair, float64 (n,); arguments as of `rps`."""
    steps = probabilities.shape[1] - 1
    cumulated, total = np.zeros(len(level)), np.zeros(len(level))
    for k in range(steps):
        cumulated += probabilities[:, k]
        total += (cumulated - (level <= k)) ** 2
    return total / steps


def accuracy(probabilities: np.ndarray, level: np.ndarray) -> float:
    """Return the share of pairs whose most probable level is the true one, 1/n sum [argmax q = t].

    Parameters
    ----------
    probabilities : ndarray of float, shape (n, K)
        Probability of each level.
    level : ndarray of int, shape (n,)
        Index of the true level, 0 to K - 1.
    """
    return float(np.mean(most_probable(probabilities) == level))


def most_probable(probabilities: np.ndarray) -> np.ndarray:
    """Return the index of the most probable level of each pair, int64 (n,); of equals the lowest counts."""
    return np.argmax(probabilities, axis=1)


def kappa(probabilities: np.ndarray, level: np.ndarray) -> float:
    """Return the quadratic-weighted kappa of the true and the most probable levels.

    1 where they are the same, 0 where they agree no better than by chance, and below 0 where worse:
    1 - sum_n (t_n - p_n)^2 / (1/n sum_n sum_m (t_n - p_m)^2), with p the most probable level: how far levels
    are from the true ones, beside how far they were if dealt out anew. Where all true and predicted levels
    are one and the same there is nothing to compare with, and it is NaN.

    Source: J. Cohen (1968), "Weighted kappa", Psychol. Bull.

    Parameters
    ----------
    probabilities : ndarray of float, shape (n, K)
        Probability of each level.
    level : ndarray of int, shape (n,)
        Index of the true level, 0 to K - 1.
    """
    true, predicted = np.asarray(level, dtype=np.float64), most_probable(probabilities).astype(np.float64)
    dealt = true @ true + predicted @ predicted - 2 * true.sum() * predicted.mean()
    return float(1 - np.sum((true - predicted) ** 2) / dealt) if dealt > 0 else float("nan")

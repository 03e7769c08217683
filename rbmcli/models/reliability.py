"""Whether probabilities mean what they say: what is said to happen with 30% should happen 30% of the time.

Each level is judged by itself: its probabilities are put into bins of equal width, and in each bin the mean
probability is held against the share of pairs whose true level it is.

Source: M. P. Naeini, G. Cooper, M. Hauskrecht (2015), "Obtaining well calibrated probabilities using Bayesian
binning"; over all classes as in M. Kull et al. (2019), "Beyond temperature scaling".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BINS = 15
DRAWS = 200
QUANTILE = 0.95


@dataclass(frozen=True)
class Reliability:
    """Probabilities by bin, and what came of them.

    Bin i of the B holds probabilities above i / B and up to (i + 1) / B; the first holds 0 too.

    Attributes
    ----------
    count : ndarray of int64, shape (K, B)
        Pairs by bin of the probability of each level; each row sums to n.
    probability_sum : ndarray of float64, shape (K, B)
        Sum of those probabilities.
    hits : ndarray of int64, shape (K, B)
        How many of those pairs have the level.
    """

    count: np.ndarray
    probability_sum: np.ndarray
    hits: np.ndarray

    @property
    def mean_probability(self) -> np.ndarray:
        """The mean probability of each bin, float64 (K, B); NaN where it is empty."""
        return _ratio(self.probability_sum, self.count)

    @property
    def share(self) -> np.ndarray:
        """The share of pairs of each bin that have the level, float64 (K, B); NaN where it is empty."""
        return _ratio(self.hits, self.count)

    @property
    def error(self) -> float:
        """The expected calibration error, see `expected_error`; NaN without pairs."""
        return float(expected_error(self.hits, self))

    def pooled(self) -> Reliability:
        """Return the same over all levels together, as one: every array has the shape (1, B)."""
        sums = (each.sum(axis=0, keepdims=True) for each in (self.count, self.probability_sum, self.hits))
        return Reliability(*sums)


def reliability(probabilities: np.ndarray, level: np.ndarray, bins: int = BINS) -> Reliability:
    """Return the reliability table of the probabilities of each level.

    Parameters
    ----------
    probabilities : ndarray of float, shape (n, K)
        Probability of each level.
    level : ndarray of int, shape (n,)
        Index of the true level, 0 to K - 1.
    bins : int
        Bins of equal width, at least 1.
    """
    shape = (probabilities.shape[1], bins)
    count, hits = (np.zeros(shape, np.int64) for _ in range(2))
    sums = np.zeros(shape)
    for k in range(shape[0]):
        of_level = probabilities[:, k].astype(np.float64)
        place = np.clip(np.ceil(of_level * bins).astype(np.int64) - 1, 0, bins - 1)
        count[k] = np.bincount(place, minlength=bins)
        sums[k] = np.bincount(place, weights=of_level, minlength=bins)
        hits[k] = np.bincount(place[level == k], minlength=bins)
    return Reliability(count, sums, hits)


def expected_error(hits: np.ndarray, table: Reliability) -> np.ndarray:
    """Return the expected calibration error that a table would have with other outcomes.

    The mean over levels of sum over bins of (pairs in the bin / n) |share - mean probability|, which is
    1/(n K) sum |hits - sum of probabilities|.

    Parameters
    ----------
    hits : ndarray of int, shape (..., K, B)
        How many pairs of each bin have the level.
    table : Reliability
        The bins.

    Returns
    -------
    ndarray of float64, shape (...)
    """
    with np.errstate(invalid="ignore"):
        return np.abs(hits - table.probability_sum).sum(axis=(-2, -1)) / np.float64(table.count.sum())


def error_if_calibrated(
    probabilities: np.ndarray,
    seed: int,
    bins: int = BINS,
    draws: int = DRAWS,
    quantile: float = QUANTILE,
) -> float:
    """Return a quantile of the error that the same probabilities would show if they were exactly right.

    Even then the shares of finitely many pairs are not the probabilities. Levels are drawn from the
    probabilities, and the expected calibration error taken, many times: a model whose error is below the
    quantile cannot be told from one that is perfectly calibrated.

    Parameters
    ----------
    probabilities : ndarray of float32 or float64, shape (n, K)
        Probability of each level; n at least 1.
    seed : int
        Equal seeds draw the same levels; from 0 to 2^64 - 1.
    bins : int
        Bins of equal width.
    draws : int
        How many times the levels of all pairs are drawn.
    quantile : float
        Share of draws whose error is below what is returned.
    """
    # Here, because the kernels take a third of a second to load.
    from rbmcli.kernels.calibration import drawn_hits

    table = reliability(probabilities, np.zeros(len(probabilities), np.uint8), bins)
    hits = np.empty((draws, *table.count.shape), np.int64)
    drawn_hits(np.ascontiguousarray(probabilities), np.uint64(seed), hits)
    return float(np.quantile(expected_error(hits, table), quantile))


def _ratio(total: np.ndarray, count: np.ndarray) -> np.ndarray:
    return np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)

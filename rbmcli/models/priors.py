"""Base rates of the levels: of all ratings together, and of each column, smoothed towards them."""

from __future__ import annotations

import numpy as np

from rbmcli.data.ratings import CompressedRows


def global_prior(level: np.ndarray, levels: int) -> np.ndarray:
    """Return the share of each level among all ratings, float32 (K,), with one rating added to each."""
    counts = np.bincount(level, minlength=levels) + 1.0
    return (counts / counts.sum()).astype(np.float32)


def column_counts(ratings: CompressedRows, levels: int) -> np.ndarray:
    """Return n_i^k, the ratings of each column at each level, int64 (N, K)."""
    key = ratings.column.astype(np.int64) * levels + ratings.level
    return np.bincount(key, minlength=ratings.columns * levels).reshape(ratings.columns, levels)


def smoothed(counts: np.ndarray, prior: np.ndarray, strength: float) -> np.ndarray:
    """Return (n^k + s g^k) / (n + s), float32: base rates that start from s ratings at the prior.

    Parameters
    ----------
    counts : ndarray, shape (..., K)
        n^k.
    prior : ndarray, shape (K,)
        g^k, summing to 1.
    strength : float
        s, positive.
    """
    total = counts.sum(axis=-1, keepdims=True)
    return ((counts + strength * prior) / (total + strength)).astype(np.float32)

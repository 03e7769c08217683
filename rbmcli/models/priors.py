"""Base rates of the levels: of all ratings together, and of each column, smoothed towards them."""

from __future__ import annotations

import numpy as np

from rbmcli.config import ResolvedSettings
from rbmcli.data.ratings import CompressedRows
from rbmcli.kernels.row_bias import Smoothing, base_rates


def global_prior(level: np.ndarray, levels: int) -> np.ndarray:
    """Return the share of each level among all ratings, float32 (K,), with one rating added to each."""
    counts = np.bincount(level, minlength=levels) + 1.0
    return (counts / counts.sum()).astype(np.float32)


def column_counts(ratings: CompressedRows, levels: int) -> np.ndarray:
    """Return n_i^k, the ratings of each column at each level, int64 (N, K)."""
    key = ratings.column.astype(np.int64) * levels + ratings.level
    return np.bincount(key, minlength=ratings.columns * levels).reshape(ratings.columns, levels)


def standardised(values: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Return values of the levels with mean 0 and variance 1 under their base rates, float32 (K,)."""
    values, prior = np.asarray(values, np.float64), np.asarray(prior, np.float64)
    centred = values - values @ prior / prior.sum()
    return (centred / np.sqrt(centred**2 @ prior / prior.sum())).astype(np.float32)


def smoothings(
    settings: ResolvedSettings, values: np.ndarray, prior: np.ndarray
) -> tuple[Smoothing, Smoothing]:
    """Return what base rates and what row biases are made by.

    Parameters
    ----------
    settings : ResolvedSettings
        Strengths, and the penalty of the tilt.
    values, prior : ndarray, shape (K,)
        Value and base rate of each level.
    """
    scale = standardised(values, prior)
    row_strength = settings.row_bias_strength if settings.row_bias else 0.0
    return (
        Smoothing(settings.prior_strength, settings.tilt_penalty, scale),
        Smoothing(row_strength, settings.tilt_penalty, scale),
    )


def smoothed(counts: np.ndarray, prior: np.ndarray, smoothing: Smoothing) -> np.ndarray:
    """Return base rates from counts, float32; see `rbmcli.kernels.row_bias.base_rates`.

    Parameters
    ----------
    counts : ndarray, shape (n, K)
        n^k.
    prior : ndarray, shape (K,)
        g^k, summing to 1.
    smoothing : Smoothing
        What they are made by.
    """
    rates = np.empty(counts.shape, np.float32)
    base_rates(
        np.ascontiguousarray(counts, np.float32), np.ascontiguousarray(prior, np.float32), smoothing, rates
    )
    return rates

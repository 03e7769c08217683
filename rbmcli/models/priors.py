"""Base rates of the levels: of all ratings together, and of each column, smoothed towards them."""

from __future__ import annotations

import numpy as np

from rbmcli.config import ResolvedSettings
from rbmcli.data.ratings import CompressedRows
from rbmcli.kernels.counting import count_each, count_levels_of_each, count_levels_of_rows
from rbmcli.kernels.row_bias import Smoothing, Tallies, row_biases, tally_rows
from rbmcli.models.compression import transposed


def global_prior(level: np.ndarray, levels: int) -> np.ndarray:
    """Return the share of each level among all ratings, float32 (K,), with one rating added to each."""
    counts = np.zeros(max(levels, 256), np.int64)
    count_each(level, counts)
    smooth = counts[:levels] + 1.0
    return (smooth / smooth.sum()).astype(np.float32)


def level_counts(index: np.ndarray, level: np.ndarray, count: int, levels: int) -> np.ndarray:
    """Return how often each of `count` indices comes with each level, int64 (count, K)."""
    counts = np.zeros((count, levels), np.int64)
    count_levels_of_each(index, level, counts)
    return counts


def column_counts(ratings: CompressedRows, levels: int) -> np.ndarray:
    """Return n_i^k, the ratings of each column at each level, int64 (N, K)."""
    return level_counts(ratings.column, ratings.level, ratings.columns, levels)


def row_counts(ratings: CompressedRows, levels: int) -> np.ndarray:
    """Return n_u^k, the ratings of each row at each level, int64 (R, K)."""
    counts = np.zeros((len(ratings), levels), np.int64)
    count_levels_of_rows(ratings.start, ratings.level, counts)
    return counts


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
        Strengths.
    values, prior : ndarray, shape (K,)
        Value and base rate of each level.
    """
    scale = standardised(values, prior)
    row_strength = settings.row_bias_strength if settings.row_bias else 0.0
    return (
        Smoothing(settings.prior_strength, settings.tilt_strength, scale),
        Smoothing(row_strength, settings.tilt_strength, scale),
    )


def day_smoothings(
    settings: ResolvedSettings, values: np.ndarray, prior: np.ndarray
) -> tuple[Smoothing, Smoothing]:
    """Return what the biases of users, and of their days, are made by; parameters as for `smoothings`."""
    scale = standardised(values, prior)
    return (
        Smoothing(settings.row_bias_strength, settings.tilt_strength, scale),
        Smoothing(settings.row_bias_strength, settings.day_bias_strength, scale),
    )


def smoothed(counts: np.ndarray, prior: np.ndarray, smoothing: Smoothing) -> np.ndarray:
    """Return base rates from counts alone, float32 (n, K): (n^k + s q^k) / (n + s), q the tilt of g.

    Those are g^k exp(b^k), b being the row bias of a row all of whose columns have the rates g.

    Parameters
    ----------
    counts : ndarray, shape (n, K)
        n^k.
    prior : ndarray, shape (K,)
        g^k, summing to 1.
    smoothing : Smoothing
        What they are made by.
    """
    total, share = counts.sum(axis=1, keepdims=True), np.asarray(prior, np.float64)
    spread = share @ (smoothing.values - share @ smoothing.values) ** 2
    tallies = Tallies(
        np.ascontiguousarray(counts, np.float32),
        np.ascontiguousarray(total * prior, np.float32),
        (total[:, 0] * spread).astype(np.float32),
    )
    return _shifted(prior, tallies, smoothing)


def column_base_rates(
    ratings: CompressedRows, prior: np.ndarray, of_columns: Smoothing, of_rows: Smoothing
) -> np.ndarray:
    """Return p_i^k of every column, float32 (N, K), in which it is allowed for who has rated it.

    Rates of columns from counts alone give row biases, those give what is expected of each row where nothing
    is known of the column, p_u^k ~ g^k exp(b_u^k), and from it the rates of the columns follow as row
    biases do: p_i^k ~ g^k exp(b_i^k), with sum_u p_u^k in place of n_i g^k.

    Parameters
    ----------
    ratings : CompressedRows
        R rows over N columns.
    prior : ndarray, shape (K,)
        g^k, summing to 1.
    of_columns, of_rows : Smoothing
        What they and row biases are made by.
    """
    first = smoothed(column_counts(ratings, len(prior)), prior, of_columns)
    of_row = _shifted(prior, tallies_of(ratings, first, of_rows), of_rows)
    return _shifted(prior, tallies_of(transposed(ratings), of_row, of_columns), of_columns)


def tallies_of(ratings: CompressedRows, column_prior: np.ndarray, smoothing: Smoothing) -> Tallies:
    """Return what row biases are computed from, of every row."""
    tallies = Tallies.zeros(len(ratings), column_prior.shape[1])
    tally_rows(ratings.start, ratings.column, ratings.level, column_prior, smoothing.values, tallies)
    return tallies


def _shifted(prior: np.ndarray, tallies: Tallies, smoothing: Smoothing) -> np.ndarray:
    """Return g^k exp(b^k), normalised, with b the row bias."""
    bias = np.zeros_like(tallies.counts)
    row_biases(tallies, smoothing, bias)
    rates = np.asarray(prior, np.float64) * np.exp(bias.astype(np.float64))
    return (rates / rates.sum(axis=1, keepdims=True)).astype(np.float32)

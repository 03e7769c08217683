"""The row bias: how a row's ratings differ from what its columns let expect.

It starts from expected rates and adds the counts to them. Counts of many levels say little one by one, so
the expected rates are first tilted towards what was counted, by one number: q_t^k ~ p^k exp(t x^k), x^k being
the standardised value of the level. t is where the mean of q_t is that of the counts together with a few
ratings as expected:

    sum_k q_t^k x^k = (sum_k n^k x^k + l sum_k p^k x^k) / (n + l),

the maximum of an exponential family with its conjugate prior: P. Diaconis, D. Ylvisaker (1979), "Conjugate
priors for exponential families", Ann. Statist.

The row bias is computed from the ratings rather than learned, so that a new row has one too. The idea of a
visible bias for each row is that of Y. Koren (2009), "The BellKor solution to the Netflix Grand Prize", who
learns it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange

from rbmcli.kernels.jit import inner_kernel, parallel_kernel, strict_kernel

_STEPS = 60
_NEAR = 1e-7
_LARGEST = 8.0
_LEAST_VARIANCE = 1e-6
_WIDEST = 4.0


class Smoothing(NamedTuple):
    """How counts and expected rates are put together.

    Attributes
    ----------
    strength : float
        s, the ratings that tilted rates count as; with 0 there is no row bias.
    tilt_strength : float
        l, the ratings that expected rates count as when they are tilted; above 0.
    values : float32 (K,)
        x^k, values of the levels with mean 0 and variance 1 over all ratings.
    """

    strength: float
    tilt_strength: float
    values: np.ndarray


class Tallies(NamedTuple):
    """What row biases are computed from.

    Attributes
    ----------
    counts : float32 (R, K)
        n_u^k, the row's ratings at each level.
    base : float32 (R, K)
        Sum over the row's ratings of their columns' base rates p_i^k.
    spread : float32 (R,)
        Sum over the row's ratings of the variance of x under their columns' base rates.
    """

    counts: np.ndarray
    base: np.ndarray
    spread: np.ndarray

    @classmethod
    def zeros(cls, rows: int, levels: int) -> Tallies:
        """Return those of R rows without ratings."""
        counts, base = (np.zeros((rows, levels), np.float32) for _ in range(2))
        return cls(counts, base, np.zeros(rows, np.float32))


@strict_kernel
def variance(rates, values):
    """Return the variance of x under rates, (K,), that need not sum to 1.

    In two passes: of rates with all but one near 0, the difference of two sums would keep few digits.
    """
    mass = mean = square = 0.0
    for k in range(rates.shape[0]):
        mass += rates[k]
        mean += rates[k] * values[k]
    mean /= mass
    for k in range(rates.shape[0]):
        square += rates[k] * (values[k] - mean) ** 2
    return square / mass


@strict_kernel
def _tilt(count, expected, smoothing, tilted):
    """Fill tilted, float64 (K,), with the tilted rates, and return t; expected, (K,), need not sum to 1.

    Newton's method on a concave function, usually a few steps. From far off they may overshoot, and go to and
    fro: one that leaves the interval that the maximum is in, or is longer than half of the last, goes to the
    middle of the interval instead.
    """
    levels = count.shape[0]
    total, wanted, t, mass = smoothing.tilt_strength, 0.0, 0.0, 0.0
    low, high, last_step = -_LARGEST, _LARGEST, 2.0 * _LARGEST
    for k in range(levels):
        mass += expected[k]
    for k in range(levels):
        total += count[k]
        wanted += (count[k] + smoothing.tilt_strength * expected[k] / mass) * smoothing.values[k]
    wanted /= total
    for _ in range(_STEPS):
        mass = mean = square = 0.0
        for k in range(levels):
            share = expected[k] * np.exp(t * smoothing.values[k])
            tilted[k] = share
            mass += share
            mean += share * smoothing.values[k]
            square += share * smoothing.values[k] * smoothing.values[k]
        mean /= mass
        slope = wanted - mean
        if slope > 0.0:
            low = t
        else:
            high = t
        step = slope / max(square / mass - mean * mean, _LEAST_VARIANCE)
        if not low < t + step < high or abs(step) > 0.5 * last_step:
            step = 0.5 * (low + high) - t
        if abs(step) < _NEAR:
            break
        t += step
        last_step = abs(step)
    for k in range(levels):
        tilted[k] /= mass
    return t


@strict_kernel
def row_bias(count, base, spread, smoothing, tilted, bias):
    """b_u^k = log((n_u^k + s q_u^k) / (sum_i p_i^k + s p_u^k)) + (w - 1) t x^k.

    Here p_u^k = sum_i p_i^k / n_u, and q_u is its tilt by t. The rates of all columns together are wider than
    those of each, and what is wide is moved far by a small tilt: the logits of one column need w times as
    much, w being the variance of x under p_u by its mean variance under the p_i, but at most 4.

    Parameters
    ----------
    count, base : float32 (K,)
        n_u^k and sum_i p_i^k.
    spread : float
        Sum of the variances of x under the p_i.
    smoothing : Smoothing
        With strength 0 there is no bias, nor has a row without ratings one.
    tilted : float64 (K,)
        Work memory.
    bias : float32 (K,)
        Overwritten.
    """
    total, mass = 0.0, 0.0
    for k in range(count.shape[0]):
        total += count[k]
        mass += base[k]
        bias[k] = np.float32(0.0)
    if smoothing.strength > 0.0 and total > 0.5 and mass > 0.0:
        t = _tilt(count, base, smoothing, tilted)
        wider = total * variance(base, smoothing.values) / max(spread, _LEAST_VARIANCE)
        wider = min(max(wider, 1.0), _WIDEST)
        for k in range(count.shape[0]):
            if base[k] > np.float32(0.0):
                rates = count[k] + smoothing.strength * tilted[k]
                ratio = rates / (base[k] * (1.0 + smoothing.strength / total))
                bias[k] = np.log(ratio) + (wider - 1.0) * t * smoothing.values[k]


@inner_kernel
def tally_row(row, span, column, level, column_prior, values, tallies):
    """Fill the tallies of a row whose ratings are those of `span`; `RowStates` are tallies too."""
    spread = 0.0
    for k in range(tallies.counts.shape[1]):
        tallies.counts[row, k] = np.float32(0.0)
        tallies.base[row, k] = np.float32(0.0)
    for e in range(span[0], span[1]):
        tallies.counts[row, level[e]] += np.float32(1.0)
        for k in range(tallies.base.shape[1]):
            tallies.base[row, k] += column_prior[column[e], k]
        spread += variance(column_prior[column[e]], values)
    tallies.spread[row] = spread


@parallel_kernel
def tally_rows(start, column, level, column_prior, values, tallies):
    """Fill the tallies of rows from their ratings.

    Parameters
    ----------
    start, column, level : int64 (R + 1,), int32 (ratings,), uint8 (ratings,)
        The ratings in compressed rows.
    column_prior : float32 (N, K)
        p_i^k, the base rates of each column.
    values : float32 (K,)
        x^k.
    tallies : Tallies
        Overwritten.
    """
    for row in prange(start.shape[0] - 1):
        span = (start[row], start[row + 1])
        tally_row(row, span, column, level, column_prior, values, tallies)


@parallel_kernel
def row_biases(tallies, smoothing, bias):
    """Fill bias, float32 (R, K), with the row bias of every row."""
    for row in prange(bias.shape[0]):
        tilted = np.empty(bias.shape[1])
        row_bias(tallies.counts[row], tallies.base[row], tallies.spread[row], smoothing, tilted, bias[row])

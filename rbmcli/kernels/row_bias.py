"""Base rates from few ratings: of a column, and the row bias that tells how a row differs from its columns.

Both start from expected rates and add the counts to them. Counts of many levels say little one by one, so
the expected rates are first tilted towards what was counted, by one number: q_t^k ~ q^k exp(t x^k), x^k being
the standardised value of the level. t is where

    sum_k n^k log q_t^k - penalty t^2 / 2

is largest, the maximum of an exponential family with a normal prior.

The row bias is computed from the ratings rather than learned, so that a new row has one too. The idea of a
visible bias for each row is that of Y. Koren (2009), "The BellKor solution to the Netflix Grand Prize", who
learns it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange

from rbmcli.kernels.jit import parallel_kernel, strict_kernel

_STEPS = 60
_NEAR = 1e-7
_LARGEST = 8.0


class Smoothing(NamedTuple):
    """How counts and expected rates are put together.

    Attributes
    ----------
    strength : float
        s, the ratings that expected rates count as; with 0 there is no row bias.
    penalty : float
        Penalty of the tilt, which is the inverse of the variance of its prior.
    values : float32 (K,)
        x^k, values of the levels with mean 0 and variance 1 over all ratings.
    """

    strength: float
    penalty: float
    values: np.ndarray


@strict_kernel
def _tilt(count, expected, smoothing, tilted):
    """Fill tilted, float64 (K,), with the tilted rates; expected, (K,), need not sum to 1.

    Newton's method on a concave function, usually a few steps. From far off they may overshoot, and go to and
    fro: one that leaves the interval that the maximum is in, or is longer than half of the last, goes to the
    middle of the interval instead.
    """
    levels = count.shape[0]
    total, linear, t, mass = 0.0, 0.0, 0.0, 0.0
    low, high, last_step = -_LARGEST, _LARGEST, 2.0 * _LARGEST
    for k in range(levels):
        total += count[k]
        linear += count[k] * smoothing.values[k]
    for _ in range(_STEPS):
        mass = mean = square = 0.0
        for k in range(levels):
            share = expected[k] * np.exp(t * smoothing.values[k])
            tilted[k] = share
            mass += share
            mean += share * smoothing.values[k]
            square += share * smoothing.values[k] * smoothing.values[k]
        mean /= mass
        slope = linear - total * mean - smoothing.penalty * t
        if slope > 0.0:
            low = t
        else:
            high = t
        step = slope / (total * (square / mass - mean * mean) + smoothing.penalty)
        if not low < t + step < high or abs(step) > 0.5 * last_step:
            step = 0.5 * (low + high) - t
        if abs(step) < _NEAR:
            break
        t += step
        last_step = abs(step)
    for k in range(levels):
        tilted[k] /= mass


@strict_kernel
def row_bias(count, base, smoothing, tilted, bias):
    """b_u^k = log((n_u^k + s q_u^k) / (sum_i p_i^k + s p_u^k)), p_u^k = sum_i p_i^k / n_u, q_u its tilt.

    Parameters
    ----------
    count, base : float32 (K,)
        n_u^k and sum_i p_i^k.
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
        _tilt(count, base, smoothing, tilted)
        for k in range(count.shape[0]):
            if base[k] > np.float32(0.0):
                rates = count[k] + smoothing.strength * tilted[k]
                bias[k] = np.log(rates / (base[k] * (1.0 + smoothing.strength / total)))


@parallel_kernel
def row_biases(counts, base, smoothing, bias):
    """Fill bias, float32 (R, K), with the row bias of every row, from counts and base, float32 (R, K)."""
    for row in prange(bias.shape[0]):
        tilted = np.empty(bias.shape[1])
        row_bias(counts[row], base[row], smoothing, tilted, bias[row])


@parallel_kernel
def base_rates(counts, expected, smoothing, rates):
    """Fill rates, float32 (N, K), with p_i^k = (n_i^k + s g_i^k) / (n_i + s), g_i tilted from g.

    Parameters
    ----------
    counts : float32 (N, K)
        n_i^k.
    expected : float32 (K,)
        g^k.
    smoothing : Smoothing
        s, the penalty and the values.
    rates : float32 (N, K)
        Overwritten.
    """
    for column in prange(rates.shape[0]):
        _smooth(counts[column], expected, smoothing, rates[column])


@strict_kernel
def _smooth(count, expected, smoothing, rates):
    tilted, total = np.empty(count.shape[0]), 0.0
    _tilt(count, expected, smoothing, tilted)
    for k in range(count.shape[0]):
        total += count[k]
    for k in range(count.shape[0]):
        rates[k] = (count[k] + smoothing.strength * tilted[k]) / (total + smoothing.strength)

"""From the products of a column's weights to the shares of the levels, each sum just as it is written.

Predicting asks for one pair of row and column at a time, recommending for many rows with each column. What a
compiler makes of the one loop and of the other may round differently; here it has no choice.
"""

from __future__ import annotations

import numpy as np

from rbmcli.kernels.arithmetic import exponential
from rbmcli.kernels.jit import strict_kernel


@strict_kernel
def over_levels(basis, products, logits, count):
    """logits[k, place] = sum_s phi_s(k) products[s, place] for `count` places."""
    for k in range(basis.shape[0]):
        for place in range(count):
            logits[k, place] = np.float32(0.0)
        for s in range(basis.shape[1]):
            share = basis[k, s]
            for place in range(count):
                logits[k, place] += share * products[s, place]


@strict_kernel
def to_shares(logits, visible_bias, column, bias, total, count):
    """Replace the logits of `count` places, without biases, by probabilities, place by place.

    Parameters
    ----------
    logits : float32 (K, places)
        Sums over the hidden units; overwritten.
    visible_bias : float32 (N, K)
        b_i^k.
    column : int
        Column that all places are of.
    bias : float32 (places, K)
        What is added to the logits of each place.
    total : float32 (2, places)
        Work memory.
    count : int
        How many places.
    """
    for k in range(logits.shape[0]):
        of_column = visible_bias[column, k]
        for place in range(count):
            logits[k, place] += of_column + bias[place, k]
    for place in range(count):
        total[0, place] = logits[0, place]
        total[1, place] = np.float32(0.0)
    for k in range(1, logits.shape[0]):
        for place in range(count):
            total[0, place] = max(total[0, place], logits[k, place])
    for k in range(logits.shape[0]):
        for place in range(count):
            share = exponential(logits[k, place] - total[0, place])
            logits[k, place] = share
            total[1, place] += share
    for place in range(count):
        total[1, place] = np.float32(1.0) / total[1, place]
    for k in range(logits.shape[0]):
        for place in range(count):
            logits[k, place] *= total[1, place]


@strict_kernel
def expected(shares, values, place):
    """Return sum_k p^k x^k of a place in float64, which rounding does not carry off the scale."""
    total = 0.0
    for k in range(values.shape[0]):
        total += np.float64(shares[k, place]) * values[k]
    return min(max(total, values[0]), values[values.shape[0] - 1])

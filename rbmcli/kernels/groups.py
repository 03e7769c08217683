"""What every pass does with a visible group: its logits, its softmax, its part of a hidden unit's input.

A group is the (K, W) block of weights of one column. Loops go through five levels at once where there
are as many: five running sums hide the latency of one, and ratings often have five or ten levels.

Functions take whole arrays and an index rather than slices, because a slice costs a reference count,
and these are the innermost loops.
"""

from __future__ import annotations

import numpy as np

from rbmcli.kernels.arithmetic import exponential
from rbmcli.kernels.jit import kernel


@kernel
def group_logits(weights, column, hidden, row, logits, place):
    """logits[k, place] = sum_j W[column, k, j] h[row, j]."""
    levels, width = weights.shape[1], weights.shape[2]
    unrolled = levels - levels % 5
    for k in range(0, unrolled, 5):
        s0 = s1 = s2 = s3 = s4 = np.float32(0.0)
        for j in range(width):
            state = hidden[row, j]
            s0 += weights[column, k, j] * state
            s1 += weights[column, k + 1, j] * state
            s2 += weights[column, k + 2, j] * state
            s3 += weights[column, k + 3, j] * state
            s4 += weights[column, k + 4, j] * state
        logits[k, place] = s0
        logits[k + 1, place] = s1
        logits[k + 2, place] = s2
        logits[k + 3, place] = s3
        logits[k + 4, place] = s4
    for k in range(unrolled, levels):
        total = np.float32(0.0)
        for j in range(width):
            total += weights[column, k, j] * hidden[row, j]
        logits[k, place] = total


@kernel
def add_expected_group(weights, column, share, entry, activation, row):
    """activation[row, j] += sum_k p[entry, k] W[column, k, j]."""
    levels, width = weights.shape[1], weights.shape[2]
    unrolled = levels - levels % 5
    for k in range(0, unrolled, 5):
        p0, p1, p2 = share[entry, k], share[entry, k + 1], share[entry, k + 2]
        p3, p4 = share[entry, k + 3], share[entry, k + 4]
        for j in range(width):
            activation[row, j] += (
                p0 * weights[column, k, j]
                + p1 * weights[column, k + 1, j]
                + p2 * weights[column, k + 2, j]
                + p3 * weights[column, k + 3, j]
                + p4 * weights[column, k + 4, j]
            )
    for k in range(unrolled, levels):
        p = share[entry, k]
        for j in range(width):
            activation[row, j] += p * weights[column, k, j]


@kernel
def softmax_block(logits, count):
    """Replace the logits of `count` places by probabilities, place by place; logits (K, places).

    The largest logit is subtracted first, so that nothing overflows. Loops run over places inside, so
    that they vectorise whatever K is.
    """
    largest = np.empty(count, np.float32)
    total = np.zeros(count, np.float32)
    for place in range(count):
        largest[place] = logits[0, place]
    for k in range(1, logits.shape[0]):
        for place in range(count):
            largest[place] = max(largest[place], logits[k, place])
    for k in range(logits.shape[0]):
        for place in range(count):
            logits[k, place] = exponential(logits[k, place] - largest[place])
            total[place] += logits[k, place]
    for k in range(logits.shape[0]):
        for place in range(count):
            logits[k, place] /= total[place]


@kernel
def choose_level(probability, place, number):
    """Return the level where the running sum of probability[:, place] passes `number` in [0, 1)."""
    running = np.float32(0.0)
    for k in range(probability.shape[0] - 1):
        running += probability[k, place]
        if number < running:
            return k
    return probability.shape[0] - 1

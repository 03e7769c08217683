"""Folding in a visible group: its parameters from its ratings, given the hidden units of the rows it rated.

With rows fixed, the parameters of one visible group are those of a softmax regression of its ratings on
the rows' hidden units. It is penalised by the distance from a centre, so that a group with few ratings
stays near it, and solved by a fixed number of Newton steps with an upper bound of the Hessian, which
never overshoot: D. Böhning (1992), "Multinomial logistic regression algorithm", Ann. Inst. Statist. Math.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from rbmcli.kernels.cholesky import factorise, solve
from rbmcli.kernels.jit import inner_kernel, parallel_kernel

STEPS = 20
_BOUND = 0.5


@inner_kernel
def _probabilities(features, offset, rotation, entry, value, slopes, probability):
    """probability_k = softmax_k(offset_k + sum_s rotation_ks sum_j value_sj x_j), in float64."""
    levels = probability.shape[0]
    for s in range(levels):
        slopes[s] = 0.0
        for j in range(value.shape[1]):
            slopes[s] += value[s, j] * features[entry, j]
    largest = -np.inf
    for k in range(levels):
        total = offset[entry, k]
        for s in range(levels):
            total += rotation[k, s] * slopes[s]
        probability[k] = total
        largest = max(largest, total)
    total = 0.0
    for k in range(levels):
        probability[k] = np.exp(probability[k] - largest)
        total += probability[k]
    for k in range(levels):
        probability[k] /= total


@inner_kernel
def _fold_in(features, offset, level, penalty, rotation, functions, centre, value):
    """Solve one regression; features float64 (n, P), offset (n, K), penalty (P,), centre and value (K, P).

    Functions of the level beyond the first S have a bias, the last feature, but no weights.
    """
    ratings, size = features.shape
    levels = centre.shape[0]
    bound = np.zeros((size, size))
    for e in range(ratings):
        for i in range(size):
            scaled = _BOUND * features[e, i]
            for j in range(i, size):
                bound[i, j] += scaled * features[e, j]
    for i in range(size):
        bound[i, i] += penalty[i]
    bias_bound = bound[size - 1, size - 1]
    factorise(bound)
    value[:] = centre
    direction, bias_direction = np.empty((functions, size)), np.empty(levels)
    probability, slopes, rotated = np.empty(levels), np.empty(levels), np.empty(levels)
    for _ in range(STEPS):
        for s in range(levels):
            bias_direction[s] = penalty[size - 1] * (centre[s, size - 1] - value[s, size - 1])
        for s in range(functions):
            for j in range(size):
                direction[s, j] = penalty[j] * (centre[s, j] - value[s, j])
        for e in range(ratings):
            _probabilities(features, offset, rotation, e, value, slopes, probability)
            probability[level[e]] -= 1.0
            for s in range(levels):
                rotated[s] = 0.0
                for k in range(levels):
                    rotated[s] += rotation[k, s] * probability[k]
                bias_direction[s] -= rotated[s]
            for s in range(functions):
                for j in range(size):
                    direction[s, j] -= rotated[s] * features[e, j]
        solve(bound, direction)
        for s in range(functions):
            for j in range(size):
                value[s, j] += direction[s, j]
        for s in range(functions, levels):
            value[s, size - 1] += bias_direction[s] / bias_bound


@parallel_kernel
def fold_in_groups(start, row, level, features, offset, penalty, rotation, functions, centre, value):
    """Fit the parameters of G visible groups.

    The bound holds in rotated levels too: the Hessian of a softmax in its logits is at most half the
    identity, and a rotation leaves the identity what it is.

    Parameters
    ----------
    start, row, level : int64 (G + 1,), int32 (ratings,), uint8 (ratings,)
        The ratings of each group: which row, at which level.
    features : float32 (R, P)
        What the logits of a rating are linear in, of every row.
    offset : float32 (ratings, K)
        What is known to be added to the logits of each rating.
    penalty : float64 (P + 1,)
        Strength of the pull to the centre: of each weight, and last of the visible bias.
    rotation : float64 (K, K)
        Orthonormal functions of the level; the identity for weights of their own for every level.
    functions : int
        S, how many of them, the first ones, have weights.
    centre : float64 (G, K, P + 1)
        The centre of each group by function of the level: weights, and last the visible bias.
    value : float64 (G, K, P + 1)
        Overwritten by the parameters.
    """
    size = penalty.shape[0]
    for group in prange(start.shape[0] - 1):
        first, count = start[group], start[group + 1] - start[group]
        inputs = np.ones((count, size))
        for e in range(count):
            for j in range(size - 1):
                inputs[e, j] = features[row[first + e], j]
        known = offset[first : first + count].astype(np.float64)
        levels = level[first : first + count]
        _fold_in(inputs, known, levels, penalty, rotation, functions, centre[group], value[group])

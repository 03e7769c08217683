"""Folding in a visible group: its parameters from its ratings, given the hidden units of the rows it rated.

With rows fixed, the parameters of one visible group are those of a softmax regression of its ratings on
the rows' hidden units. It is penalised by the distance from a centre, so that a group with few ratings
stays near it, and solved by a fixed number of Newton steps with an upper bound of the Hessian, which
never overshoot: D. Böhning (1992), "Multinomial logistic regression algorithm", Ann. Inst. Statist. Math.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from rbmcli.kernels.jit import kernel, parallel_kernel

STEPS = 20
_BOUND = 0.5


@kernel
def _factorise(matrix):
    """Replace the lower triangle of a positive definite matrix, float64 (n, n), by its Cholesky factor."""
    n = matrix.shape[0]
    for i in range(n):
        for j in range(i + 1):
            total = matrix[i, j]
            for m in range(j):
                total -= matrix[i, m] * matrix[j, m]
            matrix[i, j] = np.sqrt(total) if i == j else total / matrix[j, j]


@kernel
def _solve(factor, right):
    """Replace each row of `right`, float64 (k, n), by the solution x of L L' x = row."""
    n = factor.shape[0]
    for k in range(right.shape[0]):
        for i in range(n):
            total = right[k, i]
            for m in range(i):
                total -= factor[i, m] * right[k, m]
            right[k, i] = total / factor[i, i]
        for i in range(n - 1, -1, -1):
            right[k, i] /= factor[i, i]
            for m in range(i):
                right[k, m] -= factor[i, m] * right[k, i]


@kernel
def _probabilities(features, offset, entry, value, probability):
    """probability_k = softmax_k(offset_k + sum_j value_kj x_j), in float64."""
    largest = -np.inf
    for k in range(value.shape[0]):
        total = offset[entry, k]
        for j in range(value.shape[1]):
            total += value[k, j] * features[entry, j]
        probability[k] = total
        largest = max(largest, total)
    total = 0.0
    for k in range(value.shape[0]):
        probability[k] = np.exp(probability[k] - largest)
        total += probability[k]
    for k in range(value.shape[0]):
        probability[k] /= total


@kernel
def _fold_in(features, offset, level, penalty, centre, value):
    """Solve one regression; features float64 (n, P), offset (n, K), penalty (P,), centre and value (K, P)."""
    ratings, size = features.shape
    levels = centre.shape[0]
    bound = np.zeros((size, size))
    for e in range(ratings):
        for i in range(size):
            scaled = _BOUND * features[e, i]
            for j in range(i + 1):
                bound[i, j] += scaled * features[e, j]
    for i in range(size):
        bound[i, i] += penalty[i]
    _factorise(bound)
    value[:] = centre
    direction, probability = np.empty((levels, size)), np.empty(levels)
    for _ in range(STEPS):
        for k in range(levels):
            for j in range(size):
                direction[k, j] = penalty[j] * (centre[k, j] - value[k, j])
        for e in range(ratings):
            _probabilities(features, offset, e, value, probability)
            probability[level[e]] -= 1.0
            for k in range(levels):
                for j in range(size):
                    direction[k, j] -= probability[k] * features[e, j]
        _solve(bound, direction)
        for k in range(levels):
            for j in range(size):
                value[k, j] += direction[k, j]


@parallel_kernel
def fold_in_groups(start, row, level, hidden, bias, penalty, centre, value):
    """Fit the parameters of G visible groups.

    Parameters
    ----------
    start, row, level : int64 (G + 1,), int32 (ratings,), uint8 (ratings,)
        The ratings of each group: which row, at which level.
    hidden : float32 (R, F)
        Hidden probabilities of every row.
    bias : float32 (R, K)
        Row bias of every row.
    penalty : float64 (F + 1,)
        Strength of the pull to the centre: of each weight, and last of the visible bias.
    centre : float64 (G, K, F + 1)
        The centre of each group: weights, and last the visible bias.
    value : float64 (G, K, F + 1)
        Overwritten by the parameters.
    """
    size = penalty.shape[0]
    for group in prange(start.shape[0] - 1):
        first, count = start[group], start[group + 1] - start[group]
        features = np.ones((count, size))
        offset = np.empty((count, centre.shape[1]))
        for e in range(count):
            for j in range(size - 1):
                features[e, j] = hidden[row[first + e], j]
            for k in range(centre.shape[1]):
                offset[e, k] = bias[row[first + e], k]
        _fold_in(features, offset, level[first : first + count], penalty, centre[group], value[group])

"""Solving small positive definite systems, in float64."""

from __future__ import annotations

import numpy as np

from rbmcli.kernels.jit import inner_kernel


@inner_kernel
def factorise(matrix):
    """Replace the lower triangle of a positive definite matrix, float64 (n, n), by its Cholesky factor."""
    n = matrix.shape[0]
    for i in range(n):
        for j in range(i + 1):
            total = matrix[i, j]
            for m in range(j):
                total -= matrix[i, m] * matrix[j, m]
            matrix[i, j] = np.sqrt(total) if i == j else total / matrix[j, j]


@inner_kernel
def halfway(factor, right, place):
    """Replace row `place` of `right`, float64 (k, n), by the solution x of L x = row."""
    for i in range(factor.shape[0]):
        total = right[place, i]
        for m in range(i):
            total -= factor[i, m] * right[place, m]
        right[place, i] = total / factor[i, i]


@inner_kernel
def solve(factor, right):
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

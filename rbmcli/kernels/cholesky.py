"""Solving small positive definite systems, in float64, by A = U' U with U upper triangular.

Loops run along rows, in which memory lies, and take four rows of U at a time: what they change is then
written a quarter as often. Nothing is left to the compiler to reorder: inlined in `rbmcli.kernels.ridge` it
did so one way in the process that compiled, and another in those that loaded what was compiled.
"""

from __future__ import annotations

import numpy as np

from rbmcli.kernels.jit import strict_kernel

_ROWS = 4


@strict_kernel
def factorise(matrix):
    """Replace the upper triangle of a positive definite matrix, float64 (n, n), by its factor U."""
    n = matrix.shape[0]
    for first in range(0, n, _ROWS):
        last = min(first + _ROWS, n)
        for k in range(first, last):
            for i in range(first, k):
                share = matrix[i, k]
                for j in range(k, n):
                    matrix[k, j] -= share * matrix[i, j]
            inverse = 1.0 / np.sqrt(matrix[k, k])
            for j in range(k, n):
                matrix[k, j] *= inverse
        # Short of four rows nothing is left below them.
        for i in range(last, n):
            a, b = matrix[first, i], matrix[first + 1, i]
            c, d = matrix[first + 2, i], matrix[first + 3, i]
            for j in range(i, n):
                matrix[i, j] -= (
                    a * matrix[first, j]
                    + b * matrix[first + 1, j]
                    + c * matrix[first + 2, j]
                    + d * matrix[first + 3, j]
                )


@strict_kernel
def halfway(factor, right, place):
    """Replace row `place` of `right`, float64 (k, n), by the solution x of U' x = row."""
    n = factor.shape[0]
    for i in range(n):
        right[place, i] /= factor[i, i]
        share = right[place, i]
        for j in range(i + 1, n):
            right[place, j] -= share * factor[i, j]


@strict_kernel
def backward(factor, right, place):
    """Replace row `place` of `right`, float64 (k, n), by the solution x of U x = row."""
    n = factor.shape[0]
    for i in range(n - 1, -1, -1):
        total = right[place, i]
        for j in range(i + 1, n):
            total -= factor[i, j] * right[place, j]
        right[place, i] = total / factor[i, i]


@strict_kernel
def solve(factor, right):
    """Replace each row of `right`, float64 (k, n), by the solution x of U' U x = row."""
    for k in range(right.shape[0]):
        halfway(factor, right, k)
        backward(factor, right, k)

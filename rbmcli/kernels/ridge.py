"""Ridge regression of many small sets of targets on shared features, each with its answers left out too."""

from __future__ import annotations

import numpy as np
from numba import prange

from rbmcli.kernels.cholesky import factorise, halfway, solve
from rbmcli.kernels.jit import parallel_kernel, strict_kernel


@strict_kernel
def _normal_equations(features, row, target, first, last, penalty, centre, matrix, right):
    """Fill sum x x' + diag(kappa), its upper triangle, and sum x (t - x . centre)."""
    size = penalty.shape[0]
    matrix[:, :] = 0.0
    right[:] = 0.0
    for e in range(first, last):
        rest = target[e]
        for j in range(size):
            rest -= features[row[e], j] * centre[j]
        for j in range(size):
            x = np.float64(features[row[e], j])
            right[j] += x * rest
            for m in range(j, size):
                matrix[j, m] += x * features[row[e], m]
    for j in range(size):
        matrix[j, j] += penalty[j]


@strict_kernel
def _leverage(factor, features, at, half):
    """Return x' A^-1 x = |U'^-1 x|^2, with A = U' U; `half` is work memory."""
    for j in range(half.shape[1]):
        half[0, j] = features[at, j]
    halfway(factor, half, 0)
    total = 0.0
    for j in range(half.shape[1]):
        total += half[0, j] * half[0, j]
    return total


@strict_kernel
def _fit_group(start, row, target, features, penalty, centre, wanted, value, left, group):
    size = penalty.shape[0]
    matrix, right = np.empty((size, size)), np.empty((1, size))
    half = np.empty((1, size))
    first, last = start[group], start[group + 1]
    _normal_equations(features, row, target, first, last, penalty, centre[group], matrix, right[0])
    factorise(matrix)
    solve(matrix, right)
    for j in range(size):
        value[group, j] = centre[group, j] + right[0, j]
    for e in range(first, last):
        if wanted[e]:
            said = 0.0
            for j in range(size):
                said += features[row[e], j] * value[group, j]
            kept = max(1.0 - _leverage(matrix, features, row[e], half), 1e-12)
            left[e] = target[e] - (target[e] - said) / kept


@parallel_kernel
def ridge_groups(start, row, target, features, penalty, centre, wanted, value, left):
    """Fit each group's theta to minimise sum (t - theta . x)^2 + sum_j kappa_j (theta_j - centre_j)^2.

    What the fit without one target says of it follows from that with all of them: its error is e / (1 - l),
    with e the error of the whole fit and l = x' A^-1 x.

    Parameters
    ----------
    start, row : int64 (G + 1,), int32 (n,)
        First target of each group; row of `features` of each target.
    target : float64 (n,)
        t.
    features : float32 (R, P)
        x.
    penalty : float64 (P,)
        kappa, above 0.
    centre : float64 (G, P)
        Where each group is drawn to.
    wanted : bool (n,)
        Which targets are to be left out, one at a time.
    value : float64 (G, P)
        Overwritten by theta.
    left : float64 (n,)
        Overwritten, where wanted, by what the fit without the target says of it.
    """
    for group in prange(start.shape[0] - 1):
        _fit_group(start, row, target, features, penalty, centre, wanted, value, left, group)

"""Sums over resampled users: the part of the bootstrap that takes time.

Source: B. Efron, R. Tibshirani (1993), "An Introduction to the Bootstrap", chapter 6. Users are what is
drawn, since the ratings of one user resemble each other.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from rbmcli.kernels.arithmetic import derive
from rbmcli.kernels.jit import parallel_kernel, strict_kernel


@strict_kernel
def _add_draws(rows, key, total):
    """Add to total, float64 (C,), as many rows as there are, each drawn from all of them.

    Row floor(U x / 2^32) of the U, with x the upper half of the draw's hash: no row is more probable than
    another by more than U / 2^32 of its probability.
    """
    count = np.uint64(rows.shape[0])
    for draw in range(rows.shape[0]):
        row = np.int64(((derive(key, draw) >> np.uint64(32)) * count) >> np.uint64(32))
        for column in range(rows.shape[1]):
            total[column] += rows[row, column]


@parallel_kernel
def resampled_sums(rows, key, sums):
    """Fill the sums of rows drawn with replacement, as many as there are, for each resample.

    Draw d of resample b is a hash of (key, b, d): neither threads nor the number of resamples change it.

    Parameters
    ----------
    rows : float64 (U, C)
        What to draw from; U below 2^32.
    key : uint64
        Seed.
    sums : float64 (B, C)
        Overwritten: the sum of each resample.
    """
    for resample in prange(sums.shape[0]):
        sums[resample, :] = 0.0
        _add_draws(rows, derive(key, resample), sums[resample])

"""Sums over resampled users: the part of the bootstrap that takes time.

Users are what is drawn, since the ratings of one user resemble each other. A resample is drawn twice, once
for each of the functions here, rather than kept: its numbers are hashes, and cost less than their memory.

Source: B. Efron, R. Tibshirani (1993), "An Introduction to the Bootstrap", chapters 6 and 12.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from rbmcli.kernels.arithmetic import derive
from rbmcli.kernels.jit import inner_kernel, parallel_kernel, strict_kernel


@strict_kernel
def _draw(key, times):
    """Draw as many rows as there are with replacement; times, int32 (U,), tells how often each was drawn.

    Row floor(U x / 2^32) of the U, with x the upper half of the draw's hash: no row is more probable than
    another by more than U / 2^32 of its probability.
    """
    times[:] = 0
    count = np.uint64(times.shape[0])
    for draw in range(times.shape[0]):
        times[((derive(key, draw) >> np.uint64(32)) * count) >> np.uint64(32)] += 1


@strict_kernel
def _add(rows, times, total):
    for row in range(rows.shape[0]):
        if times[row] > 0:
            for column in range(rows.shape[1]):
                total[column] += times[row] * rows[row, column]


@parallel_kernel
def resampled_sums(rows, key, sums):
    """Fill the sums of rows drawn with replacement, as many as there are, for each resample.

    Draw d of resample b is a hash of (key, b, d): neither threads nor the number of resamples change it.

    Parameters
    ----------
    rows : float64 (U, C)
        What to draw from; U below 2^31.
    key : uint64
        Seed.
    sums : float64 (B, C)
        Overwritten: the sum of each resample.
    """
    for resample in prange(sums.shape[0]):
        times = np.empty(rows.shape[0], np.int32)
        _draw(derive(key, resample), times)
        sums[resample, :] = 0.0
        _add(rows, times, sums[resample])


@inner_kernel
def _project(row, slopes, shares):
    """shares[l, f] = sum_c slopes[l, f, c] row[l, c]: what a user adds to each figure of each model."""
    for model in range(slopes.shape[0]):
        for figure in range(slopes.shape[1]):
            total = 0.0
            for column in range(slopes.shape[2]):
                total += slopes[model, figure, column] * row[model, column]
            shares[model, figure] = total


@inner_kernel
def _add_squares(rows, times, slopes, compared, shares, total):
    for row in range(rows.shape[0]):
        if times[row] > 0:
            _project(rows[row], slopes, shares)
            for place in range(compared.shape[0]):
                first, second = compared[place, 0], compared[place, 1]
                for figure in range(shares.shape[1]):
                    share = shares[first, figure]
                    if second >= 0:
                        share -= shares[second, figure]
                    total[place, figure] += times[row] * share * share


@parallel_kernel
def resampled_squares(rows, key, slopes, compared, squares):
    """Fill the sums of squares of what each user drawn adds to figures, or to differences of figures.

    The users are those that `resampled_sums` draws with the same key. To first order a user with sums m adds
    sum_c s_c m_c to a figure with slopes s.

    Parameters
    ----------
    rows : float64 (U, L, M)
        Sums of each user, of L models.
    key : uint64
        Seed.
    slopes : float64 (B, L, F, M)
        Slopes of each figure, at the sums of each resample.
    compared : int64 (P, 2)
        Models whose figures are subtracted; -1 in second place where there is nothing to subtract.
    squares : float64 (B, P, F)
        Overwritten.
    """
    for resample in prange(squares.shape[0]):
        times = np.empty(rows.shape[0], np.int32)
        shares = np.empty((slopes.shape[1], slopes.shape[2]))
        _draw(derive(key, resample), times)
        squares[resample, :, :] = 0.0
        _add_squares(rows, times, slopes[resample], compared, shares, squares[resample])

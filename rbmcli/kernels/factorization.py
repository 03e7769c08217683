"""Gibbs sampling of a matrix factorization, one factor of one side at a time.

One factor of all rows of a side is drawn given everything else: x_r, the row's own, and y_c, what each column
adds to the rows that rated it, so that the row has x_r + w_r sum_c y_c. Given the residuals e of all ratings
and the other side's factor q, a row's own is normal with precision a = alpha sum q^2 + lambda and mean
(alpha sum q (e + x q) + lambda mu) / a. The row's share in what columns add comes down to two sums, `gain` =
sum q^2 and `pull` = sum q e, so that these are drawn one after the other without going through the ratings of
the rows again.

Source: R. Salakhutdinov, A. Mnih (2008), "Bayesian probabilistic matrix factorization using Markov chain
Monte Carlo"; coordinate by coordinate as S. Rendle (2012), "Factorization machines with libFM"; what columns
add is that of Y. Koren (2008), "Factorization meets the neighborhood".
"""

from __future__ import annotations

import numpy as np
from numba import prange

from rbmcli.kernels.arithmetic import normal
from rbmcli.kernels.jit import kernel, parallel_kernel


@parallel_kernel
def draw_own(start, column, place, residual, other, alpha, prior, key, own, gain, pull, change):
    """Draw a factor of every row, given all others.

    Parameters
    ----------
    start, column, place : int64 (R + 1,), int32 (ratings,), int32 (ratings,)
        The ratings of each row: the column, and where its residual stands.
    residual : float64 (ratings,)
        What ratings are above their predictions. It is not changed.
    other : float64 (C,)
        The factor of the columns.
    alpha : float64
        Precision of a rating.
    prior : float64 (2,)
        Mean and precision of the rows' own.
    key : uint64
        Row r draws number r of this stream.
    own : float64 (R,)
        x, which is drawn anew.
    gain, pull : float64 (R,)
        Overwritten by sum q^2 and, with what is drawn now, sum q e.
    change : float64 (R,)
        Overwritten by how much each row's factor has moved.
    """
    for row in prange(start.shape[0] - 1):
        squares, products = 0.0, 0.0
        for entry in range(start[row], start[row + 1]):
            q = other[column[entry]]
            squares += q * q
            products += q * residual[place[entry]]
        precision = alpha * squares + prior[1]
        mean = (alpha * (products + own[row] * squares) + prior[1] * prior[0]) / precision
        moved = mean + np.float64(normal(key, row)) / np.sqrt(precision) - own[row]
        own[row] += moved
        change[row] = moved
        gain[row] = squares
        pull[row] = products - moved * squares


@kernel
def draw_implicit(start, row, weight, alpha, prior, key, implicit, gain, pull, change):
    """Draw what each column adds to the factor of the rows that rated it, one column after the other.

    Parameters
    ----------
    start, row : int64 (C + 1,), int32 (ratings,)
        The rows that rated each column.
    weight : float64 (R,)
        w.
    alpha, prior, key
        As for `draw_own`; the prior is that of y.
    implicit : float64 (C,)
        y, which is drawn anew.
    gain, pull, change : float64 (R,)
        As `draw_own` leaves them; pull and change are kept up to date.
    """
    for column in range(start.shape[0] - 1):
        squares, products = 0.0, 0.0
        for entry in range(start[column], start[column + 1]):
            r = row[entry]
            squares += weight[r] * weight[r] * gain[r]
            products += weight[r] * pull[r]
        precision = alpha * squares + prior[1]
        mean = (alpha * (products + implicit[column] * squares) + prior[1] * prior[0]) / precision
        moved = mean + np.float64(normal(key, column)) / np.sqrt(precision) - implicit[column]
        implicit[column] += moved
        for entry in range(start[column], start[column + 1]):
            r = row[entry]
            pull[r] -= weight[r] * moved * gain[r]
            change[r] += weight[r] * moved


@parallel_kernel
def move_residuals(start, column, place, other, change, total, residual):
    """Add to each row's factor how much it has moved, and take from residuals what that changes.

    Parameters
    ----------
    start, column, place, other
        As for `draw_own`.
    change : float64 (R,)
        How much each row's factor has moved.
    total : float64 (R,)
        The rows' factor, x_r + w_r sum_c y_c, which is moved.
    residual : float64 (ratings,)
        Is changed.
    """
    for row in prange(start.shape[0] - 1):
        moved = change[row]
        total[row] += moved
        for entry in range(start[row], start[row + 1]):
            residual[place[entry]] -= moved * other[column[entry]]

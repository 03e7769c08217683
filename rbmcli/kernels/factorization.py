"""Draws and modes of a matrix factorization: all factors of a row at once, and what rating a column adds.

A rating has the precision alpha g_r g_c: some rows, and some columns, are rated with less noise than others.
Given the other side, the bias and the factors of a row, p, are those of a linear regression of its ratings:
normal with precision A = alpha g_r sum g_c x x' + diag(lambda) and mean A^-1 (alpha g_r sum g_c x t +
lambda e), with x the features of a column, t what its rating is above all that is known, and e = m + s w
sum_c y_c what is expected of the row by what it has rated. Given p, a rating says nothing more of y: what
each column adds is a regression of p - m on w, each factor by itself.

Without noise each of these is the mean instead, which is the mode: with alpha and g all 1, that is the least
of sum (t - p . x)^2 + lambda |p - e|^2 in p, and in turn in each y_c, of which the penalty is its precision:
alternating least squares.

Source: R. Salakhutdinov, A. Mnih (2008), "Bayesian probabilistic matrix factorization using Markov chain
Monte Carlo"; precisions of rows and columns are those of B. Lakshminarayanan, G. Bouchard, C. Archambeau
(2011), "Robust Bayesian matrix factorisation"; what columns add is that of Y. Koren (2008), "Factorization
meets the neighborhood"; without noise Y. Zhou, D. Wilkinson, R. Schreiber, R. Pan (2008), "Large-scale
parallel collaborative filtering for the Netflix Prize".
"""

from __future__ import annotations

import numpy as np
from numba import prange

from rbmcli.kernels.arithmetic import derive, normal
from rbmcli.kernels.cholesky import backward, halfway
from rbmcli.kernels.jit import inner_kernel, parallel_kernel
from rbmcli.kernels.normal_equations import add_up, empty_sums, factorise_posterior


@parallel_kernel
def draw_rows(
    first,
    last,
    start,
    column,
    value,
    others,
    noise_precision,
    alpha,
    own,
    precision,
    size,
    expected,
    noisy,
    key,
    rows,
    squares,
):
    """Draw bias and factors of some rows, given those of columns.

    Parameters
    ----------
    first, last : int
        Rows first to last - 1.
    start, column, value : int64 (R + 1,), int32 (ratings,), float32 (ratings,)
        The ratings of each row, less their mean.
    others : float32 (C, P)
        Bias and factors of columns, then zeros up to a multiple of LANES.
    noise_precision : float64 (C,)
        g_c.
    alpha : float64
        Precision of a rating where g_r and g_c are 1.
    own : float64 (R,)
        g_r.
    precision : float64 (P,)
        lambda, any number above 0 beyond the bias and the factors.
    size : int
        How many they are.
    expected : float32 (R, P)
        e, with zeros beyond them.
    noisy : bool
        Whether to draw from the posterior; else its mean is taken.
    key : uint64
        Row r draws from stream number r of this one.
    rows : float32 (R, P)
        p, drawn anew, with zeros beyond the factors.
    squares : float64 (R,)
        Overwritten by the sum of g_c times the squares of what ratings are above their predictions.
    """
    for row in prange(first, last):
        begin, end, sums = start[row], start[row + 1], empty_sums(others.shape[1])
        add_up(column, value, begin, end, others, noise_precision, 0.0, sums)
        factorise_posterior(sums, alpha * own[row], precision)
        _draw(sums, alpha * own[row], precision, size, expected, noisy, derive(key, row), rows, row)
        squares[row] = _squares(column, value, begin, end, others, noise_precision, rows, row)


@inner_kernel
def _draw(sums, alpha, precision, size, expected, noisy, key, rows, row):
    """Draw a row from its posterior, of mean A^-1 b and covariance A^-1, A = U' U, or take the mean."""
    drawn = sums.products
    for j in range(precision.shape[0]):
        drawn[0, j] = alpha * drawn[0, j] + precision[j] * expected[row, j]
    halfway(sums.matrix, drawn, 0)
    if noisy:
        for j in range(size):
            drawn[0, j] += normal(key, j)
    backward(sums.matrix, drawn, 0)
    for j in range(precision.shape[0]):
        rows[row, j] = drawn[0, j]


@inner_kernel
def _squares(column, value, first, last, others, noise_precision, rows, row):
    """Return the sum of g_c times the squares of what the ratings of a row are above their predictions."""
    total = 0.0
    for entry in range(first, last):
        c = column[entry]
        left = value[entry] - others[c, 0] - rows[row, 0]
        for j in range(1, others.shape[1]):
            left -= rows[row, j] * others[c, j]
        total += noise_precision[c] * left * left
    return total


@parallel_kernel
def draw_implicit(first, last, start, row, weight, gain, scale, own, prior, noisy, key, left, implicit):
    """Draw what some columns add to the factors of the rows that rated them, one column after the other.

    Parameters
    ----------
    first, last : int
        Columns first to last - 1.
    start, row : int64 (C + 1,), int32 (ratings,)
        The rows that rated each column.
    weight : float32 (R,)
        w.
    gain : float64 (C,)
        The sum of w^2 over these rows.
    scale, own, prior : float64 (P / LANES, LANES)
        s; lambda, the precision of rows around what is expected of them; and that of y around 0.
    noisy : bool
        Whether to draw from the posterior; else its mean is taken.
    key : uint64
        Lane l, which is LANES factors, draws from stream number l of this one, and column c from stream
        number c of that.
    left : float32 (P / LANES, R, LANES)
        p - e, which is kept up to date.
    implicit : float32 (P / LANES, C, LANES)
        y, drawn anew.
    """
    for lane in prange(left.shape[0]):
        _draw_lane(
            first,
            last,
            start,
            row,
            weight,
            gain,
            scale[lane],
            own[lane],
            prior[lane],
            noisy,
            derive(key, lane),
            left[lane],
            implicit[lane],
        )


@inner_kernel
def _draw_lane(first, last, start, row, weight, gain, scale, own, prior, noisy, key, left, implicit):
    """Draw what columns add to some of the factors, LANES of them."""
    lanes = left.shape[1]
    pull, moved = np.empty(lanes, np.float32), np.empty(lanes, np.float32)
    for column in range(first, last):
        stream = derive(key, column)
        pull[:] = np.float32(0.0)
        for entry in range(start[column], start[column + 1]):
            r = row[entry]
            share = weight[r]
            for k in range(left.shape[1]):
                pull[k] += share * left[r, k]
        for k in range(lanes):
            slope, before = own[k] * scale[k], implicit[column, k]
            precision = slope * scale[k] * gain[column] + prior[k]
            mean = slope * (pull[k] + scale[k] * before * gain[column]) / precision
            noise = normal(stream, k) / np.sqrt(precision) if noisy else 0.0
            implicit[column, k] = mean + noise
            moved[k] = scale[k] * (implicit[column, k] - before)
        for entry in range(start[column], start[column + 1]):
            r = row[entry]
            share = weight[r]
            for k in range(left.shape[1]):
                left[r, k] -= share * moved[k]


@parallel_kernel
def add_implicit(first, last, start, column, weight, implicit, added):
    """Fill w sum_c y_c of some rows.

    Parameters
    ----------
    first, last : int
        Rows first to last - 1.
    start, column, weight
        The ratings of each row, int64 (R + 1,) and int32 (ratings,), and w, float32 (R,).
    implicit : float32 (C, P)
        y.
    added : float32 (R, P)
        Overwritten.
    """
    for row in prange(first, last):
        size = implicit.shape[1]
        for j in range(size):
            added[row, j] = np.float32(0.0)
        for entry in range(start[row], start[row + 1]):
            c = column[entry]
            for j in range(size):
                added[row, j] += implicit[c, j]
        for j in range(size):
            added[row, j] *= weight[row]

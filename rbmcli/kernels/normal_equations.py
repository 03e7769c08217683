"""Sums of a linear regression over the ratings of a row, g x x' and g x t, x being the features of a column.

Each rating counts as much as its column has precision, g: it is multiplied by sqrt g, and so is its target.

A block of features is gathered into memory that stays in the cache. From it sums are made in float32, four
ratings and four rows of the matrix at a time, so that what is read is used often and the inner loop
vectorises. Those of many blocks are added up in float64, so that long rows lose nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rbmcli.kernels.cholesky import factorise
from rbmcli.kernels.jit import inner_kernel

LANES = 16
"""What the number of features is padded to a multiple of, with zeros: float32 numbers of a cache line."""

BLOCK = 32
"""Ratings of a block, a multiple of 4. That the compiler knows it makes sums of blocks twice as fast."""

STRETCH = 16 * BLOCK
"""Ratings that are added up in float32."""

_VECTOR = 8


def padded(size: int) -> int:
    """Return P for so many features."""
    return -(-size // LANES) * LANES


class Sums(NamedTuple):
    """The sums of a row, with the work memory of a block of its ratings.

    Attributes
    ----------
    matrix : float64 (P, P)
        sum g x x', its upper triangle.
    products : float64 (1, P)
        sum g x t.
    block : float32 (BLOCK, P)
        The features of a block, times sqrt g.
    target : float32 (BLOCK,)
        Its targets, times sqrt g.
    partial, partial_products : float32 (P, P), (P,)
        Sums over blocks.
    """

    matrix: np.ndarray
    products: np.ndarray
    block: np.ndarray
    target: np.ndarray
    partial: np.ndarray
    partial_products: np.ndarray


@inner_kernel
def empty_sums(size):
    """Return memory for the sums of rows with P = `size` features, a multiple of LANES."""
    return Sums(
        np.empty((size, size)),
        np.empty((1, size)),
        np.empty((BLOCK, size), np.float32),
        np.empty(BLOCK, np.float32),
        np.empty((size, size), np.float32),
        np.empty(size, np.float32),
    )


@inner_kernel
def add_up(column, value, first, last, factors, precision, base, sums):
    """Fill the sums over the ratings first to last - 1 of a row.

    Parameters
    ----------
    column, value : int32 (ratings,), float (ratings,)
        Column and value of each rating.
    first, last : int
        Which ratings.
    factors : float32 (C, P)
        Bias and factors of columns, then zeros. Of the features of a column the first is 1, in the place of
        the bias, which is taken from the target instead.
    precision : float (C,)
        g of each column.
    base : float64
        What else is taken from it.
    sums : Sums
        Overwritten.
    """
    sums.matrix[:, :] = 0.0
    sums.products[:, :] = 0.0
    for begin in range(first, last, STRETCH):
        end = min(begin + STRETCH, last)
        sums.partial[:, :] = np.float32(0.0)
        sums.partial_products[:] = np.float32(0.0)
        for at in range(begin, end, BLOCK):
            _gather(column, value, at, min(BLOCK, end - at), factors, precision, base, sums)
            _multiply(sums.block, sums.partial)
            _project(sums.block, sums.target, sums.partial_products)
        for i in range(sums.matrix.shape[0]):
            sums.products[0, i] += sums.partial_products[i]
            for j in range(i + 1):
                sums.matrix[j, i] += sums.partial[i, j]


@inner_kernel
def factorise_posterior(sums, alpha, precision):
    """Replace sum g x x' by the Cholesky factor of alpha sum g x x' + diag(precision)."""
    matrix = sums.matrix
    for i in range(precision.shape[0]):
        for j in range(i, precision.shape[0]):
            matrix[i, j] *= alpha
        matrix[i, i] += precision[i]
    factorise(matrix)


@inner_kernel
def _gather(column, value, first, count, factors, precision, base, sums):
    """Fill a block with features and targets, and with zeros, which add nothing, up to its end."""
    block, target = sums.block, sums.target
    for k in range(count):
        c = column[first + k]
        root = np.float32(np.sqrt(precision[c]))
        for j in range(factors.shape[1]):
            block[k, j] = root * factors[c, j]
        block[k, 0] = root
        target[k] = root * np.float32(value[first + k] - base - factors[c, 0])
    for k in range(count, BLOCK):
        block[k, :] = np.float32(0.0)
        target[k] = np.float32(0.0)


@inner_kernel
def _multiply(block, matrix):
    """Add sum x x' of a block to the lower triangle of a matrix, and to what its vectors touch beside."""
    for i in range(0, block.shape[1], 4):
        # Loops from 0 to what is known need no look at whether places are negative and count from the end.
        width = (i // _VECTOR + 1) * _VECTOR
        for k in range(0, BLOCK, 4):
            a0, a1, a2, a3 = block[k, i], block[k, i + 1], block[k, i + 2], block[k, i + 3]
            b0, b1, b2, b3 = block[k + 1, i], block[k + 1, i + 1], block[k + 1, i + 2], block[k + 1, i + 3]
            c0, c1, c2, c3 = block[k + 2, i], block[k + 2, i + 1], block[k + 2, i + 2], block[k + 2, i + 3]
            d0, d1, d2, d3 = block[k + 3, i], block[k + 3, i + 1], block[k + 3, i + 2], block[k + 3, i + 3]
            for j in range(width):
                a, b, c, d = block[k, j], block[k + 1, j], block[k + 2, j], block[k + 3, j]
                matrix[i, j] += a0 * a + b0 * b + c0 * c + d0 * d
                matrix[i + 1, j] += a1 * a + b1 * b + c1 * c + d1 * d
                matrix[i + 2, j] += a2 * a + b2 * b + c2 * c + d2 * d
                matrix[i + 3, j] += a3 * a + b3 * b + c3 * c + d3 * d


@inner_kernel
def _project(block, target, products):
    """Add sum x t of a block."""
    for k in range(0, BLOCK, 4):
        a, b, c, d = target[k], target[k + 1], target[k + 2], target[k + 3]
        for j in range(block.shape[1]):
            products[j] += a * block[k, j] + b * block[k + 1, j] + c * block[k + 2, j] + d * block[k + 3, j]

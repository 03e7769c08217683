"""The walk by blocks of rows: the gradient of what all rows share, the hidden biases and the factors.

A block has a fixed number of rows, whatever the number of threads, and blocks are summed in order.
"""

from __future__ import annotations

import numpy as np

from rbmcli.kernels.jit import strict_kernel

ROWS = 64
"""Rows of a block."""


@strict_kernel
def empty_blocks(rows, parameters):
    """Return zeros for the blocks of so many rows: hidden biases (blocks, W), factors (blocks, V, W)."""
    blocks = (rows + ROWS - 1) // ROWS
    inner, width = parameters.factors.shape
    return np.zeros((blocks, width), np.float32), np.zeros((blocks, inner, width), np.float32)


@strict_kernel
def add_rows_of_block(rows, block, value, sign, blocks):
    """blocks[block, j] += sign times the sum over the rows of the block of value[row, j]."""
    for row in range(block * ROWS, min((block + 1) * ROWS, rows)):
        for j in range(blocks.shape[1]):
            blocks[block, j] += sign * value[row, j]


@strict_kernel
def add_outer_of_block(rows, block, left, right, sign, blocks):
    """blocks[block, c, j] += sign times the sum over the rows of the block of left[row, c] right[row, j]."""
    for row in range(block * ROWS, min((block + 1) * ROWS, rows)):
        for c in range(blocks.shape[1]):
            share = sign * left[row, c]
            for j in range(blocks.shape[2]):
                blocks[block, c, j] += share * right[row, j]


@strict_kernel
def sum_blocks(blocks):
    """Add all blocks into the first, in order."""
    for block in range(1, blocks.shape[0]):
        for j in range(blocks.shape[1]):
            blocks[0, j] += blocks[block, j]


@strict_kernel
def sum_outer_blocks(blocks):
    """Add all blocks of a matrix into the first, in order."""
    for block in range(1, blocks.shape[0]):
        for c in range(blocks.shape[1]):
            for j in range(blocks.shape[2]):
                blocks[0, c, j] += blocks[block, c, j]

"""The walk by row in tiles of columns, so that rows share what is read of the parameters of a column.

A row's ratings stand by increasing column, and are added up in that order. Rows that are walked one after the
other read the weights of nearly all columns again and again, more than a cache near the processor holds.
Here all rows of a run are walked together, up to some column, then up to a later one: what is added to each
row, and in which order, stays the same.
"""

from __future__ import annotations

import numpy as np

from rbmcli.kernels.groups import add_conditional, add_expected_group, add_groups, project_level
from rbmcli.kernels.jit import inner_kernel, strict_kernel
from rbmcli.kernels.rows import start_row, through_factors

_TILE = 1 << 16
"""Float32 numbers in the weights of a tile: a quarter of the memory of a cache of 1 MiB."""


@strict_kernel
def _columns_of_tile(array):
    """Return how many columns make a tile; `array`, (N, ...), has their parameters."""
    return max(array.shape[0] * _TILE // max(array.size, 1), 1)


@strict_kernel
def _starts(batch, first_row, last_row):
    """Return the first rating of each row of a run, int64."""
    at = np.empty(last_row - first_row, np.int64)
    for row in range(first_row, last_row):
        at[row - first_row] = batch.row_start[row]
    return at


@strict_kernel
def _fours_below(column, limit, at, end):
    """Return where ratings at..end stop whose column is below a limit, in whole fours from `at` on.

    Fours are added up together. The last of them that begins below the limit is whole, and what is left over
    at the end of a row comes with its last four.
    """
    while at + 4 <= end and column[at] < limit:
        at += 4
    return end if at + 4 > end else at


@inner_kernel
def rows_from_levels(batch, parameters, form, level, first_row, last_row, sums, activation):
    """a_j = b_j + sum_i W_ij^{k(i)} + sum_i D_ij of a run of rows, as `activate_from_levels` for one."""
    total = sums if form.factors > 0 else activation
    for row in range(first_row, last_row):
        start_row(parameters, form, row, sums, activation)
    columns, tile = parameters.weights.shape[0], _columns_of_tile(parameters.weights)
    at = _starts(batch, first_row, last_row)
    for limit in range(tile, columns + tile, tile):
        for row in range(first_row, last_row):
            begin = at[row - first_row]
            end = _fours_below(batch.column, limit, begin, batch.row_rated[row])
            if begin < end:
                add_groups(parameters.weights, form, batch.column, level, begin, end, total, row)
                at[row - first_row] = end
    _finish_rows(batch, parameters, form, first_row, last_row, sums, activation)


@inner_kernel
def rows_from_shares(batch, parameters, form, share, first_row, last_row, sums, activation):
    """a_j = b_j + sum_i sum_k p_i^k W_ij^k + sum_i D_ij of a run of rows; p by rating, (E, K)."""
    total = sums if form.factors > 0 else activation
    for row in range(first_row, last_row):
        start_row(parameters, form, row, sums, activation)
    columns, tile = parameters.weights.shape[0], _columns_of_tile(parameters.weights)
    at = _starts(batch, first_row, last_row)
    projected = np.empty((1, form.basis.shape[1]), np.float32)
    for limit in range(tile, columns + tile, tile):
        for row in range(first_row, last_row):
            e, end = at[row - first_row], batch.row_rated[row]
            while e < end and batch.column[e] < limit:
                if form.shared:
                    project_level(form, share, e, projected)
                    add_expected_group(parameters.weights, batch.column[e], projected, 0, total, row)
                else:
                    add_expected_group(parameters.weights, batch.column[e], share, e, total, row)
                e += 1
            at[row - first_row] = e
    _finish_rows(batch, parameters, form, first_row, last_row, sums, activation)


@inner_kernel
def _finish_rows(batch, parameters, form, first_row, last_row, sums, activation):
    """Take the sums of a run of rows through the factors, if any, and add D, that of unknown ones too."""
    for row in range(first_row, last_row):
        through_factors(parameters, form, row, sums, activation)
    if form.conditional:
        columns, tile = parameters.conditional.shape[0], _columns_of_tile(parameters.conditional)
        at = _starts(batch, first_row, last_row)
        for limit in range(tile, columns + tile, tile):
            for row in range(first_row, last_row):
                begin = at[row - first_row]
                end = _fours_below(batch.column, limit, begin, batch.row_start[row + 1])
                if begin < end:
                    add_conditional(parameters.conditional, batch.column, begin, end, activation, row)
                    at[row - first_row] = end

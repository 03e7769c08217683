"""Counting, and the counting sort of ratings, in one walk each.

A counting sort keeps the order of ratings that are equal, so that sorting by column and then by row orders by
both.

Source: D. Knuth, "The Art of Computer Programming", volume 3, section 5.2.
"""

from __future__ import annotations

from rbmcli.kernels.jit import kernel


@kernel
def count_each(index, count):
    """count[n] += how often n comes among the integers `index`."""
    for e in range(index.shape[0]):
        count[index[e]] += 1


@kernel
def count_levels_of_each(index, level, count):
    """count[n, k] += how often n comes among the integers `index` with level k."""
    for e in range(index.shape[0]):
        count[index[e], level[e]] += 1


@kernel
def count_levels_of_rows(start, level, count):
    """count[r, k] += the ratings of each row at each level; `start` and `level` are compressed rows."""
    for row in range(start.shape[0] - 1):
        for e in range(start[row], start[row + 1]):
            count[row, level[e]] += 1


@kernel
def are_rising(row, column):
    """Return whether each pair of row and column comes after the one before, by row, then column."""
    for e in range(1, row.shape[0]):
        if row[e] < row[e - 1] or (row[e] == row[e - 1] and column[e] <= column[e - 1]):
            return False
    return True


@kernel
def repeat_a_column(start, column):
    """Return whether a row of compressed rows, each by its column, has a column twice."""
    for row in range(start.shape[0] - 1):
        for e in range(start[row] + 1, start[row + 1]):
            if column[e] == column[e - 1]:
                return True
    return False


@kernel
def scatter_by_column(row, column, level, place, rows, levels):
    """Put ratings in any order into the order of their columns.

    Parameters
    ----------
    row, column, level : int32 (E,), int32 (E,), uint8 (E,)
        The ratings.
    place : int64 (N,)
        Where each column begins; changed.
    rows, levels : int32 (E,), uint8 (E,)
        Overwritten with row and level of each rating.
    """
    for e in range(row.shape[0]):
        at = place[column[e]]
        rows[at], levels[at] = row[e], level[e]
        place[column[e]] = at + 1


@kernel
def scatter_rows_by_column(start, column, level, place, rows, levels):
    """Do the same with ratings in compressed rows."""
    for row in range(start.shape[0] - 1):
        for e in range(start[row], start[row + 1]):
            at = place[column[e]]
            rows[at], levels[at] = row, level[e]
            place[column[e]] = at + 1

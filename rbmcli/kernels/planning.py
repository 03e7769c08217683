"""Planning a mini-batch: its ratings by row, and the order that walks them by column.

Ratings are sorted by a radix sort, digit by digit from the least one on, each time by counting: first by
level, then by the digits of the column. Each pass keeps the order of the last among equals, and all of them
together cost as much for a rating whatever the number of columns.

Source: D. Knuth, "The Art of Computer Programming", volume 3, section 5.2.5.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rbmcli.kernels.arrays import UNKNOWN
from rbmcli.kernels.jit import kernel, strict_kernel

_DIGIT = 11
_LEVELS = 256


class ByRow(NamedTuple):
    """The ratings of a mini-batch by row; B rows, E ratings.

    Attributes
    ----------
    start, rated : int64 (B + 1,), int64 (B,)
        First rating of each row, and where those of a known level end.
    row, column, level : int32 (E,), int32 (E,), uint8 (E,)
        Row within the batch, column and level of each rating.
    source : int64 (E,), or (0,) where nobody asks
        Place of each rating among all ratings; -1 for one of unknown level.
    """

    start: np.ndarray
    rated: np.ndarray
    row: np.ndarray
    column: np.ndarray
    level: np.ndarray
    source: np.ndarray

    @classmethod
    def empty(cls, rows: int, ratings: int, *, sources: bool) -> ByRow:
        """Return memory for so many rows and ratings."""
        return cls(
            np.zeros(rows + 1, np.int64),
            np.empty(rows, np.int64),
            np.empty(ratings, np.int32),
            np.empty(ratings, np.int32),
            np.empty(ratings, np.uint8),
            np.empty(ratings if sources else 0, np.int64),
        )


class ByColumn(NamedTuple):
    """The same ratings by column.

    Attributes
    ----------
    entry, row, column, level : int32 (E,), int32 (E,), int32 (E,), uint8 (E,)
        Each rating's place in the order by row, its row within the batch, its column and its level.
    columns, start : int32 (E,), int64 (E + 1,)
        The distinct columns, increasing, and where each begins; the last beginning is the end. What is not
        needed of both is left as it was.
    """

    entry: np.ndarray
    row: np.ndarray
    column: np.ndarray
    level: np.ndarray
    columns: np.ndarray
    start: np.ndarray

    @classmethod
    def empty(cls, ratings: int) -> ByColumn:
        """Return memory for so many ratings."""
        return cls(
            entry=np.empty(ratings, np.int32),
            row=np.empty(ratings, np.int32),
            column=np.empty(ratings, np.int32),
            level=np.empty(ratings, np.uint8),
            columns=np.empty(ratings, np.int32),
            start=np.zeros(ratings + 1, np.int64),
        )


@kernel
def gather_rows(start, column, level, also_start, also_column, rows, found):
    """Fill `found`, a `ByRow`, with the ratings of some rows, in the order that the rows have there.

    Parameters
    ----------
    start, column, level : int64 (R + 1,), int32 (ratings,), uint8 (ratings,)
        All ratings in compressed rows.
    also_start, also_column : int64 (R + 1,), int32 (pairs,)
        Pairs of unknown rating likewise, which come last within a row; both empty where there are none.
    rows : int32 (B,)
        The rows wanted.
    found : ByRow
        Overwritten.
    """
    e = 0
    for place in range(rows.shape[0]):
        row = rows[place]
        found.start[place] = e
        for at in range(start[row], start[row + 1]):
            found.row[e], found.column[e], found.level[e] = place, column[at], level[at]
            if found.source.shape[0] > 0:
                found.source[e] = at
            e += 1
        found.rated[place] = e
        if also_start.shape[0] > 0:
            for at in range(also_start[row], also_start[row + 1]):
                found.row[e], found.column[e], found.level[e] = place, also_column[at], UNKNOWN
                if found.source.shape[0] > 0:
                    found.source[e] = -1
                e += 1
    found.start[rows.shape[0]] = e


@strict_kernel
def _to_places(count):
    """Replace the number of ratings in each bin by the place that the first of them gets."""
    total = 0
    for b in range(count.shape[0]):
        total, count[b] = total + count[b], total


@kernel
def sort_by_column(by_row, columns, found):
    """Fill `found`, a `ByColumn`, with the order by column, then level, then row; return M.

    Parameters
    ----------
    by_row : ByRow
        The ratings of a mini-batch.
    columns : int
        N.
    found : ByColumn
        Overwritten.

    Returns
    -------
    int
        The number of distinct columns.
    """
    ratings = by_row.column.shape[0]
    bits = 0
    while (columns - 1) >> bits > 0:
        bits += 1
    digits = max((bits + _DIGIT - 1) // _DIGIT, 1)
    width = (bits + digits - 1) // digits
    order, other = np.empty(ratings, np.int32), np.empty(ratings, np.int32)
    count = np.zeros(_LEVELS, np.int64)
    for e in range(ratings):
        count[by_row.level[e]] += 1
    _to_places(count)
    for e in range(ratings):
        order[count[by_row.level[e]]] = e
        count[by_row.level[e]] += 1
    count = np.zeros(1 << width, np.int64)
    mask = (1 << width) - 1
    for digit in range(digits):
        shift = digit * width
        count[:] = 0
        for e in range(ratings):
            count[(by_row.column[e] >> shift) & mask] += 1
        _to_places(count)
        for place in range(ratings):
            e = order[place]
            b = (by_row.column[e] >> shift) & mask
            other[count[b]] = e
            count[b] += 1
        order, other = other, order
    distinct = 0
    for place in range(ratings):
        e = order[place]
        column = by_row.column[e]
        if place == 0 or column != found.column[place - 1]:
            found.columns[distinct], found.start[distinct] = column, place
            distinct += 1
        found.entry[place], found.row[place] = e, by_row.row[e]
        found.column[place], found.level[place] = column, by_row.level[e]
    found.start[distinct] = ratings
    return distinct


@kernel
def cut_into_chunks(start, groups, chunks, chunk):
    """Cut consecutive groups into at most so many runs of about equal weight; return how many there are.

    Parameters
    ----------
    start : int64 (groups + 1 or more,)
        First rating of each group, and the end of the last.
    groups, chunks : int
        How many groups there are, at least 1, and how many runs are wanted.
    chunk : int64 (chunks + 1,)
        Overwritten with the first group of each run, and the end of the last.
    """
    total, group, count = start[groups], 0, 1
    chunk[0] = 0
    for mark in range(1, chunks):
        while start[group] * chunks < mark * total:
            group += 1
        if group > chunk[count - 1]:
            chunk[count] = group
            count += 1
    if groups > chunk[count - 1]:
        chunk[count] = groups
        count += 1
    return count - 1

"""Ratings into compressed rows, and rows into columns, by counting sorts: in memory of what comes out."""

from __future__ import annotations

import numpy as np

from rbmcli.data.ratings import CompressedRows
from rbmcli.kernels.counting import (
    are_rising,
    count_each,
    scatter_by_column,
    scatter_rows_by_column,
)


def starts_of(index: np.ndarray, count: int) -> np.ndarray:
    """Return where each of `count` groups begins among ratings that are ordered by it, int64 (count + 1,)."""
    start = np.zeros(count + 1, np.int64)
    count_each(index, start[1:])
    return np.cumsum(start, out=start)


def by_column(
    row: np.ndarray, column: np.ndarray, level: np.ndarray, shape: tuple[int, int]
) -> CompressedRows:
    """Return ratings in any order with columns as the rows; those of a column stay in the order given.

    Parameters
    ----------
    row, column, level : ndarray of int32, int32 and uint8
        The ratings.
    shape : tuple of int
        R and N.
    """
    start = starts_of(column, shape[1])
    rows, levels = np.empty(len(row), np.int32), np.empty(len(row), np.uint8)
    scatter_by_column(row, column, level, start[:-1].copy(), rows, levels)
    return CompressedRows(start, rows, levels, shape[0])


def transposed(ratings: CompressedRows) -> CompressedRows:
    """Return the same ratings with rows and columns exchanged."""
    start = starts_of(ratings.column, ratings.columns)
    rows, levels = np.empty(ratings.n_ratings, np.int32), np.empty(ratings.n_ratings, np.uint8)
    scatter_rows_by_column(ratings.start, ratings.column, ratings.level, start[:-1].copy(), rows, levels)
    return CompressedRows(start, rows, levels, len(ratings))


def compressed(
    row: np.ndarray, column: np.ndarray, level: np.ndarray, shape: tuple[int, int]
) -> CompressedRows:
    """Return ratings in any order as compressed rows, as `CompressedRows.build` does."""
    if are_rising(row, column):
        return CompressedRows(starts_of(row, shape[0]), column, level, shape[1])
    return transposed(by_column(row, column, level, shape))

"""Ratings in compressed rows: the form that training and prediction iterate over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rbmcli.data.blocks import looked_up, marked_before


@dataclass(frozen=True)
class CompressedRows:
    """The ratings of R rows over N columns, row after row, each row's by increasing column.

    Attributes
    ----------
    start : ndarray of int64, shape (R + 1,)
        First rating of each row; row r has those from start[r] to start[r + 1].
    column : ndarray of int32, shape (ratings,)
        Column of each rating.
    level : ndarray of uint8, shape (ratings,)
        Level index of each rating.
    columns : int
        N.
    """

    start: np.ndarray
    column: np.ndarray
    level: np.ndarray
    columns: int

    @classmethod
    def build(
        cls, row: np.ndarray, column: np.ndarray, level: np.ndarray, shape: tuple[int, int]
    ) -> CompressedRows:
        """Sort ratings, given as three arrays of equal length in any order, into compressed rows.

        Parameters
        ----------
        row, column : ndarray of int32
            Dense indices, each below its side of `shape`.
        level : ndarray of uint8
            Level indices.
        shape : tuple of int
            R and N.
        """
        rows, columns = shape
        order = np.argsort(row.astype(np.int64) * columns + column, kind="stable")
        start = np.zeros(rows + 1, np.int64)
        np.cumsum(np.bincount(row, minlength=rows), out=start[1:])
        return cls(
            start,
            np.ascontiguousarray(column[order], dtype=np.int32),
            np.ascontiguousarray(level[order], dtype=np.uint8),
            columns,
        )

    def __len__(self) -> int:
        return len(self.start) - 1

    @property
    def n_ratings(self) -> int:
        """Number of ratings."""
        return len(self.column)

    def row_of_each(self) -> np.ndarray:
        """Return the row of each rating, int32."""
        return np.repeat(np.arange(len(self), dtype=np.int32), np.diff(self.start))

    def rows_of(self, block: slice) -> np.ndarray:
        """Return the row of each rating of a slice from one rating to another, int32."""
        first, last = np.searchsorted(self.start, (block.start, block.stop - 1), side="right") - 1
        bounds = np.clip(self.start[first : last + 2], block.start, block.stop)
        return np.repeat(np.arange(first, last + 1, dtype=np.int32), np.diff(bounds))

    def transposed(self) -> CompressedRows:
        """Return the same ratings with rows and columns exchanged."""
        return CompressedRows.build(self.column, self.row_of_each(), self.level, (self.columns, len(self)))

    def in_columns(self, chosen: np.ndarray) -> CompressedRows:
        """Return the ratings of the columns where the mask `chosen`, bool (N,), is true; N stays."""
        return self.chosen(looked_up(chosen, self.column))

    def chosen(self, which: np.ndarray) -> CompressedRows:
        """Return the ratings where the mask `which`, bool (ratings,), is true; rows and columns stay."""
        if which.all():
            return self
        start = marked_before(which, self.start)
        return CompressedRows(start, self.column[which], self.level[which], self.columns)

    def level_of(self, row: np.ndarray, column: np.ndarray, *, missing: int) -> np.ndarray:
        """Return the level of the rating of each pair, uint8.

        Parameters
        ----------
        row, column : ndarray of int32
            The pairs; a negative column has no rating.
        missing : int
            What to return for a pair without a rating.
        """
        keys = self.row_of_each().astype(np.int64) * self.columns + self.column
        wanted = row.astype(np.int64) * self.columns + column
        found = np.full(len(row), missing, np.uint8)
        if len(keys):
            place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
            hits = (keys[place] == wanted) & (column >= 0)
            found[hits] = self.level[place[hits]]
        return found

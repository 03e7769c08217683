"""Mini-batches: which rows each has, and the order that walks it by column.

The rows of a batch stay the same over all epochs; training shuffles only the order batches come in. So the
plans of all of them are kept where they fit into a budget, and the sorting is paid for once. Otherwise a
batch is planned whenever it is asked for, and memory does not grow with the ratings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import numpy as np

from rbmcli.data.ratings import CompressedRows
from rbmcli.kernels.arrays import Batch
from rbmcli.kernels.planning import ByColumn, ByRow, cut_into_chunks, gather_rows, sort_by_column

CHUNKS = 32

PLANS_KEPT = 256_000_000
"""Bytes that plans of mini-batches may take from one epoch to the next."""

_NO_START, _NO_COLUMN = np.empty(0, np.int64), np.empty(0, np.int32)


def plan_batch(
    ratings: CompressedRows,
    rows: np.ndarray,
    also_rated: CompressedRows | None = None,
    offset: np.ndarray | None = None,
) -> Batch:
    """Return the mini-batch of some rows.

    Parameters
    ----------
    ratings : CompressedRows
        The training ratings.
    rows : ndarray of int32
        Indices of the rows of the batch.
    also_rated : CompressedRows or None
        Pairs that are known to have been rated besides; within a row they come last.
    offset : ndarray of float32, shape (ratings, K), or None
        What is known to be added to the logits of each rating.
    """
    rows = rows.astype(np.int32)
    count = int(_lengths(ratings, also_rated, rows).sum())
    by_row = ByRow.empty(len(rows), count, sources=offset is not None)
    also = (_NO_START, _NO_COLUMN) if also_rated is None else (also_rated.start, also_rated.column)
    gather_rows(ratings.start, ratings.column, ratings.level, *also, rows, by_row)
    by_column = ByColumn.empty(count)
    distinct = sort_by_column(by_row, ratings.columns, by_column)
    return Batch(
        rows,
        by_row.start,
        by_row.rated,
        by_row.column,
        by_row.level,
        by_column.columns[:distinct].copy(),
        by_column.start[: distinct + 1].copy(),
        by_column.entry,
        by_column.row,
        by_column.column,
        by_column.level,
        np.empty((0, 1), np.float32) if offset is None else _of_entries(offset, by_row, by_column),
        _chunk_starts(by_row.start, len(rows)),
        _chunk_starts(by_column.start, distinct),
    )


def _lengths(ratings: CompressedRows, also_rated: CompressedRows | None, rows: np.ndarray) -> np.ndarray:
    """Return the number of ratings of each of some rows, pairs of unknown rating among them, int64."""
    lengths: np.ndarray = ratings.start[rows + 1] - ratings.start[rows]
    if also_rated is not None:
        lengths = lengths + also_rated.start[rows + 1] - also_rated.start[rows]
    return lengths


def _of_entries(offset: np.ndarray, by_row: ByRow, by_column: ByColumn) -> np.ndarray:
    """Return the offset of each rating in the order by column; 0 for one of unknown level."""
    source = by_row.source[by_column.entry]
    known = np.zeros((len(source), offset.shape[1]), np.float32)
    known[source >= 0] = offset[source[source >= 0]]
    return known


def _chunk_starts(start: np.ndarray, groups: int) -> np.ndarray:
    """Cut consecutive groups, given by the first rating of each, into runs of about equal weight."""
    chunk = np.empty(CHUNKS + 1, np.int64)
    return chunk[: cut_into_chunks(start, groups, CHUNKS, chunk) + 1].copy()


class Batches(Sequence[Batch]):
    """The mini-batches of a training, planned when they are asked for.

    Parameters
    ----------
    ratings, also_rated, offset
        As for `plan_batch`.
    rows : list of ndarray of int32
        The rows of each batch.
    kept : int
        Bytes that plans may take together to be kept.

    Attributes
    ----------
    rows : list of ndarray of int32
        The rows of each batch.
    """

    def __init__(
        self,
        ratings: CompressedRows,
        rows: list[np.ndarray],
        also_rated: CompressedRows | None = None,
        offset: np.ndarray | None = None,
        kept: int = PLANS_KEPT,
    ) -> None:
        self._parts, self._left, self.rows = (ratings, also_rated, offset), kept, rows
        self._plans: list[Batch | None] = [None] * len(rows)
        self._latest: tuple[int, Batch] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, place: int) -> Batch: ...

    @overload
    def __getitem__(self, place: slice) -> list[Batch]: ...

    def __getitem__(self, place: int | slice) -> Batch | list[Batch]:
        """Return a batch by its number; `IndexError` where there is none."""
        if isinstance(place, slice):
            return [self[each] for each in range(len(self))[place]]
        batch = self._plans[place]
        if batch is None and self._latest is not None and self._latest[0] == place:
            return self._latest[1]
        if batch is None:
            ratings, also_rated, offset = self._parts
            batch = plan_batch(ratings, self.rows[place], also_rated, offset)
            size = sum(array.nbytes for array in batch)
            if size <= self._left:
                self._plans[place], self._left = batch, self._left - size
            else:
                self._latest = place, batch
        return batch

    @property
    def largest(self) -> tuple[int, int]:
        """The most rows, and the most ratings, that a batch has."""
        ratings, also_rated, _ = self._parts
        counts = [int(_lengths(ratings, also_rated, rows).sum()) for rows in self.rows]
        return max(map(len, self.rows), default=0), max(counts, default=0)


def plan_batches(
    ratings: CompressedRows,
    batch_rows: int,
    generator: np.random.Generator,
    also_rated: CompressedRows | None = None,
    offset: np.ndarray | None = None,
    kept: int = PLANS_KEPT,
) -> Batches:
    """Deal the rows that have ratings out to mini-batches of `batch_rows` rows, at random.

    The last batch holds what is left over. Plans are kept as long as they come to at most `kept` bytes.
    """
    rows = np.flatnonzero(np.diff(ratings.start)).astype(np.int32)
    generator.shuffle(rows)
    of_batches = [rows[at : at + batch_rows] for at in range(0, len(rows), batch_rows)]
    return Batches(ratings, of_batches, also_rated, offset, kept)

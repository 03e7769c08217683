"""Mini-batches, planned once: which rows each has, and the order that walks it by column.

The batches stay the same over all epochs; training shuffles only the order they come in. So the
sorting is paid for once.
"""

from __future__ import annotations

import numpy as np

from rbmcli.data.ratings import CompressedRows
from rbmcli.kernels.arrays import UNKNOWN, Batch

CHUNKS = 32


def _chunk_starts(start: np.ndarray) -> np.ndarray:
    """Cut consecutive groups, given by the first rating of each, into runs of about equal weight."""
    marks = np.linspace(0, start[-1], CHUNKS + 1)[1:-1]
    inner = np.searchsorted(start, marks, side="left")
    return np.unique(np.concatenate(([0], inner, [len(start) - 1]))).astype(np.int64)


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
    row, source = _of_rows(ratings, rows)
    column, level = ratings.column[source], ratings.level[source]
    known = np.empty((0, 1), np.float32) if offset is None else offset[source]
    rated = np.bincount(row, minlength=len(rows))
    if also_rated is not None:
        other_row, other_source = _of_rows(also_rated, rows)
        unknown = np.full(len(other_row), UNKNOWN, np.uint8)
        row = np.concatenate((row, other_row))
        column = np.concatenate((column, also_rated.column[other_source]))
        order = np.argsort(row, kind="stable")
        row, column, level = row[order], column[order], np.concatenate((level, unknown))[order]
        if offset is not None:
            nothing = np.zeros((len(other_row), offset.shape[1]), np.float32)
            known = np.concatenate((known, nothing))[order]
    row_start = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(np.bincount(row, minlength=len(rows)), out=row_start[1:])
    entry = np.lexsort((level, column)).astype(np.int32)
    columns, counts = np.unique(column, return_counts=True)
    column_start = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    return Batch(
        rows.astype(np.int32),
        row_start,
        row_start[:-1] + rated,
        column,
        level,
        columns.astype(np.int32),
        column_start,
        entry,
        row[entry],
        column[entry],
        level[entry],
        known if offset is None else known[entry],
        _chunk_starts(row_start),
        _chunk_starts(column_start),
    )


def _of_rows(ratings: CompressedRows, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return place in `rows` and position of the ratings of some rows, row after row."""
    lengths = ratings.start[rows + 1] - ratings.start[rows]
    row = np.repeat(np.arange(len(rows), dtype=np.int32), lengths)
    within = np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return row, np.repeat(ratings.start[rows], lengths) + within


def plan_batches(
    ratings: CompressedRows,
    batch_rows: int,
    generator: np.random.Generator,
    also_rated: CompressedRows | None = None,
    offset: np.ndarray | None = None,
) -> list[Batch]:
    """Deal the rows that have ratings out to mini-batches of `batch_rows` rows, at random.

    The last batch holds what is left over.
    """
    rows = np.flatnonzero(np.diff(ratings.start)).astype(np.int32)
    generator.shuffle(rows)
    return [
        plan_batch(ratings, rows[at : at + batch_rows], also_rated, offset)
        for at in range(0, len(rows), batch_rows)
    ]

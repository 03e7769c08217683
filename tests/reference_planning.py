"""The oracle of planning a mini-batch, in plain NumPy: all of its arrays by sorting them as they are."""

from __future__ import annotations

import numpy as np

from rbmcli.data.ratings import CompressedRows
from rbmcli.kernels.arrays import UNKNOWN, Batch


def planned(
    ratings: CompressedRows,
    rows: np.ndarray,
    also_rated: CompressedRows | None,
    offset: np.ndarray | None,
    chunks: int,
) -> Batch:
    """Return the mini-batch of some rows; the first four parameters are those of `plan_batch`."""
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
        _chunk_starts(row_start, chunks),
        _chunk_starts(column_start, chunks),
    )


def _of_rows(ratings: CompressedRows, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return place in `rows` and position of the ratings of some rows, row after row."""
    lengths = ratings.start[rows + 1] - ratings.start[rows]
    row = np.repeat(np.arange(len(rows), dtype=np.int32), lengths)
    within = np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return row, np.repeat(ratings.start[rows], lengths) + within


def _chunk_starts(start: np.ndarray, chunks: int) -> np.ndarray:
    """Cut consecutive groups, given by the first rating of each, into runs of about equal weight."""
    marks = np.linspace(0, start[-1], chunks + 1)[1:-1]
    inner = np.searchsorted(start, marks, side="left")
    return np.unique(np.concatenate(([0], inner, [len(start) - 1]))).astype(np.int64)

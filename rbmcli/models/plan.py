"""Mini-batches, planned once: which rows each has, and the order that walks it by column.

The batches stay the same over all epochs; training shuffles only the order they come in. So the
sorting is paid for once.
"""

from __future__ import annotations

import numpy as np

from rbmcli.data.ratings import CompressedRows
from rbmcli.kernels.arrays import Batch

CHUNKS = 32


def _chunk_starts(start: np.ndarray) -> np.ndarray:
    """Cut consecutive groups, given by the first rating of each, into runs of about equal weight."""
    marks = np.linspace(0, start[-1], CHUNKS + 1)[1:-1]
    inner = np.searchsorted(start, marks, side="left")
    return np.unique(np.concatenate(([0], inner, [len(start) - 1]))).astype(np.int64)


def plan_batch(ratings: CompressedRows, rows: np.ndarray) -> Batch:
    """Return the mini-batch of some rows.

    Parameters
    ----------
    ratings : CompressedRows
        The training ratings.
    rows : ndarray of int32
        Indices of the rows of the batch.
    """
    lengths = ratings.start[rows + 1] - ratings.start[rows]
    row_start = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    within = np.arange(row_start[-1]) - np.repeat(row_start[:-1], lengths)
    source = np.repeat(ratings.start[rows], lengths) + within
    column = ratings.column[source]
    entry = np.argsort(column, kind="stable").astype(np.int32)
    columns, counts = np.unique(column, return_counts=True)
    column_start = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    entry_row = np.repeat(np.arange(len(rows), dtype=np.int32), lengths)[entry]
    return Batch(
        rows.astype(np.int32),
        row_start,
        column,
        ratings.level[source],
        columns.astype(np.int32),
        column_start,
        entry,
        entry_row,
        _chunk_starts(row_start),
        _chunk_starts(column_start),
    )


def plan_batches(ratings: CompressedRows, batch_rows: int, generator: np.random.Generator) -> list[Batch]:
    """Deal the rows that have ratings out to mini-batches of `batch_rows` rows, at random.

    The last batch holds what is left over.
    """
    rows = np.flatnonzero(np.diff(ratings.start)).astype(np.int32)
    generator.shuffle(rows)
    return [plan_batch(ratings, rows[at : at + batch_rows]) for at in range(0, len(rows), batch_rows)]

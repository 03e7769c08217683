"""Tables that do not fit into memory, sorted by user and item.

What comes is gathered up to a share of the memory, sorted, and written to a temporary file: a run. Then the
runs are merged by ranges of users, each of which fits into memory again. What fits at once is one run, and
touches no disk.

The result is that of a stable sort: rows of one user and item stay in the order in which they came.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from rbmcli.data.ordering import pair_order
from rbmcli.data.row_files import RowFile, RowFileWriter, release_unused
from rbmcli.data.temporary import temporary_folder

_MOST_OF_A_RUN, _MOST_OF_A_RANGE = 1 << 28, 1 << 26
"""Bytes at most: more would be slower, for caches and for new pages; and texts have to stay below 2 GiB."""

_SHARES_OF_A_RUN, _SHARES_OF_A_RANGE = 6, 12
"""Parts of the memory, of which the rows that are sorted, their keys and their order take several."""

_BATCH_ROWS = 4096
"""Rows that are found, and read, at once."""

_FEW_ROWS = 256
"""Rows of a run that are not cut into several, however little memory there is."""

UserRange = tuple[Any, Any]
"""The first user, and the first one after the last; None is no bound."""


@dataclass(frozen=True)
class Run:
    """Sorted rows: those of a file, or of a table.

    Attributes
    ----------
    place : RowFile or pyarrow.Table
        Where they are.
    first_users : list
        First user of each batch.
    counts : list of int
        Rows of each batch.
    size : int
        Bytes of all rows, in memory.
    """

    place: RowFile | pa.Table
    first_users: list[Any]
    counts: list[int]
    size: int

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(self.counts)

    def read(self, users: UserRange) -> pa.Table:
        """Return the rows of a range of users."""
        first, last = users
        # A user may begin at the end of the batch before the first one that begins with them.
        begin = 0 if first is None else max(0, bisect_left(self.first_users, first) - 1)
        end = len(self.counts) if last is None else bisect_left(self.first_users, last)
        if isinstance(self.place, RowFile):
            table = self.place.read(begin, end)
        else:
            offset = sum(self.counts[:begin])
            table = self.place.slice(offset, sum(self.counts[begin:end]))
        low = 0 if first is None else _place_of(first, table)
        high = table.num_rows if last is None else _place_of(last, table)
        return table.slice(low, high - low)


@dataclass(frozen=True)
class SortedRows:
    """Rows sorted by user and item, wherever they are; they can be read as often as needed, by any process.

    Attributes
    ----------
    schema : pyarrow.Schema
        Their columns.
    runs : tuple of Run
        Each sorted; rows of a pair stand in the order of the runs.
    range_bytes : int
        Bytes of a table, at most, but where there are more of one user.
    """

    schema: pa.Schema
    runs: tuple[Run, ...]
    range_bytes: int

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(run.rows for run in self.runs)

    def ranges(self) -> list[UserRange]:
        """Return ranges of users, in order, that have all of them, and are read into memory one at a time."""
        size = sum(run.size for run in self.runs)
        at_once = max(1, self.rows * self.range_bytes // max(size, 1))
        batches = sorted(
            (batch for run in self.runs for batch in zip(run.first_users, run.counts, strict=True)),
            key=lambda batch: batch[0],
        )
        bounds: list[Any] = [None]
        gathered = 0
        for place, (user, count) in enumerate(batches):
            is_new = place > 0 and user != batches[place - 1][0]
            if is_new and gathered + count > at_once and user != bounds[-1]:
                bounds.append(user)
                gathered = 0
            gathered += count
        return list(zip(bounds, [*bounds[1:], None], strict=True))

    def read(self, users: UserRange = (None, None)) -> pa.Table:
        """Return the rows of a range of users, sorted."""
        parts = [part for run in self.runs if (part := run.read(users)).num_rows]
        if not parts:
            return self.schema.empty_table()
        if len(parts) == 1:
            return parts[0]
        table = pa.concat_tables(parts)
        del parts
        return _sorted(table, in_runs=True)

    def __iter__(self) -> Iterator[pa.Table]:
        """Yield all rows, sorted; no user is on two tables, and no table is empty."""
        for users in self.ranges():
            table = self.read(users)
            if table.num_rows:
                yield table
            del table
            release_unused()


def _place_of(user: Any, table: pa.Table) -> int:
    column = table.column("user")
    return bisect_left(range(table.num_rows), user, key=lambda row: column[row].as_py())


@contextmanager
def sorted_by_user(pieces: Iterable[pa.Table], schema: pa.Schema, memory: int) -> Iterator[SortedRows]:
    """Sort rows by user and item; while the block lasts they can be read.

    Parameters
    ----------
    pieces : iterable of pyarrow.Table
        The rows in any order, among their columns `user` and `item` (int64 or string).
    schema : pyarrow.Schema
        Columns of the tables.
    memory : int
        Bytes that gathering and reading may take, about.

    Raises
    ------
    OutputError
        If a temporary file cannot be written.
    """
    most = max(1, min(memory // _SHARES_OF_A_RUN, _MOST_OF_A_RUN))
    runs: list[Run] = []
    with ExitStack() as stack:
        folder: Path | None = None
        gathered: list[pa.Table] = []
        size = 0
        for piece in chain.from_iterable(_cut(piece, most) for piece in pieces):
            if gathered and size + piece.nbytes > most:
                if folder is None:
                    folder = stack.enter_context(temporary_folder())
                runs.append(write_run(_taken(gathered), folder / f"{len(runs)}.arrow"))
                size = 0
                release_unused()
            gathered.append(piece)
            size += piece.nbytes
        if gathered and folder is not None:
            runs.append(write_run(_taken(gathered), folder / f"{len(runs)}.arrow"))
        elif gathered:
            table = _taken(gathered)
            counts = _counts(table.num_rows)
            runs.append(Run(table, _first_users(table, counts), counts, table.nbytes))
        release_unused()
        yield SortedRows(schema, tuple(runs), max(1, min(memory // _SHARES_OF_A_RANGE, _MOST_OF_A_RANGE)))


def _cut(piece: pa.Table, most: int) -> Iterator[pa.Table]:
    """Yield a table in parts that have about so many bytes at most, but not in very small ones."""
    parts = min(-(-piece.nbytes // most), -(-piece.num_rows // _FEW_ROWS))
    rows = -(-piece.num_rows // max(parts, 1))
    for first in range(0, piece.num_rows, max(rows, 1)):
        yield piece.slice(first, rows)


def _taken(gathered: list[pa.Table]) -> pa.Table:
    """Take gathered tables out of their list, and return their rows sorted."""
    table = pa.concat_tables(gathered)
    gathered.clear()
    return _sorted(table, in_runs=False)


def _sorted(table: pa.Table, *, in_runs: bool) -> pa.Table:
    order = pa.array(pair_order(table, in_runs=in_runs))
    # Column by column, so that no more than one of them is there in a further copy.
    columns = [_in_one_chunk(column).take(order) for column in table.columns]
    return pa.table(columns, schema=table.schema)


def _in_one_chunk(column: pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def write_run(table: pa.Table, path: Path) -> Run:
    """Write sorted rows to a new file; an `OutputError` tells that this fails."""
    counts = _counts(table.num_rows)
    writer = RowFileWriter(path, table.schema, _BATCH_ROWS)
    writer.write(table)
    writer.close()
    return Run(RowFile(path, table.schema), _first_users(table, counts), counts, table.nbytes)


def _counts(rows: int) -> list[int]:
    return [min(_BATCH_ROWS, rows - first) for first in range(0, rows, _BATCH_ROWS)]


def _first_users(table: pa.Table, counts: list[int]) -> list[Any]:
    places = np.arange(len(counts)) * _BATCH_ROWS
    return list(table.column("user").take(pa.array(places)).to_pylist())

"""Tables that are put by, to be read again as often as needed: in memory, or in a file if they are large."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import pyarrow as pa

from rbmcli.data.row_files import RowFile, RowFileWriter
from rbmcli.data.temporary import temporary_folder

_BATCH_ROWS = 1 << 16


class RowStore:
    """Tables of the same columns, in the order in which they are put by.

    Parameters
    ----------
    schema : pyarrow.Schema
        Their columns.
    memory : int
        Bytes of rows that are kept in memory; where there are more, all of them go to a file.
    stack : ExitStack
        What removes the file.

    Attributes
    ----------
    schema : pyarrow.Schema
        As given.
    rows : int
        How many rows there are.
    """

    def __init__(self, schema: pa.Schema, memory: int, stack: ExitStack) -> None:
        self.schema, self.rows = schema, 0
        self._memory, self._stack = memory, stack
        self._kept: list[pa.Table] = []
        self._size = 0
        self._batches: list[int] = []
        self._file: RowFile | None = None
        self._writer: RowFileWriter | None = None

    @property
    def in_memory(self) -> bool:
        """Whether no file was needed."""
        return self._file is None

    def append(self, table: pa.Table) -> None:
        """Put a table by; one without rows is left out."""
        if not table.num_rows:
            return
        self.rows += table.num_rows
        self._kept.append(table)
        self._size += table.nbytes
        if self._file is not None or self._size > self._memory:
            self._spill()

    def _spill(self) -> None:
        if self._file is None:
            path = self._stack.enter_context(temporary_folder()) / "rows.arrow"
            self._file = RowFile(path, self.schema)
            self._writer = RowFileWriter(path, self.schema, _BATCH_ROWS)
            self._stack.callback(self.close)
        for table in self._kept:
            assert self._writer is not None, "rows after the last"
            self._writer.write(table)
            self._batches.append(-(-table.num_rows // _BATCH_ROWS))
        self._kept = []

    def close(self) -> None:
        """Tell that no more rows come."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the tables as they were put by; with columns named, these alone."""
        self.close()
        if self._file is None:
            for table in self._kept:
                yield table if columns is None else table.select(columns)
            return
        yield from self._file.tables(self._batches, columns)

    def table(self) -> pa.Table:
        """Return all rows as one table."""
        return pa.concat_tables([self.schema.empty_table(), *self.tables()])

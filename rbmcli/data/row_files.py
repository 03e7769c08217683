"""Rows in temporary files, as they are in memory: Arrow's IPC format without compression.

They are read by ordinary reads and not by a memory map, whose pages would count as memory of the process.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from rbmcli.data.outputs import output_errors
from rbmcli.data.temporary import MORE_SPACE
from rbmcli.errors import DataError


class RowFileWriter:
    """Writes rows in batches of equal size, the last one of a table being what is left.

    Parameters
    ----------
    path : Path
        File to write.
    schema : pyarrow.Schema
        Columns of the rows.
    batch_rows : int
        Rows of a batch, at most.
    """

    def __init__(self, path: Path, schema: pa.Schema, batch_rows: int) -> None:
        self._batch_rows = batch_rows
        plain = with_plain_columns(schema.empty_table()).schema
        with _errors():
            self._file = pa.OSFile(os.fsencode(path), "wb")
            self._writer = pa.ipc.new_file(self._file, plain)

    def write(self, table: pa.Table) -> None:
        """Write a table."""
        table = with_plain_columns(table)
        with _errors():
            self._writer.write_table(table.combine_chunks(), max_chunksize=self._batch_rows)

    def close(self) -> None:
        """Write what comes last, after which the file can be read."""
        with _errors():
            self._writer.close()
            self._file.close()


def _errors() -> AbstractContextManager[None]:
    return output_errors("TMPDIR, the folder for temporary files,", hint=MORE_SPACE)


@dataclass(frozen=True)
class RowFile:
    """A file of rows that is opened for each reading, so that many of them need no open files.

    Attributes
    ----------
    path : Path
        The file.
    schema : pyarrow.Schema
        Columns of the rows.
    """

    path: Path
    schema: pa.Schema

    def read(self, begin: int, end: int) -> pa.Table:
        """Return the rows of some batches, from one up to another that is left out."""
        with self._opened() as reader:
            batches = [reader.get_batch(index) for index in range(begin, end)]
        return self._restored(batches)

    def tables(self, batches: Sequence[int], columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield all rows in tables of so many batches each; with columns named, these alone."""
        first = 0
        with self._opened(columns) as reader:
            for count in batches:
                table = [reader.get_batch(index) for index in range(first, first + count)]
                first += count
                yield self._restored(table, columns)

    @contextmanager
    def _opened(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatchFileReader]:
        options = pa.ipc.IpcReadOptions()
        if columns is not None:
            options.included_fields = sorted(self.schema.get_field_index(name) for name in columns)
        if not self.path.exists():
            raise DataError(
                f"{self.path}: a temporary file is not there",
                hint="where several machines work together, set TMPDIR to a folder that all of them see",
            )
        with (
            pa.OSFile(os.fsencode(self.path), "rb") as file,
            pa.ipc.open_file(file, options=options) as reader,
        ):
            yield reader

    def _restored(self, batches: list[pa.RecordBatch], columns: Sequence[str] | None = None) -> pa.Table:
        schema = self.schema
        if columns is not None:
            schema = pa.schema([field for field in schema if field.name in columns])
        if not batches:
            return schema.empty_table()
        table = pa.Table.from_batches(batches)
        return table if table.schema == schema else table.cast(schema)


def with_plain_columns(table: pa.Table) -> pa.Table:
    """Return a table without dictionaries, of which a file may have only one, and views of shared texts.

    Each batch of a file would hold all texts that its views share with other batches.
    """
    for index, field in enumerate(table.schema):
        kind = _plain(field.type)
        if kind != field.type:
            table = table.set_column(index, field.with_type(kind), table.column(index).cast(kind))
    return table


def _plain(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    if pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_binary_view(kind):
        return pa.binary()
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_plain(field.type)) for field in kind])
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_plain(kind.value_type)))
    return kind


def release_unused() -> None:
    """Give memory that Arrow keeps for later back to the system."""
    pa.default_memory_pool().release_unused()

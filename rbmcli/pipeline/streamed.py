"""A table that is written as it comes, and not held; or held, where it is not written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from rbmcli.data.formats import format_of
from rbmcli.data.metadata import described
from rbmcli.data.outputs import Target, local_path, open_output, told_target
from rbmcli.data.row_files import RowFile, RowFileWriter
from rbmcli.data.schemas import Contract
from rbmcli.data.storage import read_parquet
from rbmcli.data.temporary import temporary_folder
from rbmcli.data.writing import table_writer
from rbmcli.errors import UsageError

_KEPT = 1 << 20
"""Rows of a table that is written, at most, for it to be held too."""

_BATCH_ROWS = 1 << 16


@dataclass(frozen=True)
class Streamed:
    """A table that was made.

    Attributes
    ----------
    rows : int
        Rows that it has.
    read : callable
        Returns it, with its metadata.
    """

    rows: int
    read: Callable[[], pa.Table]


def write_streamed(
    tables: Iterator[pa.Table],
    schema: pa.Schema,
    output: Target | None,
    output_format: str,
    contract: Contract,
    metadata: dict[str, Any],
    *,
    check: Callable[[], None] | None = None,
) -> Streamed:
    """Write a table as its rows come, or hold it where there is no output.

    Parameters
    ----------
    tables : iterator of pyarrow.Table
        Its rows.
    schema : pyarrow.Schema
        Its columns.
    output : path, '-', address, or None
        Where to write it.
    output_format : {"auto", "parquet", "arrow", "csv", "jsonl"}
        Format of the output.
    contract, metadata
        As for `rbmcli.data.writing.write_table`.
    check : callable, optional
        Called after the last row; if it raises, nothing is written.
    """
    if output is None:
        table = pa.concat_tables([schema.empty_table(), *tables])
        if check is not None:
            check()
        table = described(table, contract, metadata)
        return Streamed(table.num_rows, lambda: table)
    kept: list[pa.Table] = []
    with ExitStack() as stack:
        if check is not None and local_path(output) is None:
            # What is on its way could not be taken back.
            tables = stack.enter_context(_spooled(tables, schema))
            check()
        file = stack.enter_context(open_output(output))
        file_format = format_of(output_format, output)
        writer = stack.enter_context(table_writer(file, schema, file_format, where=str(output)))
        for each in tables:
            writer.write(each)
            kept = [*kept, each] if writer.rows <= _KEPT else []
        if check is not None:
            check()
        writer.finish(contract, metadata)
    if writer.rows <= _KEPT:
        table = described(pa.concat_tables([schema.empty_table(), *kept]), contract, metadata)
        return Streamed(writer.rows, lambda: table)
    return Streamed(writer.rows, lambda: _read_back(output, file_format, contract, metadata))


@contextmanager
def _spooled(tables: Iterator[pa.Table], schema: pa.Schema) -> Iterator[Iterator[pa.Table]]:
    """Take all tables, and yield them again."""
    with temporary_folder() as folder:
        writer, counts = RowFileWriter(folder / "rows.arrow", schema, _BATCH_ROWS), []
        for table in tables:
            if table.num_rows:
                writer.write(table)
                counts += [1] * -(-table.num_rows // _BATCH_ROWS)
        writer.close()
        rows = RowFile(folder / "rows.arrow", schema)
        yield (rows.read(at, at + 1) for at in range(len(counts)))


def _read_back(output: Target, file_format: str, contract: Contract, metadata: dict[str, Any]) -> pa.Table:
    path = local_path(output)
    if path is None or file_format != "parquet":
        raise UsageError(
            f"{told_target(output)}: a table of so many rows is not held beside what is written",
            hint="write Parquet to a file of this machine, or read the output",
        )
    return described(read_parquet(path, contract)[0], contract, metadata)

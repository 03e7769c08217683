"""Tables under a contract, written as their rows come; the JSON metadata, with the hash of all, come last.

A file has the same bytes however its rows were cut into pieces.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from rbmcli.data.contents import ContentHash, columns_hash, content_hash, storable
from rbmcli.data.formats import flat, write_json_lines
from rbmcli.data.metadata import COLUMNS, CONTENT, encode_metadata
from rbmcli.data.outputs import Target, open_output
from rbmcli.data.schemas import METADATA_KEY, Contract, check_contract
from rbmcli.data.temporary import temporary_folder

ROW_GROUP_ROWS = 1 << 20
_ARROW_ROWS = 1 << 16


class _Sink(ABC):
    """One format: takes blocks of rows, and at the end the metadata."""

    rows_at_once: int | None = None
    """Rows that each block has but the last; None where it does not matter."""

    @abstractmethod
    def write(self, block: pa.Table) -> None:
        """Write further rows."""

    @abstractmethod
    def finish(self, metadata: dict[bytes, bytes]) -> None:
        """Write what comes last."""

    @abstractmethod
    def close(self) -> None:
        """Let go of what is held, whether or not it was finished."""


class _ParquetSink(_Sink):
    def __init__(self, file: BinaryIO, schema: pa.Schema, *, rows_are_large: bool) -> None:
        self.rows_at_once = 1 if rows_are_large else ROW_GROUP_ROWS
        self._writer = pq.ParquetWriter(
            file,
            schema,
            use_dictionary=not rows_are_large,
            write_statistics=not rows_are_large,
            compression="zstd",
            write_page_checksum=True,
        )

    def write(self, block: pa.Table) -> None:
        """Write a row group."""
        # Where pages end depends on chunks.
        self._writer.write_table(block.combine_chunks(), row_group_size=self.rows_at_once)

    def finish(self, metadata: dict[bytes, bytes]) -> None:
        """Write the footer."""
        self._writer.add_key_value_metadata(metadata)
        self._writer.close()

    def close(self) -> None:
        """Close the file, which is given up if it was not finished."""
        self._writer.close()


class _ArrowSink(_Sink):
    """An Arrow stream, which has its metadata first: until they are known the rows are kept in a file."""

    rows_at_once = _ARROW_ROWS

    def __init__(self, file: BinaryIO, schema: pa.Schema) -> None:
        self._file, self._schema = file, schema
        self._folder = temporary_folder()
        self._kept = Path(self._folder.__enter__()) / "rows.arrow"
        self._writer = pa.ipc.new_stream(str(self._kept), schema)

    def write(self, block: pa.Table) -> None:
        """Keep rows."""
        # Copied, because a part of a larger table is written with what stands around it in shared bytes.
        self._writer.write_table(block.take(pa.array(np.arange(block.num_rows))).combine_chunks())

    def finish(self, metadata: dict[bytes, bytes]) -> None:
        """Write all."""
        self._writer.close()
        schema = self._schema.with_metadata(metadata or None)
        with pa.ipc.open_stream(str(self._kept)) as kept, pa.ipc.new_stream(self._file, schema) as writer:
            for batch in kept:
                writer.write_batch(batch)

    def close(self) -> None:
        """Remove the file of rows."""
        self._writer.close()
        self._folder.__exit__(None, None, None)


class _CsvSink(_Sink):
    def __init__(self, file: BinaryIO, schema: pa.Schema) -> None:
        self._writer = pa_csv.CSVWriter(file, flat(schema.empty_table()).schema)

    def write(self, block: pa.Table) -> None:
        """Write lines, after that of the names."""
        self._writer.write_table(flat(block))

    def finish(self, metadata: dict[bytes, bytes]) -> None:
        """Write what is left; there is no place for metadata."""
        self._writer.close()

    def close(self) -> None:
        """Close the writer."""
        self._writer.close()


class _JsonLinesSink(_Sink):
    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, block: pa.Table) -> None:
        """Write lines."""
        write_json_lines(block, self._file)

    def finish(self, metadata: dict[bytes, bytes]) -> None:
        """Do nothing: there is no place for metadata."""

    def close(self) -> None:
        """Do nothing."""


def _sink(file: BinaryIO, schema: pa.Schema, file_format: str, *, rows_are_large: bool) -> _Sink:
    if file_format == "parquet":
        return _ParquetSink(file, schema, rows_are_large=rows_are_large)
    if file_format == "arrow":
        return _ArrowSink(file, schema)
    return _CsvSink(file, schema) if file_format == "csv" else _JsonLinesSink(file)


class TableWriter:
    """Writes a table piece by piece.

    Parameters
    ----------
    sink : _Sink
        What writes blocks of rows.
    schema : pyarrow.Schema
        Columns of the table; their metadata are dropped.
    where : str
        Name of the table, for messages.
    """

    def __init__(self, sink: _Sink, schema: pa.Schema, where: str) -> None:
        self._sink, self._schema, self._where = sink, schema, where
        self._hash, self.rows = ContentHash(schema), 0
        self._waiting: list[pa.Table] = []

    def write(self, piece: pa.Table) -> None:
        """Write further rows, which have the columns of the table."""
        piece = storable(piece).replace_schema_metadata(None)
        self._hash.update(piece)
        if not piece.num_rows:
            return
        self.rows += piece.num_rows
        at_once = self._sink.rows_at_once
        if at_once is None:
            self._sink.write(piece)
            return
        self._waiting.append(piece)
        waiting = sum(each.num_rows for each in self._waiting)
        if waiting >= at_once:
            table, whole = pa.concat_tables(self._waiting), waiting // at_once * at_once
            for first in range(0, whole, at_once):
                self._sink.write(table.slice(first, at_once))
            self._waiting = [table.slice(whole)] if whole < waiting else []

    def finish(self, contract: Contract | None = None, metadata: dict[str, Any] | None = None) -> None:
        """Write what is left, and the metadata.

        Parameters
        ----------
        contract : Contract, optional
            What the table is; it is checked against it. Without it there are no metadata.
        metadata : dict, optional
            What goes into the JSON beside format, version and hashes. Nothing in it may vary between equal
            runs.

        Raises
        ------
        MismatchError
            If the table does not follow the contract.
        """
        encoded = {}
        if contract is not None:
            hashes = {CONTENT: self._hash.hexdigest(), COLUMNS: columns_hash(self._schema, self.rows)}
            text = encode_metadata(contract, {**(metadata or {}), **hashes})
            check_contract(self._schema, json.loads(text), contract, self._where)
            encoded = {METADATA_KEY: text}
        if self._waiting:
            self._sink.write(pa.concat_tables(self._waiting))
        self._sink.finish(encoded)


@contextmanager
def table_writer(
    file: BinaryIO,
    schema: pa.Schema,
    file_format: str = "parquet",
    *,
    where: str = "the table",
    rows_are_large: bool = False,
) -> Iterator[TableWriter]:
    """Yield what writes a table to a binary file, which need not be seekable; it has to be finished.

    Parameters
    ----------
    file : binary file
        Where to write.
    schema : pyarrow.Schema
        Columns of the table.
    file_format : {"parquet", "arrow", "csv", "jsonl"}
        The metadata stand in the first two only.
    where : str
        Name of the table, for messages.
    rows_are_large : bool
        Whether a row may be many megabytes of bytes that nobody searches. Then each is a row group of its
        own, which must fit into 2 GiB, and there are neither dictionaries nor statistics.
    """
    written = storable(schema.remove_metadata().empty_table()).schema
    sink = _sink(file, written, file_format, rows_are_large=rows_are_large)
    try:
        yield TableWriter(sink, written, where)
    finally:
        sink.close()


def write_to(
    table: pa.Table,
    file: BinaryIO,
    file_format: str = "parquet",
    contract: Contract | None = None,
    metadata: dict[str, Any] | None = None,
    *,
    where: str = "the table",
    rows_are_large: bool = False,
) -> None:
    """Write a table at once; parameters and what is raised are as for `table_writer` and its `finish`."""
    with table_writer(file, table.schema, file_format, where=where, rows_are_large=rows_are_large) as writer:
        writer.write(table)
        writer.finish(contract, metadata)


def write_table(
    table: pa.Table,
    target: Target,
    contract: Contract,
    metadata: dict[str, Any],
    file_format: str = "parquet",
    *,
    rows_are_large: bool = False,
) -> None:
    """Write a table under a contract to a target: whole or not at all.

    Parameters
    ----------
    table : pyarrow.Table
        The rows; any schema metadata is dropped.
    target : path, '-' or address
        Where to write; a file there is replaced.
    contract, metadata, file_format, rows_are_large
        As for `write_to`.

    Raises
    ------
    OutputError, LockedError, UsageError
        As `rbmcli.data.outputs.open_output`.
    """
    with open_output(target) as file:
        write_to(
            table,
            file,
            file_format,
            contract,
            metadata,
            where=str(target),
            rows_are_large=rows_are_large,
        )


def under_contract(table: pa.Table, contract: Contract, metadata: dict[str, Any], where: str) -> pa.Table:
    """Return a table in memory as it would come from a file: with the metadata of a contract, checked."""
    table = storable(table)
    hashes = {CONTENT: content_hash(table), COLUMNS: columns_hash(table.schema, table.num_rows)}
    encoded = encode_metadata(contract, {**metadata, **hashes})
    check_contract(table.schema, json.loads(encoded), contract, where)
    return table.replace_schema_metadata({METADATA_KEY: encoded})

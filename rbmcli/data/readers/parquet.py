"""Reading Parquet and Arrow: one file, or a folder of Parquet files, hive-partitioned or not; verified."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa

from rbmcli.data.columns import check_distinct
from rbmcli.data.ids import round_trips
from rbmcli.data.metadata import check_foreign, decode_metadata
from rbmcli.data.readers.raw import RawTable
from rbmcli.data.readers.sources import InputFile, first_bytes
from rbmcli.data.storage import check_content, read_footer, read_parquet, verified_pieces
from rbmcli.errors import DataError

_ARROW_FILE = b"ARROW1"
_HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"


def read_parquet_input(source: InputFile) -> RawTable:
    """Read a Parquet file, or all Parquet files of a folder in the order of their names.

    Raises
    ------
    DataError
        If a file is damaged or none is there.
    """
    if source.path.is_dir():
        return raw_from_table(_read_folder(source.path, source.where), source.where)
    table, metadata = read_parquet(source.path, name=source.where, advance=source.advance)
    return raw_from_table(table, source.where, metadata)


def raw_from_table(table: pa.Table, where: str, metadata: dict[str, Any] | None = None) -> RawTable:
    """Wrap a table whose columns have types already; columns that hold the index of pandas are dropped."""
    kept = [name for name in table.column_names if not name.startswith("__index_level_")]
    table = table.select(kept) if len(set(table.column_names)) == table.num_columns else table
    return RawTable(table.replace_schema_metadata(None), where, _as_json, metadata=metadata or {})


def _as_json(row: dict[str, Any]) -> str:
    return json.dumps(row, default=str, ensure_ascii=False)


def read_arrow_input(source: InputFile) -> RawTable:
    """Read Arrow's IPC format, a stream or a file.

    Raises
    ------
    DataError
        If it is damaged.
    """
    with _errors_of_arrow(source), ExitStack() as stack:
        table = _opened(source, stack).read_all()
        table.validate(full=True)
    metadata = decode_metadata(table.schema.metadata, source.where)
    if not metadata:
        check_foreign(first_bytes(source)[0], source.where)
    check_content(table, metadata, source.where)
    return raw_from_table(table, source.where, metadata)


def arrow_pieces(source: InputFile, rows_at_once: int, stack: ExitStack) -> tuple[RawTable, int, Any]:
    """Return Arrow data by its batches: a first piece without rows, the number of rows, and the tables.

    Parameters
    ----------
    source : InputFile
        A stream or a file.
    rows_at_once : int
        Rows of a table, at most.
    stack : ExitStack
        What closes the file.

    Raises
    ------
    DataError
        If it is damaged; while it is read, too.
    """
    silent = dataclasses.replace(source, advance=lambda count: None)
    with _errors_of_arrow(source):
        with ExitStack() as counting:
            rows = sum(len(batch) for batch in _batches(_opened(silent, counting)))
        opened = _opened(source, stack)
    schema = opened.schema.remove_metadata()
    metadata = decode_metadata(opened.schema.metadata, source.where)
    if not metadata:
        check_foreign(first_bytes(source)[0], source.where)
    tables = _tables(opened, rows_at_once, source)
    tables = verified_pieces(tables, schema, rows, metadata, source.where)
    return raw_from_table(schema.empty_table(), source.where, metadata), rows, tables


def _opened(source: InputFile, stack: ExitStack) -> Any:
    with source.open() as file:
        start = file.read(len(_ARROW_FILE))
    file = stack.enter_context(source.open())
    return stack.enter_context(pa.ipc.open_file(file) if start == _ARROW_FILE else pa.ipc.open_stream(file))


def _batches(opened: Any) -> Iterator[pa.RecordBatch]:
    if isinstance(opened, pa.RecordBatchFileReader):
        return (opened.get_batch(index) for index in range(opened.num_record_batches))
    return iter(opened)


def _tables(opened: Any, rows_at_once: int, source: InputFile) -> Iterator[pa.Table]:
    with _errors_of_arrow(source):
        for batch in _batches(opened):
            batch.validate(full=True)
            table = pa.Table.from_batches([batch]).replace_schema_metadata(None)
            for first in range(0, len(batch), rows_at_once):
                yield table.slice(first, rows_at_once)


@contextmanager
def _errors_of_arrow(source: InputFile) -> Iterator[None]:
    with source.errors_named():
        try:
            yield
        except (ValueError, MemoryError) as error:
            raise DataError(f"{source.where}: not readable as Arrow data: {error}") from None


def _read_folder(folder: Path, where: str) -> pa.Table:
    """Return the rows of all files, with a column for each key=value in the names of folders."""
    paths = files_below(folder, where)
    schema, _ = common_schema(folder, paths, where)
    tables = []
    for path in paths:
        inside = path.relative_to(folder)
        name = f"{where}/{inside}"
        table, _ = read_parquet(path, name=name)
        tables.append(in_schema(table, partition_of(inside), schema, name))
    return pa.concat_tables(tables)


def common_schema(folder: Path, paths: list[Path], where: str) -> tuple[pa.Schema, int]:
    """Return the columns of the files of a folder, and how many rows they have together.

    Each key=value in the names of folders is a column, of int64 if every value is the text of one.

    Raises
    ------
    DataError
        If the files do not go together.
    """
    schemas, rows, partitions = [], 0, []
    for path in paths:
        inside = path.relative_to(folder)
        schema, _, footer = read_footer(path, name=f"{where}/{inside}")
        schemas.append(schema.remove_metadata())
        rows += footer.num_rows
        partitions.append(partition_of(inside))
    try:
        schema = pa.unify_schemas(schemas, promote_options="permissive")
    except pa.ArrowException as error:
        raise DataError(f"{where}: its files do not go together: {str(error).splitlines()[0]}") from None
    for key in dict.fromkeys(key for partition in partitions for key in partition):
        values = pa.array([partition.get(key) for partition in partitions], pa.string())
        # As text first, because '007' read as a number would be another id.
        schema = schema.append(pa.field(key, pa.int64() if round_trips(values) else pa.string()))
    check_distinct(schema.names, where)
    return schema, rows


def in_schema(table: pa.Table, partition: dict[str, str | None], schema: pa.Schema, where: str) -> pa.Table:
    """Return rows of one file, with its part of the names of folders, in the columns of all files.

    Raises
    ------
    DataError
        If a value does not fit.
    """
    for key, value in partition.items():
        table = table.append_column(key, pa.array([value] * table.num_rows, pa.string()))
    try:
        columns = [
            table.column(field.name).cast(field.type)
            if field.name in table.column_names
            else pa.nulls(table.num_rows, field.type)
            for field in schema
        ]
    except pa.ArrowException as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{where}: does not go together with the other files: {reason}") from None
    return pa.table(columns, schema=schema)


def files_below(folder: Path, where: str) -> list[Path]:
    """Return all files of a folder in the order of their paths.

    Raises
    ------
    DataError
        If there are none, or a part of it cannot be read.
    """

    def fail(error: OSError) -> None:
        """Raise the error of a folder that cannot be read."""
        raise DataError(f"{where}: cannot be read: {error.strerror}", hint="check who may read it") from None

    found = (Path(place) / name for place, _, names in os.walk(folder, onerror=fail) for name in names)
    paths = sorted(path for path in found if path.is_file() and not _hidden(path, folder))
    if not paths:
        raise DataError(f"{where}: holds no Parquet file", hint="name the file or folder that holds the rows")
    return paths


def partition_of(inside: Path) -> dict[str, str | None]:
    """Return the keys and values in the names of the folders that lead to a file."""
    pairs = (part.split("=", 1) for part in inside.parts[:-1] if "=" in part)
    return {unquote(key): None if value == _HIVE_NULL else unquote(value) for key, value in pairs}


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)

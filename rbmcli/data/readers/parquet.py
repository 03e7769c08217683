"""Reading Parquet: one file, or a folder of files, hive-partitioned or not; checksums are verified."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from rbmcli.data.ids import round_trips
from rbmcli.data.readers.raw import RawTable
from rbmcli.data.readers.sources import InputFile
from rbmcli.data.storage import read_parquet
from rbmcli.errors import DataError


def read_parquet_input(source: InputFile) -> RawTable:
    """Read a Parquet file, or all Parquet files of a folder in the order of their names.

    Raises
    ------
    DataError
        If a file is damaged or none is there.
    """
    if source.path.is_dir():
        with source.errors_named():
            return raw_from_table(_read_folder(source.path), source.where)
    table, metadata = read_parquet(source.path, name=source.where)
    return raw_from_table(table, source.where, metadata)


def raw_from_table(table: pa.Table, where: str, metadata: dict[str, Any] | None = None) -> RawTable:
    """Wrap a table whose columns have types already; columns that hold the index of pandas are dropped."""
    kept = [name for name in table.column_names if not name.startswith("__index_level_")]
    table = table.select(kept) if len(set(table.column_names)) == table.num_columns else table
    return RawTable(table.replace_schema_metadata(None), where, _as_json, metadata=metadata or {})


def _as_json(row: dict[str, Any]) -> str:
    return json.dumps(row, default=str, ensure_ascii=False)


def _read_folder(folder: Path) -> pa.Table:
    # Imported here: it costs a second and single files do without.
    import pyarrow.dataset as ds

    files = sorted(path for path in folder.rglob("*") if path.is_file() and not _hidden(path, folder))
    if not files:
        raise DataError(
            f"{folder}: holds no Parquet file", hint="name the file or folder that holds the rows"
        )
    keys = [part.split("=", 1)[0] for part in files[0].relative_to(folder).parts[:-1] if "=" in part]
    # As text, because '007' read as a number would be another id.
    partitioning = ds.partitioning(pa.schema([(key, pa.string()) for key in keys]), flavor="hive")
    scan = ds.ParquetFragmentScanOptions(page_checksum_verification=True)
    factory = ds.FileSystemDatasetFactory(
        pa.fs.LocalFileSystem(),
        [str(path) for path in files],
        ds.ParquetFileFormat(default_fragment_scan_options=scan),
        ds.FileSystemFactoryOptions(partition_base_dir=str(folder), partitioning=partitioning),
    )
    table = factory.finish(factory.inspect(promote_options="permissive")).to_table()
    for key in keys:
        index = table.schema.get_field_index(key)
        column = table.column(index)
        if pa.types.is_string(column.type) and round_trips(column):
            table = table.set_column(index, key, column.cast(pa.int64()))
    return table


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)

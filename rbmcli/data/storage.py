"""Parquet with a contract: written with checksums and the JSON metadata, read with both verified.

The metadata carries a hash of itself and one of the content, because Parquet has checksums for pages but
none for the footer that tells what the pages mean.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from rbmcli.data.contents import columns_hash, content_hash, storable
from rbmcli.data.formats import write_arrow, write_csv, write_json_lines
from rbmcli.data.outputs import Target, open_output
from rbmcli.data.schemas import METADATA_KEY, Contract, check_contract
from rbmcli.errors import DataError

ROW_GROUP_ROWS = 1 << 20
_CONTENT, _COLUMNS = "content", "columns"
_TRACES = (b'"format_version":', f'"{_CONTENT}":"'.encode(), f'"{_COLUMNS}":"'.encode(), b'"hash":"')
"""What stands in the metadata of each file; a file of another tool has no two of them."""


def digest(*parts: bytes | memoryview) -> str:
    """Return the blake2b hash (16 bytes, hexadecimal) of the parts, each preceded by its length."""
    state = hashlib.blake2b(digest_size=16)
    for part in parts:
        state.update(len(part).to_bytes(8, "little"))
        state.update(part)
    return state.hexdigest()


def _canonical(metadata: dict[str, Any]) -> bytes:
    return json.dumps(metadata, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def encode_metadata(contract: Contract, metadata: dict[str, Any]) -> bytes:
    """Return the JSON of a file's metadata, with format, version and the hash of all the rest."""
    body = {"format": contract.format, "format_version": contract.version, **metadata}
    return _canonical({**body, "hash": digest(_canonical(body))})


def decode_metadata(schema: pa.Schema, where: str) -> dict[str, Any]:
    """Return the rbmcli metadata of a schema; empty if there is none.

    Raises
    ------
    DataError
        If the metadata is damaged: no JSON object, or other than its hash says.
    """
    raw = (schema.metadata or {}).get(METADATA_KEY)
    if raw is None:
        return {}
    try:
        metadata = json.loads(raw)
        expected = metadata.pop("hash")
        # A damaged number may be too large for JSON.
        found = digest(_canonical(metadata))
    except (ValueError, KeyError, AttributeError, TypeError):
        raise DataError(f"{where}: the rbmcli metadata is damaged") from None
    if expected != found:
        raise DataError(f"{where}: the rbmcli metadata is damaged: its hash does not agree")
    return metadata


def check_foreign(head: bytes, where: str) -> None:
    """Raise `DataError` if a file seems to have no rbmcli metadata, but what should tell of them holds some.

    Without this a damaged name of the metadata would make a file one of another tool, which nothing protects.
    """
    if sum(trace in head for trace in _TRACES) > 1:
        raise DataError(f"{where}: the rbmcli metadata is damaged: it is there, but not under its name")


def _footer_of(path: Path) -> bytes:
    """Return the footer of a Parquet file, all of it even where its first bytes say that it is shorter."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(size - 8)
        length = int.from_bytes(file.read(4), "little")
        file.seek(max(0, size - 8 - length))
        return file.read()


@contextmanager
def _readable_parquet(path: Path, name: str) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file, mapping every way in which that can fail to a `DataError`."""
    if not path.exists():
        raise DataError(f"{name}: no such file")
    if path.is_dir():
        raise DataError(f"{name}: is a folder, expected a Parquet file")
    try:
        # By its bytes, because a name need not be text.
        with (
            pa.OSFile(os.fsencode(path), "rb") as content,
            pq.ParquetFile(content, page_checksum_verification=True) as file,
        ):
            yield file
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"{name}: not a readable Parquet file: {reason}",
            hint="check that it is the right file and came over whole, or make it again",
        ) from None


def read_parquet(
    path: Path,
    contract: Contract | None = None,
    *,
    name: str | None = None,
    advance: Callable[[int], None] = lambda count: None,
) -> tuple[pa.Table, dict[str, Any]]:
    """Read a Parquet file whole.

    Parameters
    ----------
    path : Path
        File to read.
    contract : Contract, optional
        What the file must be; without it any Parquet file is accepted.
    name : str, optional
        Name of the file in messages, where it is not its path.
    advance : callable
        Told how many further bytes have been read.

    Returns
    -------
    table : pyarrow.Table
        All columns, without any schema metadata.
    metadata : dict
        The rbmcli metadata; empty for a file of another tool.

    Raises
    ------
    DataError
        If the file is missing, damaged, or not Parquet.
    MismatchError
        If it does not follow the contract.
    """
    where = name or str(path)
    with _readable_parquet(path, where) as file:
        schema = file.schema_arrow
        metadata = _metadata_of(file, path, where)
        if contract is not None:
            check_contract(schema, metadata, contract, where)
        table = _read_groups(file, advance).replace_schema_metadata(None)
    check_content(table, metadata, where)
    return table, metadata


def read_columns(
    path: Path, columns: list[str], contract: Contract, *, name: str | None = None
) -> tuple[pa.Table, dict[str, Any]]:
    """Read some columns of a file under a contract, and its rbmcli metadata; pages are verified.

    Parameters and what is raised are as for `read_parquet`.
    """
    where = name or str(path)
    with _readable_parquet(path, where) as file:
        metadata = decode_metadata(file.schema_arrow, where)
        check_contract(file.schema_arrow, metadata, contract, where)
        table = file.read(columns).replace_schema_metadata(None)
    metadata.pop(_CONTENT, None)
    return table, metadata


def _read_groups(file: pq.ParquetFile, advance: Callable[[int], None]) -> pa.Table:
    """Read a file row group by row group, which takes no longer than at once, and tell how far that is."""
    if file.num_row_groups < 2:
        return file.read()
    parts = []
    for index in range(file.num_row_groups):
        parts.append(file.read_row_group(index))
        group = file.metadata.row_group(index)
        advance(sum(group.column(column).total_compressed_size for column in range(group.num_columns)))
    return pa.concat_tables(parts)


def check_content(table: pa.Table, metadata: dict[str, Any], where: str) -> None:
    """Take the hashes of the content out of the metadata of a file; raise `DataError` if it is another."""
    _check_columns(table.schema, table.num_rows, metadata, where)
    expected = metadata.pop(_CONTENT, None)
    if expected is not None and content_hash(table) != expected:
        raise _changed("rows", where)


def _check_columns(schema: pa.Schema, rows: int, metadata: dict[str, Any], where: str) -> None:
    expected = metadata.pop(_COLUMNS, None)
    if expected is not None and columns_hash(schema, rows) != expected:
        raise _changed("columns", where)


def _changed(what: str, where: str) -> DataError:
    return DataError(
        f"{where}: its {what} are not those that its rbmcli metadata tell of: it is damaged, or was "
        "changed by another tool",
        hint="make it again; after a change that was meant, write it without the metadata key 'rbmcli'",
    )


def _metadata_of(file: pq.ParquetFile, path: Path, where: str) -> dict[str, Any]:
    metadata = decode_metadata(file.schema_arrow, where)
    if not metadata:
        check_foreign(_footer_of(path), where)
    return metadata


def read_footer(path: Path, *, name: str | None = None) -> tuple[pa.Schema, dict[str, Any], pq.FileMetaData]:
    """Read what the footer of a Parquet file says: schema, rbmcli metadata, Parquet metadata."""
    where = name or str(path)
    with _readable_parquet(path, where) as file:
        schema = file.schema_arrow
        metadata = _metadata_of(file, path, where)
        _check_columns(schema, file.metadata.num_rows, metadata, where)
        metadata.pop(_CONTENT, None)
        return schema, metadata, file.metadata


def write_table(
    table: pa.Table,
    target: Target,
    contract: Contract,
    metadata: dict[str, Any],
    file_format: str = "parquet",
    *,
    rows_are_large: bool = False,
) -> None:
    """Write a table under a contract: whole or not at all.

    Parameters
    ----------
    table : pyarrow.Table
        The rows; any schema metadata is dropped.
    target : path, '-' or address
        Where to write; a file there is replaced.
    contract : Contract
        What the table is; it is checked against it.
    metadata : dict
        What goes into the JSON beside format, version and hashes. Nothing in it may vary between equal
        runs.
    file_format : {"parquet", "arrow", "csv", "jsonl"}
        The metadata stand in the first two only.
    rows_are_large : bool
        Whether a row may be many megabytes of bytes that nobody searches. Then each is a row group of its
        own, which must fit into 2 GiB, and there are neither dictionaries nor statistics.

    Raises
    ------
    OutputError, LockedError, UsageError
        As `rbmcli.data.outputs.open_output`.
    """
    table = under_contract(table, contract, metadata, str(target))
    with open_output(target) as file:
        write_to(table, file, file_format, rows_are_large=rows_are_large)


def described(table: pa.Table, contract: Contract, metadata: dict[str, Any]) -> pa.Table:
    """Return a table with the JSON metadata of a contract, for use in memory: it is not checked."""
    return table.replace_schema_metadata({METADATA_KEY: encode_metadata(contract, metadata)})


def under_contract(table: pa.Table, contract: Contract, metadata: dict[str, Any], where: str) -> pa.Table:
    """Return a table with the JSON metadata of a contract, after checking that it follows the contract."""
    table = storable(table)
    hashes = {_CONTENT: content_hash(table), _COLUMNS: columns_hash(table.schema, table.num_rows)}
    encoded = encode_metadata(contract, {**metadata, **hashes})
    schema = table.schema.with_metadata({METADATA_KEY: encoded})
    check_contract(schema, json.loads(encoded), contract, where)
    return table.replace_schema_metadata(schema.metadata)


def write_to(
    table: pa.Table, file: BinaryIO, file_format: str = "parquet", *, rows_are_large: bool = False
) -> None:
    """Write a table to a binary file, which need not be seekable, in one of the formats of `write_table`."""
    if file_format == "parquet":
        pq.write_table(
            table,
            file,
            row_group_size=1 if rows_are_large else ROW_GROUP_ROWS,
            use_dictionary=not rows_are_large,
            write_statistics=not rows_are_large,
            compression="zstd",
            write_page_checksum=True,
        )
    else:
        {"arrow": write_arrow, "csv": write_csv, "jsonl": write_json_lines}[file_format](table, file)

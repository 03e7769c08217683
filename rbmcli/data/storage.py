"""Parquet with a contract, read: page checksums, the JSON metadata and the hash of the content verified."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from rbmcli.data.contents import ContentHash, columns_hash, content_hash
from rbmcli.data.metadata import COLUMNS, CONTENT, check_foreign, decode_metadata
from rbmcli.data.schemas import Contract, check_contract
from rbmcli.errors import DataError


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


@dataclass(frozen=True)
class ParquetPieces:
    """A Parquet file that is read piece by piece.

    Attributes
    ----------
    schema : pyarrow.Schema
        Its columns, without metadata.
    rows : int
        How many rows it has.
    metadata : dict
        The rbmcli metadata; empty for a file of another tool.
    pieces : iterator of pyarrow.Table
        All rows, in order. After the last one a `DataError` tells if they are not those that were written.
    """

    schema: pa.Schema
    rows: int
    metadata: dict[str, Any]
    pieces: Iterator[pa.Table]


@contextmanager
def open_parquet(
    path: Path,
    *,
    name: str | None = None,
    rows_at_once: int,
    columns: list[str] | None = None,
    advance: Callable[[int], None] = lambda count: None,
) -> Iterator[ParquetPieces]:
    """Open a Parquet file to read it piece by piece.

    Parameters
    ----------
    path : Path
        File to read.
    name : str, optional
        Name of the file in messages, where it is not its path.
    rows_at_once : int
        Rows of a piece, at most.
    columns : list of str, optional
        Columns to read; of a part of them the hash of the content cannot be verified.
    advance : callable
        Told how many further bytes have been read.

    Raises
    ------
    DataError
        If the file is missing, damaged, or not Parquet; while it is read, too.
    """
    where = name or str(path)
    with _readable_parquet(path, where) as file:
        metadata = _metadata_of(file, path, where)
        schema, rows = file.schema_arrow.remove_metadata(), file.metadata.num_rows
        _check_columns(schema, rows, metadata, where)
        expected = metadata.pop(CONTENT, None)
        pieces = _pieces(file, rows_at_once, columns, advance)
        if expected is not None and columns is None:
            pieces = _verified(pieces, schema, expected, where)
        yield ParquetPieces(schema, rows, metadata, pieces)


def _pieces(
    file: pq.ParquetFile, rows_at_once: int, columns: list[str] | None, advance: Callable[[int], None]
) -> Iterator[pa.Table]:
    for index in range(file.num_row_groups):
        for batch in file.iter_batches(rows_at_once, [index], columns):
            yield pa.Table.from_batches([batch]).replace_schema_metadata(None)
        group = file.metadata.row_group(index)
        advance(sum(group.column(column).total_compressed_size for column in range(group.num_columns)))


def verified_pieces(
    pieces: Iterator[pa.Table], schema: pa.Schema, rows: int, metadata: dict[str, Any], where: str
) -> Iterator[pa.Table]:
    """Return rows piece by piece, and take the hashes of the content out of the metadata of their file.

    Raises
    ------
    DataError
        If the columns are others; after the last piece, if the rows are.
    """
    _check_columns(schema, rows, metadata, where)
    expected = metadata.pop(CONTENT, None)
    return pieces if expected is None else _verified(pieces, schema, expected, where)


def _verified(pieces: Iterator[pa.Table], schema: pa.Schema, expected: str, where: str) -> Iterator[pa.Table]:
    state = ContentHash(schema)
    for piece in pieces:
        state.update(piece)
        yield piece
    if state.hexdigest() != expected:
        raise _changed("rows", where)


def read_group(path: Path, index: int, columns: list[str], *, name: str) -> pa.Table:
    """Read some columns of a row group; its pages are verified, what is raised is as for `read_parquet`."""
    with _readable_parquet(path, name) as file:
        return file.read_row_group(index, columns).select(columns).replace_schema_metadata(None)


def read_columns(
    path: Path, columns: list[str], contract: Contract, *, name: str | None = None
) -> tuple[pa.Table, dict[str, Any]]:
    """Read some columns of a file under a contract, and its rbmcli metadata; pages are verified.

    Parameters and what is raised are as for `read_parquet`.
    """
    where = name or str(path)
    with _readable_parquet(path, where) as file:
        metadata = decode_metadata(file.metadata.metadata, where)
        check_contract(file.schema_arrow, metadata, contract, where)
        table = file.read(columns).replace_schema_metadata(None)
    metadata.pop(CONTENT, None)
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
    expected = metadata.pop(CONTENT, None)
    if expected is not None and content_hash(table) != expected:
        raise _changed("rows", where)


def _check_columns(schema: pa.Schema, rows: int, metadata: dict[str, Any], where: str) -> None:
    expected = metadata.pop(COLUMNS, None)
    if expected is not None and columns_hash(schema, rows) != expected:
        raise _changed("columns", where)


def _changed(what: str, where: str) -> DataError:
    return DataError(
        f"{where}: its {what} are not those that its rbmcli metadata tell of: it is damaged, or was "
        "changed by another tool",
        hint="make it again; after a change that was meant, write it without the metadata key 'rbmcli'",
    )


def _metadata_of(file: pq.ParquetFile, path: Path, where: str) -> dict[str, Any]:
    metadata = decode_metadata(file.metadata.metadata, where)
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
        metadata.pop(CONTENT, None)
        return schema, metadata, file.metadata

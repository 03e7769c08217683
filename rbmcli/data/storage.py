"""Parquet on disk: written whole or not at all, read with its checksums verified.

The JSON metadata carries a hash of itself, because Parquet has checksums for pages but none for the
footer that holds the metadata.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from rbmcli.data.schemas import METADATA_KEY, Contract, check_contract
from rbmcli.errors import DataError, LockedError, UsageError

ROW_GROUP_ROWS = 1 << 20


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


@contextmanager
def _readable_parquet(path: Path, name: str) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file, mapping every way in which that can fail to a `DataError`."""
    if not path.exists():
        raise DataError(f"{name}: no such file")
    if path.is_dir():
        raise DataError(f"{name}: is a folder, expected a Parquet file")
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            yield file
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{name}: not a readable Parquet file: {reason}") from None


def read_parquet(
    path: Path, contract: Contract | None = None, *, name: str | None = None
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
        metadata = decode_metadata(schema, where)
        if contract is not None:
            check_contract(schema, metadata, contract, where)
        table = file.read()
    return table.replace_schema_metadata(None), metadata


def read_footer(path: Path) -> tuple[pa.Schema, dict[str, Any], pq.FileMetaData]:
    """Read what the footer of a Parquet file says: schema, rbmcli metadata, Parquet metadata."""
    with _readable_parquet(path, str(path)) as file:
        schema = file.schema_arrow
        return schema, decode_metadata(schema, str(path)), file.metadata


def check_target(target: str | os.PathLike[str] | None, inputs: Sequence[Any] = ()) -> Path | None:
    """Check, before any work is done for it, that an output may be written, and return its path.

    Parameters
    ----------
    target : path or None
        File to write; None if there is to be none.
    inputs : sequence
        What the work reads; those that are paths must not be written over.

    Raises
    ------
    UsageError
        If the target is standard output, a folder, in a folder that does not exist, or an input.
    """
    if target is None:
        return None
    path = Path(target)
    if path == Path("-"):
        raise UsageError("-o -: the output is written to a file", hint="give -o the name of a file")
    if not path.parent.is_dir():
        raise UsageError(f"{path}: the folder {path.parent} does not exist", hint="create it first")
    if path.is_dir():
        raise UsageError(f"{path}: is a folder, expected the name of a file")
    for source in inputs:
        is_file = isinstance(source, str | os.PathLike) and path.exists() and Path(source).exists()
        if is_file and path.samefile(source):
            raise UsageError(f"{path}: is an input and would be written over", hint="give -o another name")
    return path


@contextmanager
def locked(target: Path) -> Iterator[None]:
    """Hold the lock of a file while the block runs; it lies beside the file, which need not exist.

    Raises
    ------
    LockedError
        If another run holds it.
    """
    lock = FileLock(target.parent / f".{target.name}.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise LockedError(
            f"{target}: another run is writing this file", hint="wait for it, or choose another output"
        ) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def atomic_output(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside `target` that replaces it, whole, when the block ends well.

    The temporary file is synced before the rename and the folder after it. A lock beside the target
    keeps a second writer out.

    Raises
    ------
    LockedError
        If another run is writing the same target.
    UsageError
        If the folder of the target does not exist, or the target is a folder.
    """
    check_target(target)
    folder = target.parent
    with locked(target):
        handle, name = tempfile.mkstemp(dir=folder, prefix=f".{target.name}.", suffix=".tmp")
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            temporary.chmod(0o666 & ~_umask())
            _sync(temporary)
            temporary.replace(target)
            _sync(folder)
        finally:
            temporary.unlink(missing_ok=True)


def _umask() -> int:
    value = os.umask(0)
    os.umask(value)
    return value


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_parquet(
    table: pa.Table,
    path: Path,
    contract: Contract,
    metadata: dict[str, Any],
    *,
    rows_are_large: bool = False,
) -> None:
    """Write a table under a contract: atomically, with page checksums and the JSON metadata.

    Parameters
    ----------
    table : pyarrow.Table
        The rows; any schema metadata is dropped.
    path : Path
        Target; replaced if it exists.
    contract : Contract
        What the file is; the table is checked against it.
    metadata : dict
        What goes into the JSON beside format, version and hash. Nothing in it may vary between equal
        runs.
    rows_are_large : bool
        Whether a row may be many megabytes of bytes that nobody searches. Then each is a row group of its
        own, which must fit into 2 GiB, and there are neither dictionaries nor statistics.
    """
    encoded = encode_metadata(contract, metadata)
    schema = table.schema.with_metadata({METADATA_KEY: encoded})
    check_contract(schema, json.loads(encoded), contract, str(path))
    with atomic_output(path) as temporary:
        pq.write_table(
            table.replace_schema_metadata(schema.metadata),
            temporary,
            row_group_size=1 if rows_are_large else ROW_GROUP_ROWS,
            use_dictionary=not rows_are_large,
            write_statistics=not rows_are_large,
            compression="zstd",
            write_page_checksum=True,
        )

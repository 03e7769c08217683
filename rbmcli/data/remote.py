"""Files of remote stores, by addresses such as s3://bucket/name: copied here to be read, there to be written.

pyarrow.fs knows the stores; it is imported only when an address is met. There are no locks on a remote store.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import unquote, urlsplit, urlunsplit

from rbmcli.errors import DataError, OutputError, UsageError

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_LOCAL = "file://"


def is_remote(name: object) -> bool:
    """Return whether a name is the address of a file in a store, rather than a path of this machine."""
    return isinstance(name, str) and _ADDRESS.match(name) is not None and not name.startswith(_LOCAL)


def plain_path(name: str | os.PathLike[str]) -> Path:
    """Return the path of a file of this machine, which may be given as file:///path."""
    text = os.fspath(name)
    if text.startswith(_LOCAL):
        return Path(unquote(urlsplit(text).path))
    return Path(text)


def open_store(address: str) -> tuple[FileSystem, str]:
    """Return the store of an address, and the path in it.

    Raises
    ------
    UsageError
        If no store has such addresses.
    DataError
        If the store cannot be reached.
    """
    import pyarrow as pa
    from pyarrow.fs import FileSystem

    try:
        return FileSystem.from_uri(address)
    except pa.ArrowInvalid as error:
        raise UsageError(
            f"{address}: {_first_line(error)}", hint="give a path, or an address such as s3://bucket/name"
        ) from None
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{address}: the store cannot be reached: {_first_line(error)}") from None


@contextmanager
def downloaded(address: str) -> Iterator[Path]:
    """Yield a local copy of a remote file, or of a folder with all that is below it, until the block ends.

    Raises
    ------
    DataError
        If there is nothing at the address, or it cannot be read.
    """
    import pyarrow as pa
    from pyarrow.fs import FileType, LocalFileSystem, copy_files

    store, path = open_store(address)
    with tempfile.TemporaryDirectory(prefix="rbmcli-input-") as folder:
        try:
            kind = store.get_file_info(path).type
            if kind == FileType.NotFound:
                raise DataError(f"{address}: no such file", hint="check the address of the input")
            copy = Path(folder) / Path(path).name
            if kind == FileType.Directory:
                copy.mkdir()
            copy_files(path, str(copy), source_filesystem=store, destination_filesystem=LocalFileSystem())
        except (OSError, pa.ArrowException) as error:
            raise DataError(f"{address}: cannot be copied to {folder}: {_first_line(error)}") from None
        yield copy


def names_in(address: str) -> list[str]:
    """Return the names of the files right below a remote folder; none if there is no such folder."""
    from pyarrow.fs import FileSelector

    store, path = open_store(address)
    with _store_errors(address):
        return [entry.base_name for entry in store.get_file_info(FileSelector(path, allow_not_found=True))]


def delete(address: str) -> None:
    """Delete a remote file if it is there."""
    from pyarrow.fs import FileType

    store, path = open_store(address)
    with _store_errors(address):
        if store.get_file_info(path).type == FileType.File:
            store.delete_file(path)


def joined(address: str, name: str) -> str:
    """Return the address of a name below a remote folder."""
    parts = urlsplit(address)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{name}"))


@contextmanager
def upload(address: str) -> Iterator[BinaryIO]:
    """Yield a binary file of this machine that is copied to its address when the block ends well.

    It is sent as one object, so that a reader there finds the old object or the new one.

    Raises
    ------
    OutputError
        If the store does not take it.
    """
    from pyarrow.fs import LocalFileSystem, copy_files

    with tempfile.NamedTemporaryFile(prefix="rbmcli-output-") as file:
        try:
            yield file  # type: ignore[misc]
            file.flush()
        except OSError as error:
            raise OutputError.of(f"{address}, by way of {tempfile.gettempdir()}", error) from error
        store, path = open_store(address)
        with _store_errors(address):
            copy_files(file.name, path, source_filesystem=LocalFileSystem(), destination_filesystem=store)


@contextmanager
def _store_errors(address: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{address}: cannot be written: {_first_line(error)}",
            hint="check the address, the credentials, and that the bucket exists",
        ) from None


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__

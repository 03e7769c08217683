"""Files of remote stores, by addresses such as s3://bucket/name: copied here to be read, there to be written.

There are no locks on a remote store.
"""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import parse_qs, unquote, urlsplit, urlunsplit

from rbmcli.data.stores import first_line, open_store
from rbmcli.data.temporary import MORE_SPACE, save_copy, temporary_folder
from rbmcli.errors import DataError, OutputError, UsageError

if TYPE_CHECKING:
    from pyarrow.fs import FileInfo, FileSystem

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_LOCAL = "file://"
_SENT_BYTES = 16 << 20


def is_remote(name: object) -> bool:
    """Return whether a name is the address of a file in a store, rather than a path of this machine."""
    return isinstance(name, str) and _ADDRESS.match(name) is not None and not name.startswith(_LOCAL)


def plain_path(name: str | os.PathLike[str]) -> Path:
    """Return the path of a file of this machine, which may be given as file:///path.

    Raises
    ------
    UsageError
        If it is the address of a file of another machine.
    """
    text = os.fspath(name)
    if not text.startswith(_LOCAL):
        return Path(text)
    host, _, path = text.removeprefix(_LOCAL).partition("/")
    if host not in {"", "localhost"}:
        raise UsageError(f"{text}: is on the machine '{host}', expected file:///path of this one")
    return Path("/" + unquote(path))


def file_name(name: str) -> str:
    """Return the last part of a path or an address."""
    return PurePosixPath(urlsplit(name).path if is_remote(name) else name).name


def is_same(one: str, other: str) -> bool:
    """Return whether two addresses lead to the same file, however they are spelled."""
    return _place(one) == _place(other)


def is_below(address: str, folder: str) -> bool:
    """Return whether an address leads to a folder or to something in it."""
    (store, path), (other_store, other_path) = _place(address), _place(folder)
    return store == other_store and path.is_relative_to(other_path)


def joined(address: str, name: str) -> str:
    """Return the address of a name below a remote folder."""
    parts = urlsplit(address)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{name}"))


@contextmanager
def downloaded(address: str) -> Iterator[Path]:
    """Yield a local copy of a remote file, or of a folder with all that is below it, until the block ends.

    Raises
    ------
    DataError
        If there is nothing at the address, or it cannot be read.
    OutputError
        If there is no room for the copy.
    """
    from pyarrow.fs import FileSelector, FileType

    store, path = open_store(address)
    with temporary_folder() as folder:
        copy = folder / "copy"
        with _read_errors(address):
            found = store.get_file_info(path)
            below = []
            if found.type == FileType.Directory:
                below = store.get_file_info(FileSelector(path, recursive=True))
        if found.type == FileType.NotFound:
            raise DataError(f"{address}: no such file", hint="check the address of the input")
        if found.type == FileType.Directory:
            copy.mkdir()
            for file in below:
                if file.type == FileType.File:
                    _download(store, file, copy / _inside(file.path, found.path, address), address)
        else:
            _download(store, found, copy, address)
        yield copy


def names_in(address: str) -> list[str]:
    """Return the names of the files right below a remote folder; none if there is no such folder."""
    from pyarrow.fs import FileSelector, FileType

    store, path = open_store(address)
    with _store_errors(address):
        entries = store.get_file_info(FileSelector(path, allow_not_found=True))
    # A folder may have an object of its own that has no name in it.
    return [entry.base_name for entry in entries if entry.type == FileType.File or entry.path != path]


def check_writable(address: str) -> None:
    """Check, as far as it can be told without writing, that a store would take an object.

    Raises
    ------
    UsageError
        If no store has such addresses, or this one names no object.
    OutputError
        If the bucket does not exist, or the store cannot be reached or does not know the credentials.
    """
    import pyarrow as pa
    from pyarrow.fs import FileSelector

    try:
        store, path = open_store(address)
    except DataError as error:
        raise OutputError(error.message, hint=error.hint) from None
    try:
        # It is a question with few answers, and unlike others one that tells why it was refused.
        store.get_file_info(FileSelector(f"{path.rstrip('/')}/{_NO_FOLDER}"))
    except FileNotFoundError:
        return
    except (OSError, pa.ArrowException) as error:
        # Who may write need not be allowed to list.
        if "DENIED" not in str(error):
            raise _refused(address, first_line(error)) from None


def delete(address: str) -> None:
    """Delete a remote file if it is there."""
    from pyarrow.fs import FileType

    store, path = open_store(address)
    with _store_errors(address):
        if store.get_file_info(path).type == FileType.File:
            store.delete_file(path)


@contextmanager
def upload(address: str) -> Iterator[BinaryIO]:
    """Yield a binary file of this machine that is copied to its address when the block ends well.

    It is sent as one object, so that a reader there finds the old object or the new one.

    Raises
    ------
    OutputError
        If the store does not take it, or there is no room here.
    """
    with temporary_folder() as folder:
        copy = folder / "copy"
        try:
            with copy.open("wb") as file:
                yield file
        except OSError as error:
            raise OutputError.of(f"{address}, by way of {folder.parent}", error, MORE_SPACE) from error
        put(copy, address)


def put(copy: Path, address: str) -> None:
    """Send a file of this machine to an address as one object.

    Raises
    ------
    OutputError
        If the store does not take it; what stood there before is as it was.
    """
    store, path = open_store(address)
    with copy.open("rb") as file, _store_errors(address):
        stream = store.open_output_stream(path)
        try:
            while block := file.read(_SENT_BYTES):
                stream.write(block)
            stream.close()
        except BaseException:
            # Where a stream is closed, and the end of its life closes it, what was sent becomes an object.
            # There is no way to call it off, so that it must not end before the process does.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(stream))
            raise


_NO_FOLDER = "rbmcli-looks-whether-this-bucket-exists"


def _place(address: str) -> tuple[tuple[str, str, str], PurePosixPath]:
    parts = urlsplit(address)
    endpoint = parse_qs(parts.query).get("endpoint_override", [""])[0]
    host = parts.netloc.rpartition("@")[2]
    return (parts.scheme.lower(), host, endpoint), PurePosixPath("/" + unquote(parts.path).strip("/"))


def _inside(path: str, folder: str, address: str) -> PurePosixPath:
    """Return the path of a file below its folder, which must not lead out of it."""
    inside = PurePosixPath(path.removeprefix(folder).strip("/"))
    if ".." in inside.parts:
        raise DataError(f"{address}: holds '{inside}', a name that cannot be one here")
    return inside


def _download(store: FileSystem, file: FileInfo, copy: Path, address: str) -> None:
    with _read_errors(address), store.open_input_stream(file.path) as stream:
        try:
            copy.parent.mkdir(parents=True, exist_ok=True)
            with copy.open("wb") as opened:
                save_copy(stream.read, opened, address)
        except OSError as error:
            raise OutputError.of(f"the copy of {address} in {copy.parent}", error, MORE_SPACE) from None
        again = store.get_file_info(file.path)
    # It comes in pieces, which are of one object only where it was not replaced in between.
    if (again.size, again.mtime) != (file.size, file.mtime) or copy.stat().st_size != file.size:
        raise DataError(f"{address}: was changed while it was read", hint="run again when it is written")


@contextmanager
def _read_errors(address: str) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise DataError(
            f"{address}: cannot be read: {first_line(error)}",
            hint="check the address, the network and the credentials",
        ) from None


@contextmanager
def _store_errors(address: str) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise _refused(address, first_line(error)) from None


def _refused(address: str, reason: str) -> OutputError:
    return OutputError(
        f"{address}: cannot be written: {reason}",
        hint="check the address, the network, the credentials, and that the bucket exists",
    )

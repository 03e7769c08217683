"""Where an input comes from: a path, a pipe, standard input or a remote store; compression and format.

A pipe can be read only once and Parquet not at all from one, so that a pipe is first copied to a
temporary file, which is gone when the reading ends; and so is what comes from a remote store.
"""

from __future__ import annotations

import io
import os
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from rbmcli.data.outputs import output_errors
from rbmcli.data.paths import told
from rbmcli.data.remote import downloaded, file_name, is_remote, plain_path
from rbmcli.data.temporary import MORE_SPACE, save_copy
from rbmcli.errors import DataError

STANDARD_INPUT = "standard input"
_COMPRESSIONS = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\x28\xb5\x2f\xfd": "zstd"}
_PARQUET_MAGICS = (b"PAR1", b"PARE")
_ARROW_MAGICS = (b"\xff\xff\xff\xff", b"ARROW1")
_SNIFFED_BYTES = 1 << 16
_OPEN_FILES = Path("/proc/self/fd")


def _tell_nobody(count: int) -> None:
    """Take a count, and do nothing."""


@dataclass(frozen=True)
class InputFile:
    """A file or folder that can be opened as often as needed.

    Attributes
    ----------
    path : Path
        The file, or the copy of what came through a pipe.
    where : str
        Name of the input, for messages.
    compression : str or None
        Compression that surrounds the whole file.
    input_format : {"text", "jsonl", "parquet", "arrow"}
        Format of the content.
    advance : callable
        Told how many further bytes of the file have been read.
    """

    path: Path
    where: str
    compression: str | None
    input_format: str
    advance: Callable[[int], None] = _tell_nobody

    @property
    def size(self) -> int | None:
        """Bytes of the file, as they are on disk; None for a folder."""
        return None if self.path.is_dir() else self.path.stat().st_size

    def open(self) -> pa.NativeFile:
        """Open the content, decompressed, from its first byte."""
        if self.advance is _tell_nobody:
            return _open(self.path, self.compression)
        return _decompressed(pa.PythonFile(_CountedFile(self.path, self.advance)), self.compression)

    @contextmanager
    def errors_named(self) -> Iterator[None]:
        """Turn what can go wrong while the bytes are read into a `DataError`."""
        try:
            yield
        except (OSError, pa.ArrowException) as error:
            raise DataError(f"{self.where}: cannot be read: {_first_line(error)}") from None


@contextmanager
def open_input(source: str | os.PathLike[str], input_format: str) -> Iterator[InputFile]:
    """Yield the input of a path, or of standard input for '-'.

    Parameters
    ----------
    source : str or path
        What the user named.
    input_format : {"auto", "text", "jsonl", "parquet", "arrow"}
        Format to assume; auto looks at the first bytes, then at the name.

    Raises
    ------
    DataError
        If there is no such file, or it cannot be read.
    """
    with local_copy(source) as (path, where):
        if path.is_dir():
            yield InputFile(path, where, None, "parquet")
        else:
            yield _identify(path, where, input_format)


@contextmanager
def local_copy(source: str | os.PathLike[str]) -> Iterator[tuple[Path, str]]:
    """Yield a file or folder that can be opened as often as needed, and the name of the input for messages.

    It is the input itself, or the copy of what came through a pipe or from a remote store.

    Raises
    ------
    DataError
        If there is no such file, or it cannot be read.
    """
    name = os.fspath(source)
    if name == "-":
        with _spooled(None, STANDARD_INPUT) as copy:
            yield copy, STANDARD_INPUT
        return
    if is_remote(name):
        with downloaded(name) as copy:
            yield copy, told(name)
        return
    path, name = plain_path(name), told(name)
    try:
        mode = path.stat().st_mode
    except OSError as error:
        what = "no such file" if isinstance(error, FileNotFoundError) else error.strerror
        raise DataError(f"{name}: {what}", hint="check the path of the input") from None
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        yield path, name
    else:
        with _spooled(path, name) as copy:
            yield copy, name


def first_bytes(source: InputFile) -> tuple[bytes, bool]:
    """Return the start of the decompressed content, and whether that is all of it."""
    with source.errors_named(), source.open() as stream:
        data = stream.read(_SNIFFED_BYTES)
        return data, len(data) < _SNIFFED_BYTES


@contextmanager
def _spooled(path: Path | None, where: str) -> Iterator[Path]:
    """Yield a copy of a stream.

    Where the system shows open files under paths the copy has no other name, so that nothing is left of it
    when the run is killed.
    """
    with ExitStack() as stack:
        source = _opened_pipe(path, where, stack)
        with output_errors(f"the copy of {where} in {tempfile.gettempdir()}", hint=MORE_SPACE):
            has_paths = _OPEN_FILES.is_dir()
            new_file = tempfile.TemporaryFile if has_paths else tempfile.NamedTemporaryFile
            copy = new_file()
            stack.callback(_close, copy)
            save_copy(source.read, copy, where)
            copy.flush()
        yield _OPEN_FILES / str(copy.fileno()) if has_paths else Path(copy.name)


def _opened_pipe(path: Path | None, where: str, stack: ExitStack) -> IO[bytes]:
    if path is None:
        if sys.stdin is None:
            raise DataError(f"{where}: is closed", hint="give a path, or send something to it")
        return sys.stdin.buffer
    try:
        return stack.enter_context(path.open("rb"))
    except OSError as error:
        reason = os.strerror(error.errno).lower() if error.errno else str(error)
        raise DataError(f"{where}: cannot be read: {reason}", hint="check the input") from None


def _close(copy: IO[bytes]) -> None:
    # Where the copy could not be written there was an error, which must not give way to a second one.
    with suppress(OSError):
        copy.close()


def _identify(path: Path, where: str, input_format: str) -> InputFile:
    try:
        with path.open("rb") as file:
            head = file.read(4)
        compression = next((name for magic, name in _COMPRESSIONS.items() if head.startswith(magic)), None)
        with _open(path, compression) as stream:
            start = stream.read(256)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{where}: cannot be read: {_first_line(error)}") from None
    found = _format_of(start, file_name(where))
    if found == "parquet" and compression:
        raise DataError(
            f"{where}: is a Parquet file inside {compression} compression, expected plain Parquet",
            hint="decompress it first: Parquet is compressed inside",
        )
    encoding = _other_encoding(start) if found in {"text", "jsonl"} else None
    if encoding:
        raise DataError(
            f"{where}: is {encoding}, expected UTF-8 text",
            hint=f"convert it first, as by iconv -f {encoding.split()[0]} -t UTF-8",
        )
    return InputFile(path, where, compression, found if input_format == "auto" else input_format)


def _format_of(start: bytes, name: str) -> str:
    if start.startswith(_PARQUET_MAGICS):
        return "parquet"
    if start.startswith(_ARROW_MAGICS):
        return "arrow"
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    stem = name.lower().removesuffix(".gz").removesuffix(".zst").removesuffix(".bz2")
    if text.startswith(b"{") or stem.endswith((".jsonl", ".ndjson", ".json")):
        return "jsonl"
    if stem.endswith((".arrow", ".arrows")):
        return "arrow"
    return "parquet" if stem.endswith((".parquet", ".pq")) else "text"


def _other_encoding(start: bytes) -> str | None:
    """Return which text with bytes of nought it is, None for one without."""
    if start.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return "UTF-32 text"
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "UTF-16 text"
    return "UTF-16 text or no text at all" if b"\0" in start else None


class _CountedFile(io.FileIO):
    """A file that tells how many bytes of it have been read, each of them once."""

    def __init__(self, path: Path, advance: Callable[[int], None]) -> None:
        super().__init__(path, "rb")
        self._advance, self._told = advance, 0

    def read(self, size: int | None = -1) -> bytes | Any:
        """Read bytes."""
        content = super().read(-1 if size is None else size)
        place = self.tell()
        if place > self._told:
            self._advance(place - self._told)
            self._told = place
        return content


def _open(path: Path, compression: str | None) -> pa.NativeFile:
    return _decompressed(pa.OSFile(os.fsencode(path), "rb"), compression)


def _decompressed(file: pa.NativeFile, compression: str | None) -> pa.NativeFile:
    return file if compression is None else pa.CompressedInputStream(file, compression)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__

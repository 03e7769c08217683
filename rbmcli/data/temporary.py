"""Folders for copies of what cannot be read or written where it is, gone when they are no longer needed.

Each is locked by the process that made it, so that what a killed run has left is known and removed by the
next run that makes one.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from rbmcli.errors import DataError, OutputError

MORE_SPACE = "set TMPDIR to a folder on a disk with more space"
_PREFIX = "rbmcli-copy-"
_BLOCK_BYTES = 16 << 20


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Yield a new folder below TMPDIR that is removed when the block ends.

    Raises
    ------
    OutputError
        If none can be made.
    """
    try:
        _remove_left_over()
        folder, lock = _new_locked_folder()
    except OSError as error:
        raise OutputError.of("TMPDIR, the folder for temporary files,", error, MORE_SPACE) from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def save_copy(read: Callable[[int], bytes], copy: IO[bytes], where: str) -> None:
    """Write all that can be read to a file; an `OSError` means that this fails.

    Parameters
    ----------
    read : callable
        Gives at most so many bytes as it is asked for, and none at the end.
    copy : binary file
        File to write.
    where : str
        Name of the input, for messages.

    Raises
    ------
    DataError
        If reading fails.
    """
    while block := _block(read, where):
        copy.write(block)


def _block(read: Callable[[int], bytes], where: str) -> bytes:
    try:
        return read(_BLOCK_BYTES)
    except OSError as error:
        reason = str(error).splitlines()[0] if error.errno is None else os.strerror(error.errno).lower()
        raise DataError(f"{where}: cannot be read: {reason}", hint="check the input") from None


def _new_locked_folder() -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        # Another run may take it for left over before it is locked; then there is no folder any more.
        with suppress(FileNotFoundError):
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            _lock(lock, fcntl.LOCK_EX)
            if folder.exists():
                return folder, lock
            os.close(lock)


def _remove_left_over() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        try:
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            continue
        if os.fstat(lock).st_uid == os.getuid() and _lock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB):
            shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _lock(descriptor: int, operation: int) -> bool:
    """Return whether a folder could be locked; on some network file systems none can be."""
    try:
        fcntl.flock(descriptor, operation)
    except OSError:
        return False
    return True

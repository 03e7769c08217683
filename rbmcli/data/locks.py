"""A lock for each output, so that no two runs write one file at a time.

The lock is an empty-looking file beside the output, `.NAME.lock`, that holds the process id of the run that
has it. The kernel holds the lock itself (flock), and lets it go when the run ends, however it ends.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rbmcli.errors import LockedError, OutputError

_POLL_SECONDS = 0.05
_WRITING_SECONDS = 1.0
"""More than a run that has just got the lock needs to write its process id, on a machine with much to do."""

_held: dict[Path, int] = {}
"""How often this process holds each lock: it may take one again that it has."""


@contextmanager
def locked(target: Path, timeout: float = 0.0) -> Iterator[None]:
    """Hold the lock of an output while the block runs.

    Parameters
    ----------
    target : Path
        File or folder; it need not exist, but the folder that it is in must.
    timeout : float
        Seconds to wait for a run that has the lock.

    Raises
    ------
    LockedError
        If another run still has it then.
    OutputError
        If no lock can be made beside the output.
    """
    path = _resolved(target)
    if path in _held:
        _held[path] += 1
        try:
            yield
        finally:
            _held[path] -= 1
        return
    place = path.parent / f".{path.name}.lock"
    descriptor = _acquire(place, target, timeout)
    _held[path] = 1
    try:
        yield
    finally:
        del _held[path]
        # Removed while it is still held; who waits for it notices that it is no longer there.
        place.unlink(missing_ok=True)
        os.close(descriptor)


def _resolved(target: Path) -> Path:
    try:
        return target.resolve()
    except OSError as error:
        raise OutputError.of(target, error) from None
    except RuntimeError:
        # Until Python 3.12 this is how a loop is told.
        raise OutputError.of(target, OSError(errno.ELOOP, "")) from None


def _acquire(place: Path, target: Path, timeout: float) -> int:
    """Return the descriptor of a lock file that this process holds and that stands at its place."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            descriptor = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise OutputError.of(target, error) from None
        try:
            if _try_lock(descriptor, target):
                if _stands_at(descriptor, place):
                    _write_holder(descriptor, place, target)
                    return descriptor
            elif time.monotonic() >= deadline:
                raise LockedError(
                    f"{target}: another run is writing it, process {_holder(descriptor)}",
                    hint="wait for it with --lock-timeout SECONDS, or choose another output",
                )
            else:
                time.sleep(_POLL_SECONDS)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _try_lock(descriptor: int, target: Path) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise OutputError.of(target, error) from None
    return True


def _stands_at(descriptor: int, place: Path) -> bool:
    """Return whether a path still leads to an open file, and not to one that another run has made since."""
    try:
        return os.path.samestat(os.fstat(descriptor), place.stat())
    except FileNotFoundError:
        return False


def _write_holder(descriptor: int, place: Path, target: Path) -> None:
    """Write the id of this process into a lock file that it holds."""
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    except OSError as error:
        place.unlink(missing_ok=True)
        raise OutputError.of(target, error) from None


def _holder(descriptor: int) -> str:
    """Return the id of the process that holds a lock; it may yet have to replace that of a dead one."""
    deadline = time.monotonic() + _WRITING_SECONDS
    while True:
        written = os.pread(descriptor, 20, 0).decode("ascii", "replace")
        if _is_alive(written) or time.monotonic() >= deadline:
            return written or "unknown"
        time.sleep(_POLL_SECONDS)


def _is_alive(process: str) -> bool:
    """Return whether there is a process of an id, which there also is if it may not be sent a signal."""
    try:
        os.kill(int(process), 0)
    except PermissionError:
        return True
    except (ValueError, OverflowError, ProcessLookupError):
        return False
    return True

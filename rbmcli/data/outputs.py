"""Where an output goes: a file, whole or not at all; standard output; or an object of a remote store.

A file is written beside its target, synced, and renamed over it while the target's lock is held, so that
who reads the target reads the old file or the new one. What a killed run has left is removed by the next.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from rbmcli.data.locks import locked
from rbmcli.data.paths import is_folder, is_same_file
from rbmcli.data.remote import check_writable, file_name, is_remote, is_same, plain_path, upload
from rbmcli.errors import OutputError, UsageError

STANDARD_OUTPUT = "-"
_HALF_RENAMED = "some of the files are new and others old; mend it and run again"

Target = str | os.PathLike[str]
"""A path, '-' for standard output, or the address of a remote object such as s3://bucket/name."""


def local_path(target: Target | None) -> Path | None:
    """Return the path of a target that is a file of this machine, None for any other."""
    if target is None or os.fspath(target) == STANDARD_OUTPUT or is_remote(target):
        return None
    return plain_path(target)


def told_target(target: Target) -> str:
    """Return the name of a target for messages."""
    return "standard output" if os.fspath(target) == STANDARD_OUTPUT else os.fspath(target)


def check_target(target: Target | None, inputs: Sequence[Any] = ()) -> None:
    """Check, before any work is done for it, that an output may be written.

    Parameters
    ----------
    target : path, '-', address, or None
        Where to write; None if nothing is to be written.
    inputs : sequence
        What the work reads; those that are paths must not be written over.

    Raises
    ------
    UsageError
        If the target is a folder, in a folder that does not exist, or an input.
    """
    if target is not None and is_remote(target):
        _check_address(os.fspath(target), inputs)
    path = local_path(target)
    if path is None:
        return
    if not is_folder(path.parent):
        raise UsageError(f"{path}: the folder {path.parent} does not exist", hint="create it first")
    if is_folder(path):
        raise UsageError(f"{path}: is a folder, expected the name of a file")
    check_replaceable(path)
    for source in inputs:
        if isinstance(source, str | os.PathLike) and is_same_file(path, plain_path(source)):
            raise UsageError(f"{path}: is an input and would be written over", hint="give -o another name")


def check_replaceable(path: Path) -> None:
    """Check that nothing stands at a path but a file that a new one may be renamed over.

    A device such as /dev/null would be lost to the whole machine.

    Raises
    ------
    UsageError
        If a device, a pipe or a socket does, or a link of the system to a stream that is open.
    """
    try:
        is_special = not stat.S_ISREG(path.stat().st_mode) and not path.is_dir()
        is_stream = path.is_symlink() and path.readlink().is_relative_to("/proc")
    except OSError:
        return
    if is_special or is_stream:
        raise UsageError(
            f"{path}: is a device, a pipe or a socket, expected the name of a file",
            hint=f"let the shell write to it: -o - > {path}",
        )


def _check_address(address: str, inputs: Sequence[Any]) -> None:
    if not file_name(address) or address.partition("?")[0].endswith("/"):
        raise UsageError(f"{address}: is a folder, expected the name of a file")
    if any(is_remote(source) and is_same(source, address) for source in inputs):
        raise UsageError(f"{address}: is an input and would be written over", hint="give -o another name")
    check_writable(address)


@contextmanager
def open_output(target: Target) -> Iterator[BinaryIO]:
    """Yield a binary file; what is written to it is the output when the block ends well.

    Parameters
    ----------
    target : path, '-' or address
        Where to write.

    Raises
    ------
    LockedError
        If another run is writing the same file.
    OutputError
        If the system does not let it be written; the old file is as it was.
    UsageError
        If the folder of the target does not exist, or the target is a folder.
    """
    check_target(target)
    path = local_path(target)
    if path is not None:
        with open_outputs([path]) as (file,):
            yield file
    elif is_remote(target):
        with upload(os.fspath(target)) as file:
            yield file
    else:
        with output_errors(told_target(target)):
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()


@contextmanager
def open_outputs(
    targets: Sequence[Path], before_renaming: Callable[[], None] = lambda: None
) -> Iterator[list[BinaryIO]]:
    """Yield a binary file for each of several targets; all of them are renamed when the block ends well.

    Until every one is complete and on disk none of the targets has changed.

    Parameters
    ----------
    targets : sequence of Path
        Files to write.
    before_renaming : callable
        Called when all are complete, before the first is renamed.
    """
    with ExitStack() as stack:
        for target in targets:
            check_replaceable(target)
            stack.enter_context(locked(target))
        parts = [target.parent / f".{target.name}.tmp" for target in targets]
        for part in parts:
            stack.callback(_remove, part)
        files: list[BinaryIO] = []
        for target, part in zip(targets, parts, strict=True):
            with output_errors(target):
                part.unlink(missing_ok=True)
                # Never through a link that somebody has put there.
                files.append(part.open("xb"))
            stack.callback(_close, files[-1])
        names = ", ".join(map(str, targets))
        with output_errors(names):
            yield files
            for file in files:
                file.flush()
                os.fsync(file.fileno())
        with output_errors(names, hint=_HALF_RENAMED if len(targets) > 1 else None):
            before_renaming()
            for target, part in zip(targets, parts, strict=True):
                part.replace(target)
            for folder in {target.parent for target in targets}:
                _sync_folder(folder)


def remove_partial(target: Path) -> None:
    """Remove what a killed run has left of an output; its lock must be held."""
    _remove(target.parent / f".{target.name}.tmp")


@contextmanager
def output_errors(name: object, hint: str | None = None) -> Iterator[None]:
    """Name the output in what the system says against writing it; a closed pipe stays what it is.

    Parameters
    ----------
    name : object
        The output.
    hint : str, optional
        What to do about it, where the old output is not as it was.

    Raises
    ------
    OutputError
        In place of an `OSError` of the block.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError.of(name, error, hint) from error


def _close(file: BinaryIO) -> None:
    # All that counts has been written by now, or there was an error, which must not give way to a second one.
    with suppress(OSError):
        file.close()


def _remove(part: Path) -> None:
    with suppress(OSError):
        part.unlink()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""A folder of files that are replaced together, on this machine or in a remote store.

A marker file stands in it only while the files are whole: it goes before the first of them is replaced, and
comes back after the last.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from rbmcli.data.locks import locked
from rbmcli.data.outputs import Target, local_path, open_outputs
from rbmcli.data.paths import exists, is_folder, is_same_file
from rbmcli.data.remote import (
    check_writable,
    delete,
    downloaded,
    is_below,
    is_remote,
    is_same,
    joined,
    names_in,
    plain_path,
    put,
)
from rbmcli.data.temporary import temporary_folder
from rbmcli.errors import OutputError, UsageError

Write = Callable[[BinaryIO], None]
"""Writes one file."""


class Folder(ABC):
    """What is asked of a folder, wherever it is."""

    @abstractmethod
    def names(self) -> list[str]:
        """Return the sorted names of what is in it, but for hidden files; none if it does not exist."""

    @abstractmethod
    def opened(self, name: str) -> AbstractContextManager[Path]:
        """Give a path of this machine under which one of its files can be read."""

    @abstractmethod
    def target(self, name: str) -> str:
        """Return path or address of one of its files."""

    @abstractmethod
    def make(self) -> None:
        """Let it exist.

        Raises
        ------
        OutputError, UsageError
            If it cannot.
        """

    @abstractmethod
    def remove(self, names: Collection[str]) -> None:
        """Remove those of some of its files that there are; an `OSError` means that this fails."""

    @abstractmethod
    def replace(self, files: Mapping[str, Write], marker: tuple[str, Write], stale: Collection[str]) -> None:
        """Write all files and the marker, and remove stale ones; until all are complete the old ones stay.

        Raises
        ------
        LockedError
            If another run is writing to the folder.
        OutputError
            If it cannot be written.
        """


def folder_of(target: Target) -> Folder:
    """Return the folder at a path or address."""
    path = local_path(target)
    return RemoteFolder(str(target)) if path is None else LocalFolder(path)


def check_folder(target: Target, inputs: Sequence[Any], names: Collection[str]) -> None:
    """Check, before any work is done for it, that files may be written into a folder.

    Parameters
    ----------
    target : path or address
        The folder, which need not exist.
    inputs : sequence
        What the work reads; those that are paths must not be written over.
    names : collection of str
        Files that are to be written.

    Raises
    ------
    UsageError
        If the target is a file, or an input is one of the files or a folder that they would be in.
    """
    path = local_path(target)
    if path is not None and exists(path) and not is_folder(path):
        raise UsageError(f"{target}: is a file, expected a folder", hint="give -o another name")
    for source in inputs:
        if isinstance(source, str | os.PathLike) and _touches(source, target, names):
            raise UsageError(
                f"{source}: is an input, and {target} would be written over or into it",
                hint="give -o another name",
            )
    if is_remote(target):
        check_writable(os.fspath(target))


def _touches(source: str | os.PathLike[str], target: Target, names: Collection[str]) -> bool:
    """Return whether an input is one of the files to be written, or a folder that they are in."""
    if is_remote(source) or is_remote(target):
        return _touches_remotely(os.fspath(source), os.fspath(target), names)
    path, folder = plain_path(source), plain_path(target)
    # What is written into a folder of inputs would be an input of the next run.
    if is_folder(path):
        return folder.resolve().is_relative_to(path.resolve())
    return any(is_same_file(path, folder / name) for name in names)


def _touches_remotely(source: str, target: str, names: Collection[str]) -> bool:
    if not (is_remote(source) and is_remote(target)):
        return False
    return is_below(target, source) or any(is_same(source, joined(target, name)) for name in names)


class LocalFolder(Folder):
    """A folder of this machine."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def names(self) -> list[str]:
        """Return the sorted names of what is in it, but for hidden files; none if it does not exist."""
        if not is_folder(self.path):
            return []
        try:
            return sorted(path.name for path in self.path.iterdir() if not path.name.startswith("."))
        except OSError as error:
            raise OutputError.of(self.path, error) from None

    @contextmanager
    def opened(self, name: str) -> Iterator[Path]:
        """Give the path of one of its files."""
        yield self.path / name

    def target(self, name: str) -> str:
        """Return the path of one of its files."""
        return str(self.path / name)

    def make(self) -> None:
        """Let it exist."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise UsageError(f"{self.path}: a file is in the way of this folder") from None
        except OSError as error:
            raise OutputError.of(self.path, error) from None

    def remove(self, names: Collection[str]) -> None:
        """Remove those of some of its files that there are."""
        for name in names:
            (self.path / name).unlink(missing_ok=True)

    def replace(self, files: Mapping[str, Write], marker: tuple[str, Write], stale: Collection[str]) -> None:
        """Write all files and the marker, and remove stale ones; until all are complete the old ones stay."""
        self.make()
        writes = {**files, marker[0]: marker[1]}

        def remove_old() -> None:
            """Remove the marker and stale files, when the new ones are complete."""
            self.remove((marker[0], *stale))

        with (
            locked(self.path),
            open_outputs([self.path / name for name in writes], before_renaming=remove_old) as opened,
        ):
            for write, file in zip(writes.values(), opened, strict=True):
                write(file)


class RemoteFolder(Folder):
    """What has one prefix in a remote store."""

    def __init__(self, address: str) -> None:
        self.address = address

    def names(self) -> list[str]:
        """Return the sorted names of what is in it, but for hidden files; none if it does not exist."""
        return sorted(name for name in names_in(self.address) if not name.startswith("."))

    def opened(self, name: str) -> AbstractContextManager[Path]:
        """Give the path of a copy of one of its files."""
        return downloaded(self.target(name))

    def target(self, name: str) -> str:
        """Return the address of one of its files."""
        return joined(self.address, name)

    def make(self) -> None:
        """Do nothing: a prefix of a store exists with the first object that has it."""

    def remove(self, names: Collection[str]) -> None:
        """Remove those of some of its files that there are."""
        for name in names:
            delete(self.target(name))

    def replace(self, files: Mapping[str, Write], marker: tuple[str, Write], stale: Collection[str]) -> None:
        """Write all files here, then remove marker and stale ones there, and send them, the marker last."""
        with temporary_folder() as folder:
            for name, write in {**files, marker[0]: marker[1]}.items():
                try:
                    with (folder / name).open("wb") as file:
                        write(file)
                except OSError as error:
                    raise OutputError.of(f"{self.target(name)}, by way of {folder.parent}", error) from None
            self.remove((marker[0], *stale))
            for name in (*files, marker[0]):
                put(folder / name, self.target(name))

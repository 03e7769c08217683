"""A folder of files that are replaced together, on this machine or in a remote store.

A marker file stands in it only while the files are whole: it goes before the first of them is replaced, and
comes back after the last.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO

from rbmcli.data.locks import locked
from rbmcli.data.outputs import Target, local_path, open_outputs
from rbmcli.data.paths import is_folder
from rbmcli.data.remote import delete, downloaded, joined, names_in, put
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

    def replace(self, files: Mapping[str, Write], marker: tuple[str, Write], stale: Collection[str]) -> None:
        """Write all files and the marker, and remove stale ones; until all are complete the old ones stay."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise UsageError(f"{self.path}: a file is in the way of this folder") from None
        except OSError as error:
            raise OutputError.of(self.path, error) from None
        writes = {**files, marker[0]: marker[1]}

        def remove_old() -> None:
            """Remove the marker and stale files, when the new ones are complete."""
            for name in (marker[0], *stale):
                (self.path / name).unlink(missing_ok=True)

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

    def replace(self, files: Mapping[str, Write], marker: tuple[str, Write], stale: Collection[str]) -> None:
        """Write all files here, then remove marker and stale ones there, and send them, the marker last."""
        with temporary_folder() as folder:
            for name, write in {**files, marker[0]: marker[1]}.items():
                try:
                    with (folder / name).open("wb") as file:
                        write(file)
                except OSError as error:
                    raise OutputError.of(f"{self.target(name)}, by way of {folder.parent}", error) from None
            for name in (marker[0], *stale):
                delete(self.target(name))
            for name in (*files, marker[0]):
                put(folder / name, self.target(name))

"""Where `crossval` writes: a folder that keeps every fold that is done, so that a run can go on.

The predictions of a fold are written as soon as it is done; those of all folds together, the figures, and
`_SUCCESS` come last. A file is of this run if its metadata say so: settings, seed and data must be the same.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, BinaryIO

import pyarrow as pa

from rbmcli.data.folders import Folder, check_folder, folder_of
from rbmcli.data.locks import locked
from rbmcli.data.metadata import decode_metadata
from rbmcli.data.outputs import STANDARD_OUTPUT, Target, local_path, output_errors, remove_partial
from rbmcli.data.schemas import METRICS, PREDICTIONS, Contract
from rbmcli.data.storage import read_footer, read_parquet
from rbmcli.data.writing import write_table, write_to
from rbmcli.errors import DataError, MismatchError, UsageError
from rbmcli.pipeline.crossval_fold import COMMAND, FoldPredictions, plain
from rbmcli.pipeline.prepared_files import SUCCESS
from rbmcli.pipeline.same_run import other_data, other_settings, other_versions
from rbmcli.progress import Progress

ALL_PREDICTIONS, ALL_METRICS = "predictions.parquet", "metrics.parquet"

_OF_FOLD = re.compile(r"fold-([1-9][0-9]*)\.parquet")
_WHERE = "that run"
_ANOTHER_FOLDER = "give -o another name"


def fold_file(number: int) -> str:
    """Return the name of the file of a fold."""
    return f"fold-{number}.parquet"


def check_crossval_output(output: Target | None, inputs: Sequence[Any], folds: int) -> None:
    """Check, before anything is read, that a cross-validation may be written to a folder.

    Raises
    ------
    UsageError
        If it is no folder, an input stands in it, or something that no cross-validation has written.
    DataError
        If one of the files is damaged.
    """
    if output is None:
        return
    if os.fspath(output) == STANDARD_OUTPUT:
        raise UsageError(
            "-o -: a cross-validation is several files, expected a folder",
            hint="give -o the name of a folder, or leave it out to see the figures alone",
        )
    names = [*(fold_file(number) for number in range(1, folds + 1)), ALL_PREDICTIONS, ALL_METRICS]
    check_folder(output, inputs, names)
    folder = folder_of(output)
    for name in folder.names():
        if name != SUCCESS and not _is_own(folder, name):
            raise UsageError(f"{output}: holds {name}, which no run of crossval wrote", hint=_ANOTHER_FOLDER)


def _is_own(folder: Folder, name: str) -> bool:
    if name not in {ALL_PREDICTIONS, ALL_METRICS} and not _OF_FOLD.fullmatch(name):
        return False
    return _metadata_of(folder, name).get("command") == COMMAND


def _metadata_of(folder: Folder, name: str) -> dict[str, Any]:
    where = folder.target(name)
    with folder.opened(name) as path, _told_what_to_do(where):
        _, metadata, _ = read_footer(path, name=where)
    return metadata


@contextmanager
def _told_what_to_do(where: str) -> Iterator[None]:
    """Tell of a file that is damaged how to get a new one."""
    try:
        yield
    except DataError as error:
        raise DataError(error.message, hint=_removing(where)) from None


def _removing(where: str) -> str:
    return f"remove {where}, and run the same command again: it makes what is missing"


class CrossvalFolder:
    """The folder of a cross-validation.

    Parameters
    ----------
    output : path or address
        The folder, which has been checked.
    description : mapping
        What tells this run from others: `settings` and `data`.
    progress : Progress
        Told why a fold is to be done again.

    Attributes
    ----------
    kept : dict of int to FoldPredictions
        The folds that are done, by number.

    Raises
    ------
    DataError
        If a file is damaged.
    MismatchError
        If one is of another cross-validation.
    """

    def __init__(self, output: Target, description: Mapping[str, Any], progress: Progress) -> None:
        self._folder = folder_of(output)
        self._path = local_path(output)
        files = [name for name in self._folder.names() if name != SUCCESS]
        for name in files:
            self._check_same_run(name, description)
        found = {int(match[1]): name for name in files if (match := _OF_FOLD.fullmatch(name))}
        read = {number: self._read(name, progress) for number, name in sorted(found.items())}
        self.kept = {number: fold for number, fold in read.items() if fold is not None}

    def _check_same_run(self, name: str, description: Mapping[str, Any]) -> None:
        metadata, where = _metadata_of(self._folder, name), self._folder.target(name)
        try:
            differences = other_settings(description["settings"], metadata["settings"], _WHERE)
            differences += other_data(description["data"], metadata["data"], _WHERE)
            if (match := _OF_FOLD.fullmatch(name)) and metadata["fold"] != int(match[1]):
                differences.append(f"it is fold {metadata['fold']}")
        except (LookupError, TypeError, AttributeError):
            raise DataError(
                f"{where}: its metadata are not those of a file of crossval", hint=_removing(where)
            ) from None
        if differences:
            raise MismatchError(
                f"{where}: is of another cross-validation: {'; '.join(differences)}",
                hint=f"{_ANOTHER_FOLDER}, or remove the folder to begin anew there",
            )

    def _read(self, name: str, progress: Progress) -> FoldPredictions | None:
        """Return the predictions of a fold, or None if an unbroken run might make others."""
        where = self._folder.target(name)
        with self._folder.opened(name) as path, _told_what_to_do(where):
            table, metadata = read_parquet(path, PREDICTIONS, name=where)
        changed = other_versions(metadata["versions"])
        if changed:
            progress.warn(f"{where}: was made with {', '.join(changed)}: the fold is done again")
            return None
        return FoldPredictions(plain(table), metadata)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Make the folder, hold its lock while the block runs, and remove what a killed run has left.

        Raises
        ------
        LockedError
            If another run writes there.
        OutputError, UsageError
            If it cannot be made.
        """
        self._folder.make()
        if self._path is None:
            yield
            return
        with locked(self._path):
            # A fold that is done is not written again, which would do it.
            for number in self.kept:
                with locked(self._path / fold_file(number)):
                    remove_partial(self._path / fold_file(number))
            yield

    def target(self, name: str) -> str:
        """Return path or address of one of its files."""
        return self._folder.target(name)

    def write_fold(self, number: int, made: FoldPredictions) -> None:
        """Write the predictions of a fold."""
        # Where it stood, the folds are no longer of one run until all that are to be done again are done.
        with output_errors(self.target(SUCCESS)):
            self._folder.remove([SUCCESS])
        write_table(made.table, self.target(fold_file(number)), PREDICTIONS, made.metadata)

    def write_all(self, predictions: pa.Table, metrics: pa.Table, metadata: dict[str, Any]) -> None:
        """Write the predictions of all folds together, described already, the figures, and `_SUCCESS`."""
        told = decode_metadata(predictions.schema.metadata, ALL_PREDICTIONS)
        files = {
            ALL_PREDICTIONS: partial(_write_table, predictions, PREDICTIONS, told),
            ALL_METRICS: partial(_write_table, metrics, METRICS, metadata),
        }
        text = (json.dumps({"command": COMMAND, "data": metadata["data"]}) + "\n").encode()
        self._folder.replace(
            files,
            (SUCCESS, partial(_write, text)),
            (),
        )


def _write_table(table: pa.Table, contract: Contract, metadata: dict[str, Any], file: BinaryIO) -> None:
    write_to(table, file, contract=contract, metadata=metadata)


def _write(content: bytes, file: BinaryIO) -> None:
    file.write(content)

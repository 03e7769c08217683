"""Where `prepare` writes: a folder of parts with `_SUCCESS` last, or one file; what it may replace."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path, PurePath
from typing import Any, BinaryIO

import pyarrow as pa

from rbmcli.data.folders import Folder, check_folder, folder_of
from rbmcli.data.formats import ENDINGS, format_of
from rbmcli.data.metadata import described
from rbmcli.data.outputs import STANDARD_OUTPUT, Target, check_target, local_path, open_output
from rbmcli.data.paths import exists, is_folder
from rbmcli.data.readers.sources import local_copy
from rbmcli.data.remote import is_remote, plain_path
from rbmcli.data.schemas import RATINGS
from rbmcli.data.splits import PARTS
from rbmcli.data.storage import read_footer, read_parquet
from rbmcli.errors import DataError, RbmcliError, UsageError
from rbmcli.pipeline.prepared_parts import WHOLE, PreparedPart

SUCCESS = "_SUCCESS"
_FILE_NAMES = frozenset(f"{part}.parquet" for part in (*PARTS, WHOLE))
_IN_MEMORY = "a table in memory"


def is_single_file(output: Target, split: str) -> bool:
    """Return whether an output is one file, or standard output, rather than a folder."""
    if os.fspath(output) == STANDARD_OUTPUT:
        return True
    path = local_path(output)
    has_ending = PurePath(os.fspath(output).partition("?")[0]).suffix.lower() in ENDINGS
    return split == "none" and has_ending and not (path is not None and is_folder(path))


def check_output(output: Target, inputs: Sequence[Any], split: str, *, overwrite: bool) -> None:
    """Check, before anything is read, that an output may be written.

    What prepare has made of the same inputs is replaced without asking, and so is what a run has left that
    did not come to its end.

    Parameters
    ----------
    output : path, '-' or address
        Folder, or file of the split none.
    inputs : sequence
        The inputs; those that are paths must not be written over.
    split : str
        The split.
    overwrite : bool
        Whether anything else may be replaced too.

    Raises
    ------
    UsageError
        If it may not.
    """
    if is_single_file(output, split):
        if split != "none":
            raise UsageError(
                "-o -: a split is several files, expected a folder",
                hint="give -o the name of a folder, or --split none for one stream of ratings",
            )
        check_target(output, inputs)
        path = local_path(output)
        if path is not None and exists(path) and not overwrite and not _is_prepared(path):
            raise _refused(output, f"holds {path.name}, which no run of prepare wrote")
        return
    check_folder(output, inputs, _FILE_NAMES)
    if not overwrite:
        _check_replaceable(folder_of(output), output, inputs)


def _check_replaceable(folder: Folder, output: Target, inputs: Sequence[Any]) -> None:
    names = folder.names()
    for name in names:
        if name not in {*_FILE_NAMES, SUCCESS}:
            raise _refused(output, f"holds {name}, which no run of prepare wrote")
    for name in names:
        if name in _FILE_NAMES:
            with folder.opened(name) as path:
                if not _is_prepared(path):
                    raise _refused(output, f"holds {name}, which no run of prepare wrote")
    if SUCCESS in names:
        with folder.opened(SUCCESS) as path:
            made_of = _inputs_in(path)
        if made_of != input_names(inputs, output):
            raise _refused(
                output, f"holds what prepare made of other inputs: {', '.join(made_of) or 'unknown'}"
            )


def _refused(output: Target, why: str) -> UsageError:
    return UsageError(
        f"{output}: {why}", hint="give -o another name, or --overwrite to write there all the same"
    )


def _is_prepared(path: Path) -> bool:
    try:
        _, metadata, _ = read_footer(path)
    except RbmcliError:
        return False
    return metadata.get("format") == RATINGS.format


def input_names(inputs: Sequence[Any], output: Target) -> list[str]:
    """Return names of inputs that hold wherever the folder above inputs and output is moved to."""
    folder = local_path(output)
    return [
        _IN_MEMORY
        if not isinstance(source, str | os.PathLike)
        else os.fspath(source)
        if source == "-" or is_remote(source) or folder is None
        else os.path.relpath(plain_path(source).absolute(), folder.absolute())
        for source in inputs
    ]


def _inputs_in(path: Path) -> list[str]:
    try:
        return [str(name) for name in json.loads(path.read_bytes())["inputs"]]
    except (OSError, ValueError, LookupError, TypeError):
        return []


def write_parts(
    output: Target, parts: Mapping[str, PreparedPart], run: str, inputs: Sequence[Any], output_format: str
) -> dict[str, str]:
    """Write the parts of a run; a folder loses `_SUCCESS` when all are complete, and gets it back last.

    Parameters
    ----------
    output : path, '-' or address
        Folder, or file of the split none.
    parts : mapping
        The parts by their names.
    run : str
        Fingerprint of the run.
    inputs : sequence
        What the parts were made of.
    output_format : str
        Format of the split none.

    Returns
    -------
    dict of str to str
        Path or address of each part.

    Raises
    ------
    LockedError
        If another run is writing there.
    OutputError, UsageError
        If it cannot be written.
    """
    if WHOLE in parts and is_single_file(output, "none"):
        with open_output(output) as file:
            parts[WHOLE].write(file, format_of(output_format, output), str(output))
        return {WHOLE: os.fspath(output)}
    folder = folder_of(output)
    files = {f"{name}.parquet": part for name, part in parts.items()}
    text = json.dumps({"inputs": input_names(inputs, output), "run": run}) + "\n"
    folder.replace(
        {file: partial(_write_part, part) for file, part in files.items()},
        (SUCCESS, lambda file: _write_text(file, text)),
        _FILE_NAMES - set(files),
    )
    return {name: folder.target(f"{name}.parquet") for name in parts}


def _write_part(part: PreparedPart, file: BinaryIO) -> None:
    part.write(file)


def _write_text(file: Any, text: str) -> None:
    file.write(text.encode())


def read_part(path: str) -> pa.Table:
    """Return a part that was written, with its metadata.

    Raises
    ------
    UsageError
        If it went where it cannot be read again.
    """
    if path == STANDARD_OUTPUT:
        raise UsageError(
            "the ratings went to standard output, and were too many to be kept in memory",
            hint="give the output a name, or more memory",
        )
    with local_copy(path) as (file, name):
        try:
            table, metadata = read_parquet(file, RATINGS, name=name)
        except DataError as error:
            raise UsageError(
                f"{path}: the ratings that were written there cannot be given back: {error.message}",
                hint="write Parquet, or give more memory",
            ) from None
    return described(table, RATINGS, metadata)

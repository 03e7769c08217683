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
from rbmcli.data.outputs import STANDARD_OUTPUT, Target, check_target, local_path
from rbmcli.data.paths import exists, is_folder
from rbmcli.data.remote import is_remote, plain_path
from rbmcli.data.schemas import RATINGS
from rbmcli.data.splits import PARTS
from rbmcli.data.storage import read_footer
from rbmcli.data.writing import write_table, write_to
from rbmcli.errors import RbmcliError, UsageError

SUCCESS = "_SUCCESS"
WHOLE = "ratings"
"""Name of the one part that there is without a split."""

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
    output: Target,
    parts: Mapping[str, pa.Table],
    metadata: Mapping[str, dict[str, Any]],
    inputs: Sequence[Any],
    output_format: str,
) -> dict[str, str]:
    """Write the parts of a run; a folder loses `_SUCCESS` when all are complete, and gets it back last.

    Parameters
    ----------
    output : path, '-' or address
        Folder, or file of the split none.
    parts, metadata : mapping
        Table and metadata of each part.
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
    if is_single_file(output, metadata[next(iter(parts))]["settings"]["split"]):
        write_table(parts[WHOLE], output, RATINGS, metadata[WHOLE], format_of(output_format, output))
        return {WHOLE: os.fspath(output)}
    folder = folder_of(output)
    files = {f"{name}.parquet": part for name, part in parts.items()}
    success = {"inputs": input_names(inputs, output), "run": metadata[next(iter(parts))]["run"]}
    text = json.dumps(success) + "\n"
    folder.replace(
        {
            file: partial(_write_part, table, metadata[file.removesuffix(".parquet")])
            for file, table in files.items()
        },
        (SUCCESS, lambda file: _write_text(file, text)),
        _FILE_NAMES - set(files),
    )
    return {name: folder.target(f"{name}.parquet") for name in parts}


def _write_part(part: pa.Table, metadata: dict[str, Any], file: BinaryIO) -> None:
    write_to(part, file, contract=RATINGS, metadata=metadata)


def _write_text(file: Any, text: str) -> None:
    file.write(text.encode())

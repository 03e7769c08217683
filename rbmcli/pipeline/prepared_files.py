"""Where `prepare` writes: a folder of parts with `_SUCCESS` last, or one file; what it may replace."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from filelock import FileLock, Timeout

from rbmcli.data.schemas import RATINGS
from rbmcli.data.splits import PARTS
from rbmcli.data.storage import atomic_output, read_footer, write_parquet
from rbmcli.errors import LockedError, RbmcliError, UsageError

SUCCESS = "_SUCCESS"
WHOLE = "ratings"
"""Name of the one part that there is without a split."""

_FILE_NAMES = frozenset(f"{part}.parquet" for part in (*PARTS, WHOLE))


def is_single_file(output: Path, split: str) -> bool:
    """Return whether an output is the name of one file rather than of a folder."""
    return split == "none" and output.suffix == ".parquet" and not output.is_dir()


def check_output(output: Path, inputs: Sequence[Any], split: str, *, overwrite: bool) -> None:
    """Check, before anything is read, that an output may be written.

    Parameters
    ----------
    output : Path
        Folder, or file of the split none.
    inputs : sequence
        The inputs; those that are paths must not be written over.
    split : str
        The split.
    overwrite : bool
        Whether what prepare did not write may stand in the folder or be replaced.

    Raises
    ------
    UsageError
        If it may not.
    """
    if str(output) == "-":
        raise UsageError("-o -: prepare writes files, expected a folder", hint="give -o the name of a folder")
    if is_single_file(output, split):
        targets = [output]
        if not output.parent.is_dir():
            raise UsageError(f"{output}: the folder {output.parent} does not exist", hint="create it first")
    else:
        if output.exists() and not output.is_dir():
            raise UsageError(f"{output}: is a file, expected a folder", hint="give -o another name")
        targets = [output / name for name in sorted(_FILE_NAMES)]
    for source in inputs:
        if isinstance(source, str | os.PathLike) and _touches(Path(source), output, targets):
            raise UsageError(
                f"{source}: is an input, and {output} would be written over or into it",
                hint="give -o another name",
            )
    if overwrite:
        return
    foreign = [path.name for path in _foreign(output, targets)]
    if foreign:
        raise UsageError(
            f"{output}: holds {foreign[0]}, which no run of prepare wrote",
            hint="give -o another name, or --overwrite to write there all the same",
        )


def _touches(source: Path, output: Path, targets: Sequence[Path]) -> bool:
    # What is written into a folder of inputs would be an input of the next run.
    if source.is_dir():
        return output.resolve().is_relative_to(source.resolve())
    return source.exists() and any(target.exists() and source.samefile(target) for target in targets)


def _foreign(output: Path, targets: Sequence[Path]) -> list[Path]:
    if output.is_dir():
        visible = sorted(path for path in output.iterdir() if not path.name.startswith("."))
        others = [path for path in visible if path.name not in {*_FILE_NAMES, SUCCESS}]
        if others:
            return others
    return [path for path in targets if path.exists() and not _is_prepared(path)]


def _is_prepared(path: Path) -> bool:
    try:
        _, metadata, _ = read_footer(path)
    except RbmcliError:
        return False
    return metadata.get("format") == RATINGS.format


def write_parts(
    output: Path, parts: Mapping[str, pa.Table], metadata: Mapping[str, dict[str, Any]], split: str
) -> dict[str, Path]:
    """Write the parts of a run; a folder loses `_SUCCESS` first and gets it back last.

    Parameters
    ----------
    output : Path
        Folder, or file of the split none.
    parts, metadata : mapping
        Table and metadata of each part.
    split : str
        The split.

    Returns
    -------
    dict of str to Path
        The file of each part.

    Raises
    ------
    LockedError
        If another run is writing to the folder.
    UsageError
        If the folder cannot be made.
    """
    if is_single_file(output, split):
        write_parquet(parts[WHOLE], output, RATINGS, metadata[WHOLE])
        return {WHOLE: output}
    try:
        output.mkdir(parents=True, exist_ok=True)
        with FileLock(output / ".prepare.lock", timeout=0):
            return _write_folder(output, parts, metadata)
    except Timeout:
        raise LockedError(
            f"{output}: another run is writing to this folder", hint="wait for it, or choose another output"
        ) from None
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise UsageError(f"{output}: the folder cannot be written: {error.strerror}") from None


def _write_folder(
    output: Path, parts: Mapping[str, pa.Table], metadata: Mapping[str, dict[str, Any]]
) -> dict[str, Path]:
    (output / SUCCESS).unlink(missing_ok=True)
    paths = {name: output / f"{name}.parquet" for name in parts}
    for stale in _FILE_NAMES - {path.name for path in paths.values()}:
        (output / stale).unlink(missing_ok=True)
    for name, path in paths.items():
        write_parquet(parts[name], path, RATINGS, metadata[name])
    with atomic_output(output / SUCCESS):
        pass
    return paths

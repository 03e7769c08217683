"""Raw ratings -> train, valid and test files: the step before training, a help and no toll gate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa

from rbmcli.config import InputSettings, LevelSettings, PrepareSettings
from rbmcli.config.memory import memory_for_rows
from rbmcli.data.intake import Source
from rbmcli.data.levels import Levels
from rbmcli.data.outputs import Target, told_target
from rbmcli.engine import LOCAL, Engine
from rbmcli.pipeline.prepared_files import check_output, read_part, write_parts
from rbmcli.pipeline.prepared_parts import WHOLE, PreparedPart
from rbmcli.pipeline.preparing import prepared
from rbmcli.progress import SILENT, Progress


@dataclass(frozen=True)
class PrepareResult:
    """What a run of prepare made.

    Attributes
    ----------
    levels : Levels
        The scale.
    counts : dict of str to int
        Rows `read`; left out as `bad`, `duplicate`, `unknown_level` or `filtered` (of rare users and
        items); kept as the `nearest_level`; `written`; and the ratings of each part.
    run : str
        Fingerprint shared by the files of the run.
    paths : dict of str to str
        Path or address of each part; empty without an output.
    tables : dict of str to callable
        What gives the table of each part. One that went to a file, and was too large to be kept in memory, is
        read from there each time that it is asked for.
    """

    levels: Levels
    counts: dict[str, int]
    run: str
    paths: dict[str, str]
    tables: Mapping[str, Callable[[], pa.Table]]

    @property
    def train(self) -> pa.Table | None:
        """The ratings to train on, sorted, with their metadata in the schema; None without a split."""
        return self._table("train")

    @property
    def valid(self) -> pa.Table | None:
        """The ratings for validation, as `train`; None where the settings leave the part out."""
        return self._table("valid")

    @property
    def test(self) -> pa.Table | None:
        """The ratings for test, as `train`; None where the settings leave the part out."""
        return self._table("test")

    @property
    def ratings(self) -> pa.Table | None:
        """All ratings, as `train`, with the split none; None with any other."""
        return self._table(WHOLE)

    def _table(self, name: str) -> pa.Table | None:
        return self.tables[name]() if name in self.tables else None


def prepare(
    inputs: Source | Sequence[Source],
    output: Target | None = None,
    settings: PrepareSettings = PrepareSettings(),  # noqa: B008
    input_settings: InputSettings = InputSettings(),  # noqa: B008
    level_settings: LevelSettings = LevelSettings(),  # noqa: B008
    *,
    progress: Progress = SILENT,
    overwrite: bool = False,
    output_format: str = "auto",
    memory: int | None = None,
    engine: Engine = LOCAL,
) -> PrepareResult:
    """Read ratings, clean them, and split them into training, validation and test.

    Parameters
    ----------
    inputs : path, table, or sequence of these
        See `rbmcli.data.intake.read_ratings`.
    output : path, '-' or address, optional
        Folder to write the parts to, `_SUCCESS` last; with the split none also standard output, or one file
        whose name ends as that of a format does. Without it nothing is written.
    settings : PrepareSettings
        Split, shares, filters.
    input_settings : InputSettings
        How the inputs are read.
    level_settings : LevelSettings
        Levels or bins of the scale.
    progress : Progress
        Hears what is read, left out and written.
    overwrite : bool
        Write even where files stand that prepare did not write, or made of other inputs.
    output_format : {"auto", "parquet", "arrow", "csv", "jsonl"}
        Format of the one file of the split none; auto goes by the ending of its name.
    memory : int, optional
        About the most bytes of memory that the process may take; where ratings are more, they go by way of
        temporary files. By default half of what there is. The files are the same at any.
    engine : Engine
        Where the work is done.

    Raises
    ------
    UsageError
        If the output may not be written.
    DataError
        If the inputs cannot be used, or nothing is left to train on.
    """
    sources: list[Any] = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
    if output is not None:
        check_output(output, sources, settings.split, overwrite=overwrite)
    with prepared(
        sources,
        settings,
        input_settings,
        level_settings,
        memory=memory_for_rows(memory),
        progress=progress,
        engine=engine,
    ) as made:
        paths: dict[str, str] = {}
        if output is not None:
            with progress.step(f"writing {told_target(output)}"):
                paths = write_parts(output, made.parts, made.run, sources, output_format)
        _tell_parts(made.parts, paths, progress)
        tables = {name: _table_of(part, paths.get(name)) for name, part in made.parts.items()}
        return PrepareResult(made.levels, made.counts, made.run, paths, tables)


def _table_of(part: PreparedPart, path: str | None) -> Callable[[], pa.Table]:
    """Return what gives the table of a part, when the temporary files are gone too."""
    if path is None and not part.store.in_memory:
        table = part.table()
        return lambda: table
    return part.table if path is None or part.store.in_memory else partial(read_part, path)


def _tell_parts(parts: dict[str, PreparedPart], paths: dict[str, str], progress: Progress) -> None:
    for name, part in parts.items():
        place = f"{told_target(paths[name])}: " if name in paths else ""
        progress.info(f"{place}{part.rows:,} ratings ({name})")
        if not part.rows:
            progress.warn(
                f"the part {name} is empty: there are too few ratings for its share, or an earlier "
                "split with this seed has taken them (--seed)"
            )

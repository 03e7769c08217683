"""Raw ratings -> train, valid and test files: the step before training, a help and no toll gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from rbmcli.config import InputSettings, LevelSettings, PrepareSettings
from rbmcli.data.filtering import well_rated
from rbmcli.data.fingerprints import ratings_fingerprint, run_fingerprint
from rbmcli.data.intake import Source, read_ratings
from rbmcli.data.levels import Levels, bin_levels, choose_levels
from rbmcli.data.metadata import described
from rbmcli.data.ordering import PairCodes
from rbmcli.data.outputs import Target, told_target
from rbmcli.data.schemas import RATINGS
from rbmcli.data.splits import PARTS, split_parts
from rbmcli.data.tables import RatingsTable
from rbmcli.data.unknown_levels import assign_levels
from rbmcli.errors import DataError
from rbmcli.pipeline.prepared_files import WHOLE, check_output, write_parts
from rbmcli.progress import SILENT, Progress


@dataclass(frozen=True)
class PrepareResult:
    """What a run of prepare made.

    Attributes
    ----------
    train, valid, test : pyarrow.Table or None
        The parts, sorted by user and item, each with its metadata in its schema; None where the settings
        leave a part out.
    ratings : pyarrow.Table or None
        All ratings, with the split none; then the parts are None.
    levels : Levels
        The scale.
    counts : dict of str to int
        Rows `read`; left out as `bad`, `duplicate`, `unknown_level` or `filtered` (of rare users and
        items); kept as the `nearest_level`; `written`; and the ratings of each part.
    run : str
        Fingerprint shared by the files of the run.
    paths : dict of str to str
        Path or address of each part; empty without an output.
    """

    train: pa.Table | None
    valid: pa.Table | None
    test: pa.Table | None
    ratings: pa.Table | None
    levels: Levels
    counts: dict[str, int]
    run: str
    paths: dict[str, str]


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
    read = read_ratings(sources, input_settings, progress)
    cleaned, scale, counts = clean(read, settings, input_settings, level_settings)
    tell_read(read.where, counts, progress)
    with progress.step("splitting"):
        parts = _split(cleaned, settings, read.where)
    levels = _final_levels(scale, parts, progress)
    told = _settings_told(settings, input_settings, level_settings)
    run = run_fingerprint(cleaned, {**told, **levels.as_metadata()})
    shared = {"command": "prepare", "settings": told, "seed": settings.seed, "run": run}
    metadata = {name: {**shared, **_metadata(name, part, levels)} for name, part in parts.items()}
    counts |= {"written": cleaned.num_rows, **{name: part.num_rows for name, part in parts.items()}}
    paths: dict[str, str] = {}
    if output is not None:
        with progress.step(f"writing {told_target(output)}"):
            paths = write_parts(output, parts, metadata, sources, output_format)
    _tell_parts(parts, paths, progress)
    tables = {name: described(part, RATINGS, metadata[name]) for name, part in parts.items()}
    return PrepareResult(
        **{name: tables.get(name) for name in (*PARTS, WHOLE)},
        levels=levels,
        counts=counts,
        run=run,
        paths=paths,
    )


def clean(
    read: RatingsTable,
    settings: PrepareSettings,
    input_settings: InputSettings,
    level_settings: LevelSettings,
) -> tuple[pa.Table, Levels | int, dict[str, int]]:
    """Return the ratings that stay, in the order of a file, their scale, and counts of what was left out.

    The scale is a number of bins where it is continuous. Raises as `prepare`.
    """
    known = Levels.from_metadata(read.metadata)
    if known is not None and known.edges is None and level_settings == LevelSettings():
        scale: Levels | int = known
    else:
        scale = choose_levels(read.table.column("rating").to_numpy(), level_settings, read.where)
    table, unknown = read.table, 0
    if isinstance(scale, Levels):
        table, _, unknown = assign_levels(table, scale, input_settings.unknown_level, read.where)
    codes = PairCodes.of(table)
    kept = well_rated(codes, settings.min_user_ratings, settings.min_item_ratings)
    order = codes.order()
    order = order[kept[order]]
    if not len(order):
        raise DataError(
            f"{read.where}: no ratings are left of {read.n_read:,} read",
            hint="lower --min-user-ratings or --min-item-ratings",
        )
    counts = {
        "read": read.n_read,
        "bad": read.n_bad,
        "duplicate": read.n_duplicates,
        "unknown_level": unknown if input_settings.unknown_level == "drop" else 0,
        "nearest_level": unknown if input_settings.unknown_level == "nearest" else 0,
        "filtered": table.num_rows - len(order),
    }
    return table.take(pa.array(order)).combine_chunks(), scale, counts


def _split(table: pa.Table, settings: PrepareSettings, where: str) -> dict[str, pa.Table]:
    """Return the parts that the settings ask for, each in the order of a file."""
    if settings.split == "none":
        return {WHOLE: table}
    has_time = "timestamp" in table.column_names
    timestamps = table.column("timestamp").to_numpy() if has_time else None
    part_of_each = split_parts(PairCodes.of(table), timestamps, settings, where)
    shares = {"train": 1.0, "valid": settings.valid_fraction, "test": settings.test_fraction}
    parts = {
        name: table.filter(pa.array(part_of_each == number))
        for number, name in enumerate(PARTS)
        if shares[name] > 0
    }
    if not parts["train"].num_rows:
        raise DataError(
            f"{where}: the split leaves none of {table.num_rows:,} ratings for training",
            hint="lower --valid-fraction and --test-fraction",
        )
    return parts


def _final_levels(scale: Levels | int, parts: dict[str, pa.Table], progress: Progress) -> Levels:
    """Return the levels of the scale; bins are cut from the training part, so that no other is looked at."""
    if isinstance(scale, Levels):
        return scale
    learned_from = parts[WHOLE] if WHOLE in parts else parts["train"]
    levels = bin_levels(learned_from.column("rating").to_numpy(), scale)
    progress.info(f"the scale is continuous: binned to {levels.describe()}")
    return levels


def _settings_told(
    settings: PrepareSettings, input_settings: InputSettings, level_settings: LevelSettings
) -> dict[str, Any]:
    """Return the settings that the files depend on beyond the ratings themselves."""
    unused = {"none": {"valid_fraction", "test_fraction", "leave_last", "seed"}}.get(
        settings.split, {"leave_last"} if settings.split == "random" else {"seed"}
    )
    return {
        **{name: value for name, value in settings.as_dict().items() if name not in unused},
        "duplicates": input_settings.duplicates,
        "unknown_level": input_settings.unknown_level,
        "levels": list(level_settings.levels),
        "bins": level_settings.bins,
    }


def _metadata(name: str, part: pa.Table, levels: Levels) -> dict[str, Any]:
    codes = PairCodes.of(part)
    return {
        **levels.as_metadata(),
        "counts": {"ratings": part.num_rows, "users": len(codes.users), "items": len(codes.items)},
        "split": name,
        "fingerprint": ratings_fingerprint(part, levels),
    }


def tell_read(where: str, counts: dict[str, int], progress: Progress) -> None:
    """Tell how many rows were read, and what became of those that were left out or moved."""
    progress.info(f"{where}: {counts['read']:,} rows read")
    left_out = {
        "bad": "bad rows",
        "duplicate": "duplicates",
        "unknown_level": "on no level",
        "filtered": "of users or items with too few ratings",
    }
    for key, words in left_out.items():
        if counts[key]:
            progress.info(f"{counts[key]:,} left out: {words}")
    if counts["nearest_level"]:
        progress.info(f"{counts['nearest_level']:,} are on no level and count as the nearest one")


def _tell_parts(parts: dict[str, pa.Table], paths: dict[str, str], progress: Progress) -> None:
    for name, part in parts.items():
        place = f"{told_target(paths[name])}: " if name in paths else ""
        progress.info(f"{place}{part.num_rows:,} ratings ({name})")
        if not part.num_rows:
            progress.warn(
                f"the part {name} is empty: there are too few ratings for its share, or an earlier "
                "split with this seed has taken them (--seed)"
            )

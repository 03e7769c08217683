"""What training starts from: ratings read and checked, put on levels, and a part of them held out."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from rbmcli.config import AnyTrainSettings, InputSettings, LevelSettings, PrepareSettings, TrainSettings
from rbmcli.data.duplicates import resolve_duplicates
from rbmcli.data.fingerprints import (
    LEVELS,
    column_fingerprint,
    fingerprint_in_order,
    ratings_fingerprint,
    run_fingerprint,
    run_label,
)
from rbmcli.data.ids import align_ids
from rbmcli.data.intake import Source, check_same_run, read_pairs, read_ratings
from rbmcli.data.levels import Levels, bin_levels, choose_levels
from rbmcli.data.metadata import digest
from rbmcli.data.ordering import PairCodes
from rbmcli.data.splits import split_random
from rbmcli.data.tables import RatingsTable
from rbmcli.data.unknown_levels import assign_levels
from rbmcli.errors import DataError, MismatchError, UsageError
from rbmcli.models.day_bias import days_of
from rbmcli.models.levelled import LevelledRatings
from rbmcli.pipeline.coded_training import CodedInput, read_coded_training
from rbmcli.progress import Progress


@dataclass(frozen=True)
class TrainingInput:
    """What training starts from.

    Attributes
    ----------
    table : pyarrow.Table or None
        Columns `user`, `item` and `rating`: the ratings, and after them those given for validation. None
        where they were read piece by piece, and stand in the order of files.
    ratings : LevelledRatings
        The same on levels.
    held_out : ndarray of bool
        Which of them serve as validation.
    levels : Levels
        The scale.
    settings : TrainSettings
        The settings, which say now what the validation is.
    fingerprint : str
        That of the ratings without those given for validation.
    """

    table: pa.Table | None
    ratings: LevelledRatings
    held_out: np.ndarray
    levels: Levels
    settings: AnyTrainSettings
    fingerprint: str

    @property
    def rbm_settings(self) -> TrainSettings:
        """The settings, of the training of an RBM."""
        assert isinstance(self.settings, TrainSettings)
        return self.settings

    def fingerprints(self) -> dict[str, Any]:
        """Return what tells all data of a run from other data, by what it is; None for what there is not."""
        ratings, valid = self._data_fingerprints()
        day, also_rated, edges = self.ratings.day, self.ratings.also_rated, self.levels.edges
        dated = None
        if self.table is not None and day is not None:
            dated = self.table.append_column("day", pa.array(day))
        pairs = None if also_rated is None else np.unique(np.stack(also_rated), axis=1).tobytes()
        return {
            "ratings": ratings,
            "validation ratings": valid,
            "levels": [float(value) for value in self.levels.values],
            "edges of the bins": None if edges is None else [float(edge) for edge in edges],
            "also-rated pairs": None if pairs is None else digest(pairs),
            "days of the ratings": None if dated is None else column_fingerprint(dated, "day"),
        }

    def _data_fingerprints(self) -> tuple[str, str | None]:
        """Return those of the ratings and of the validation ratings, if these were given."""
        parts = [~self.held_out, self.held_out] if self.settings.validation == "file" else [None]
        if self.table is None:
            found = [
                fingerprint_in_order(self.ratings.codes, self.ratings.rating, run_label({}), part)
                for part in parts
            ]
        else:
            tables = [self.table if part is None else self.table.filter(pa.array(part)) for part in parts]
            found = [run_fingerprint(table, {}) for table in tables]
        return found[0], (found[1] if len(found) > 1 else None)


def read_training(
    ratings: Source,
    valid: Source | None,
    also_rated: Source | None,
    settings: AnyTrainSettings,
    input_settings: InputSettings,
    level_settings: LevelSettings,
    progress: Progress,
) -> TrainingInput:
    """Read and check what `train` is given, put it on levels, and hold a part out; raises as `train`."""
    settings = _with_validation(settings, valid is not None)
    if not settings.needs_days:
        coded = read_coded_training(ratings, valid, input_settings, level_settings, progress)
        if coded is not None:
            return _from_coded(coded, also_rated, settings, input_settings, progress)
    read = read_ratings(ratings, input_settings, progress)
    columns = [*_COLUMNS, "timestamp"] if settings.needs_days else _COLUMNS
    tables, names = [_with_columns(read, columns)], [read.where]
    if valid is not None:
        table, name = _read_valid(valid, read, columns, input_settings, progress)
        tables, names = [*tables, table], [*names, name]
    scale = _scale_of(read, tables, level_settings)
    if isinstance(scale, Levels):
        tables = [
            _on_levels(table, name, scale, input_settings, progress)
            for table, name in zip(tables, names, strict=True)
        ]
    table = pa.concat_tables(tables)
    codes, values = PairCodes.of(table), table.column("rating").to_numpy()
    held_out = _held_out(codes, tables[0].num_rows, settings, progress)
    _check_amounts(held_out, settings, read.where)
    levels = scale if isinstance(scale, Levels) else bin_levels(values[~held_out], scale)
    _tell_amounts(codes, levels, progress)
    # What is on no level by now is meant to count as the nearest one.
    levelled = LevelledRatings(
        codes,
        levels.nearest(values),
        values,
        _also_rated(also_rated, codes, input_settings, progress),
        days_of(table.column("timestamp")) if settings.needs_days else None,
    )
    fingerprint = ratings_fingerprint(read.table, levels)
    return TrainingInput(table, levelled, held_out, levels, settings, fingerprint)


def _from_coded(
    coded: CodedInput,
    also_rated: Source | None,
    settings: AnyTrainSettings,
    input_settings: InputSettings,
    progress: Progress,
) -> TrainingInput:
    """Hold a part out of ratings that were read piece by piece."""
    levelled, levels = coded.ratings, coded.levels
    held_out = coded.is_second
    if settings.validation == "holdout":
        held_out = _held_out(levelled.codes, len(held_out), settings, progress)
    _check_amounts(held_out, settings, coded.where)
    _tell_amounts(levelled.codes, levels, progress)
    pairs = _also_rated(also_rated, levelled.codes, input_settings, progress)
    trained = ~held_out if settings.validation == "file" else None
    fingerprint = fingerprint_in_order(levelled.codes, levelled.level, LEVELS, trained)
    levelled = dataclasses.replace(levelled, also_rated=pairs)
    return TrainingInput(None, levelled, held_out, levels, settings, fingerprint)


def _tell_amounts(codes: PairCodes, levels: Levels, progress: Progress) -> None:
    progress.info(
        f"{len(codes.user_codes):,} ratings of {len(codes.items):,} items by {len(codes.users):,} users, "
        f"{levels.describe()}"
    )


_COLUMNS = ["user", "item", "rating"]
_HOLDOUT_SALT = 0x5D588B656C078965


def _with_validation(settings: AnyTrainSettings, has_file: bool) -> AnyTrainSettings:
    if has_file and settings.validation == "none":
        raise UsageError("validation ratings are given, but --no-valid says to do without: leave one out")
    if has_file:
        return dataclasses.replace(settings, validation="file")
    if settings.validation == "file":
        raise UsageError("validation by file, but no file of validation ratings is given")
    return settings


def _read_valid(
    valid: Source, read: RatingsTable, columns: list[str], input_settings: InputSettings, progress: Progress
) -> tuple[pa.Table, str]:
    """Read the validation ratings, check that they go with the training ratings, and give them their ids.

    Their name, for messages, comes with them.
    """
    other = read_ratings(valid, input_settings, progress)
    check_same_run((read.metadata, read.where), (other.metadata, other.where))
    table = _with_columns(other, columns)
    for place, name in enumerate(("user", "item")):
        ids = align_ids(table.column(name), read.table.column(name).type, name, other.where)
        table = table.set_column(place, name, ids)
    both = pa.concat_tables([read.table.select(columns), table])
    _, shared = resolve_duplicates(both, "first", None, other.where)
    if shared:
        raise MismatchError(
            f"{other.where}: {shared:,} of its pairs stand in {read.where} too, expected none: a model "
            "must not be measured on what it was trained on",
            hint="split with rbmcli prepare, or leave out --valid to have a part held out",
        )
    return table, other.where


def _with_columns(read: RatingsTable, columns: list[str]) -> pa.Table:
    """Return some columns of ratings, and raise `DataError` if there are no timestamps but should be."""
    if not set(columns) <= set(read.table.column_names):
        raise DataError(
            f"{read.where}: --day-bias needs timestamps, and no column is known to be one",
            hint="name the column with --timestamp-column, or leave out --day-bias",
        )
    return read.table.select(columns)


def _on_levels(
    table: pa.Table, name: str, levels: Levels, input_settings: InputSettings, progress: Progress
) -> pa.Table:
    """Return the ratings without those that are on no level and are to be dropped."""
    policy = input_settings.unknown_level
    kept, _, unknown = assign_levels(table, levels, policy, name)
    if unknown:
        told = "left out" if policy == "drop" else "put on the nearest one"
        progress.warn(f"{name}: {unknown:,} ratings are on no level: {told}")
    return kept


def _scale_of(read: RatingsTable, tables: list[pa.Table], level_settings: LevelSettings) -> Levels | int:
    """Return the levels that the file names or the ratings have, or a number of bins."""
    named = Levels.from_metadata(read.metadata)
    if named is not None and level_settings == LevelSettings():
        return named
    values = pa.chunked_array([chunk for table in tables for chunk in table.column("rating").chunks])
    return choose_levels(values.to_numpy(), level_settings, read.where)


def _also_rated(
    pairs: Source | None, codes: PairCodes, input_settings: InputSettings, progress: Progress
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the pairs of unknown rating as positions among the users and items that are trained on."""
    if pairs is None:
        return None
    read = read_pairs(pairs, input_settings, progress)
    user, item = (
        index.lookup(align_ids(read.table.column(name), index.type, name, read.where))
        for name, index in (("user", codes.users), ("item", codes.items))
    )
    known = int(np.count_nonzero((user >= 0) & (item >= 0)))
    progress.info(
        f"{read.where}: {known:,} of {len(user):,} pairs are of users and items that are trained on"
    )
    return user, item


def _held_out(codes: PairCodes, n_given: int, settings: AnyTrainSettings, progress: Progress) -> np.ndarray:
    """Return which ratings serve as validation; those given for it come after the `n_given` others."""
    count = len(codes.user_codes)
    if settings.validation != "holdout":
        return np.arange(count) >= n_given
    # With the seed that prepare split by, the ratings to hold out would be those that it has taken away.
    seed = settings.seed ^ _HOLDOUT_SALT
    split = PrepareSettings(valid_fraction=settings.holdout, test_fraction=0.0, seed=seed)
    held_out = np.asarray(split_random(codes, split) > 0)
    progress.info(
        f"no validation ratings given: {np.count_nonzero(held_out):,} of {count:,} ratings are held out"
    )
    return held_out


def _check_amounts(held_out: np.ndarray, settings: AnyTrainSettings, where: str) -> None:
    n_valid = int(np.count_nonzero(held_out))
    if n_valid == len(held_out):
        raise DataError(f"{where}: no ratings are left to train on")
    if n_valid == 0 and settings.validation != "none":
        raise DataError(
            f"{where}: {len(held_out):,} ratings are too few to hold some out for validation",
            hint="give --valid FILE, or do without by --no-valid --epochs N",
        )

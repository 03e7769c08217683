"""What a cross-validation starts from: ratings, each in one fold, and what tells the run from others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from rbmcli.config import (
    AnyTrainSettings,
    CrossvalSettings,
    InputSettings,
    LevelSettings,
)
from rbmcli.data.fingerprints import column_fingerprint, run_fingerprint
from rbmcli.data.intake import Source, read_pairs, read_ratings
from rbmcli.data.levels import Levels
from rbmcli.data.ordering import PairCodes
from rbmcli.data.splits import draw_folds
from rbmcli.data.tables import RatingsTable
from rbmcli.errors import UsageError
from rbmcli.pipeline.cleaning import clean, tell_read
from rbmcli.progress import Progress


@dataclass(frozen=True)
class CrossvalInput:
    """What a cross-validation starts from.

    Attributes
    ----------
    table : pyarrow.Table
        Columns `user`, `item`, `rating`, and `timestamp` if the ratings have one, in the order of a file.
    fold : ndarray of int32, shape (rows,)
        The fold of each rating, from 1.
    folds : int
        Their number.
    settings : TrainSettings
        The model and its training, the same in every fold.
    input_settings, level_settings : InputSettings, LevelSettings
        How each step of a fold reads tables like this one, and puts them on levels.
    also_rated : pyarrow.Table or None
        Pairs that are known to have been rated, the rating unknown.
    description : dict
        Plain values that the result depends on: `settings`, `seed`, and `data`, fingerprints by name.
    """

    table: pa.Table
    fold: np.ndarray
    folds: int
    settings: AnyTrainSettings
    input_settings: InputSettings
    level_settings: LevelSettings
    also_rated: pa.Table | None
    description: Mapping[str, Any]

    def part_in(self, number: int) -> pa.Table:
        """Return the ratings of a fold, in the order of a file."""
        return self.table.filter(pa.array(self.fold == number))

    def part_outside(self, number: int) -> pa.Table:
        """Return all other ratings."""
        return self.table.filter(pa.array(self.fold != number))


def read_crossval_input(
    ratings: Source,
    also_rated: Source | None,
    settings: CrossvalSettings,
    train_settings: AnyTrainSettings,
    input_settings: InputSettings,
    level_settings: LevelSettings,
    progress: Progress,
) -> CrossvalInput:
    """Read and check what `crossval` is given, and draw the folds; raises as that does."""
    if train_settings.validation == "file":
        raise UsageError("validation by file, but each fold holds a part of its own training ratings out")
    read = read_ratings(ratings, input_settings, progress)
    table, scale, counts = clean(read, input_settings, _scale_wanted(read, level_settings))
    tell_read(read.where, counts, progress)
    if table.num_rows < settings.folds:
        raise UsageError(
            f"--folds {settings.folds}: {read.where} has {table.num_rows:,} ratings, expected at least one "
            "for each fold"
        )
    table = table.select([name for name in (*_COLUMNS, "timestamp") if name in table.column_names])
    pairs = None if also_rated is None else read_pairs(also_rated, input_settings, progress).table
    return CrossvalInput(
        table=table,
        fold=draw_folds(PairCodes.of(table), settings.folds, train_settings.seed) + np.int32(1),
        folds=settings.folds,
        settings=train_settings,
        # The tables of a fold have the columns of the house, and ids of their final types.
        input_settings=InputSettings(unknown_level=input_settings.unknown_level),
        level_settings=_as_settings(scale),
        also_rated=None if pairs is None else pairs.select(["user", "item"]),
        description=_description(table, pairs, scale, settings, train_settings, input_settings),
    )


_COLUMNS = ("user", "item", "rating")


def _scale_wanted(read: RatingsTable, level_settings: LevelSettings) -> LevelSettings:
    """Return the settings of the scale; bins that a file names are cut anew, from what a fold trains on."""
    named = Levels.from_metadata(read.metadata)
    if named is None or named.edges is None or level_settings != LevelSettings():
        return level_settings
    return LevelSettings(bins=len(named))


def _as_settings(scale: Levels | int) -> LevelSettings:
    """Return a scale as settings of it: so every fold has the levels of all ratings, or cuts its own bins."""
    if isinstance(scale, Levels):
        return LevelSettings(levels=tuple(float(value) for value in scale.values))
    return LevelSettings(bins=scale)


def _description(
    table: pa.Table,
    pairs: pa.Table | None,
    scale: Levels | int,
    settings: CrossvalSettings,
    train_settings: AnyTrainSettings,
    input_settings: InputSettings,
) -> dict[str, Any]:
    """Return what tells a cross-validation from others, as a file gives it back."""
    chosen = train_settings.as_dict()
    seed = chosen.pop("seed")
    unrated = None if pairs is None else pairs.append_column("known", pa.array(np.ones(pairs.num_rows)))
    dated = "timestamp" in table.column_names
    description = {
        "settings": {
            "folds": settings.folds,
            "seed": seed,
            **chosen,
            **_as_settings(scale).as_dict(),
            "unknown_level": input_settings.unknown_level,
        },
        "seed": seed,
        "data": {
            "ratings": run_fingerprint(table, {}),
            "timestamps": column_fingerprint(table, "timestamp") if dated else None,
            "also-rated pairs": None if unrated is None else column_fingerprint(unrated, "known"),
        },
    }
    return dict(json.loads(json.dumps(description)))

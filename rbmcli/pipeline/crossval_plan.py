"""What `crossval` would do, without doing it."""

from __future__ import annotations

from typing import Any

from rbmcli.config import AnyTrainSettings, CrossvalSettings, InputSettings, LevelSettings
from rbmcli.data.intake import Source
from rbmcli.data.outputs import Target
from rbmcli.pipeline.crossval_files import (
    ALL_METRICS,
    ALL_PREDICTIONS,
    CrossvalFolder,
    check_crossval_output,
    fold_file,
)
from rbmcli.pipeline.crossval_input import CrossvalInput, read_crossval_input
from rbmcli.pipeline.plans import Plan, PlannedOutput, size_of, stands, training_plan
from rbmcli.pipeline.question_plans import answer_bytes
from rbmcli.pipeline.training_input import read_training
from rbmcli.progress import PartProgress, Progress

_FIGURES, _FIGURES_BYTES = 13, 60
"""Rows of the metrics for each fold, and bytes of a row."""


def plan_crossval(
    ratings: Source,
    output: Target | None,
    *,
    also_rated: Source | None,
    settings: CrossvalSettings,
    train_settings: AnyTrainSettings,
    input_settings: InputSettings,
    level_settings: LevelSettings,
    progress: Progress,
) -> Plan:
    """Return what `crossval` would do, with the parameters of that; raises as it does."""
    check_crossval_output(output, [ratings, also_rated], settings.folds)
    given = read_crossval_input(
        ratings, also_rated, settings, train_settings, input_settings, level_settings, progress
    )
    folder = None if output is None else CrossvalFolder(output, given.description, progress)
    training = read_training(
        given.part_outside(1),
        None,
        given.also_rated,
        given.settings,
        given.input_settings,
        given.level_settings,
        PartProgress(progress, "fold 1"),
    )
    # What is told of the first fold is true of the others but for a few users and items.
    of_fold, _, memory = training_plan(training, given.settings)
    facts: dict[str, Any] = {
        **of_fold,
        "ratings": given.table.num_rows,
        "folds": given.folds,
        "folds_done": 0 if folder is None else len(folder.kept),
        "ratings_of_a_fold": given.part_in(1).num_rows,
    }
    levels = len(training.levels)
    # Twice: the predictions of the folds, and those of all of them.
    memory += 2 * given.table.num_rows * answer_bytes(levels)
    return Plan(facts, [] if folder is None else _outputs(given, folder, levels), memory)


def _outputs(given: CrossvalInput, folder: CrossvalFolder, levels: int) -> list[PlannedOutput]:
    rows = {fold_file(number): given.part_in(number).num_rows for number in range(1, given.folds + 1)}
    rows[ALL_PREDICTIONS] = given.table.num_rows
    outputs = [
        (folder.target(name), count, size_of(given.table, count, "parquet") + count * answer_bytes(levels))
        for name, count in rows.items()
        if name not in {fold_file(number) for number in folder.kept}
    ]
    figures = _FIGURES * (given.folds + 3)
    outputs.append((folder.target(ALL_METRICS), figures, figures * _FIGURES_BYTES))
    return [PlannedOutput(*each, stands(each[0])) for each in outputs]

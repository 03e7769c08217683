"""Ratings -> how good models of them are: each rating predicted by a model that was not given it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa

from rbmcli.config import AnyTrainSettings, CrossvalSettings, InputSettings, LevelSettings, TrainSettings
from rbmcli.data.fingerprints import column_fingerprint
from rbmcli.data.intake import Source
from rbmcli.data.outputs import Target, told_target
from rbmcli.engine import LOCAL, Engine
from rbmcli.pipeline.crossval_figures import (
    GATED_FIGURES,
    Figures,
    FoldFigures,
    mean_of,
    metrics_table,
    spread_of,
)
from rbmcli.pipeline.crossval_files import (
    ALL_METRICS,
    ALL_PREDICTIONS,
    CrossvalFolder,
    check_crossval_output,
    fold_file,
)
from rbmcli.pipeline.crossval_fold import COMMAND, MeasuredFold, measure_all, measure_fold, predict_fold
from rbmcli.pipeline.crossval_input import CrossvalInput, read_crossval_input
from rbmcli.pipeline.evaluation import EvaluateResult
from rbmcli.pipeline.evaluation_input import MODEL_NAME
from rbmcli.pipeline.gates import check_gates, parse_gates
from rbmcli.pipeline.telling import map_telling
from rbmcli.progress import SILENT, PartProgress, Progress


@dataclass(frozen=True)
class CrossvalResult:
    """What a cross-validation found.

    Attributes
    ----------
    folds : list of FoldFigures
        The figures of each fold.
    mean, spread : dict
        Mean and standard deviation over the folds, by `model` or the name of a baseline, then by the name of
        the figure.
    pooled : EvaluateResult
        Figures of the predictions of all folds together, with intervals over users, and how they differ from
        those of each baseline.
    predictions : pyarrow.Table
        These predictions, with their metadata in the schema: each rating once, by the model of all folds but
        its own.
    metrics : pyarrow.Table
        All figures under the contract of metrics files.
    paths : dict of str to str
        Path or address of each file; empty without an output.
    """

    folds: list[FoldFigures]
    mean: Figures
    spread: Figures
    pooled: EvaluateResult
    predictions: pa.Table
    metrics: pa.Table
    paths: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Return the figures as plain values, ready for JSON."""
        pooled = self.pooled.as_dict()
        return {
            "folds": [fold.as_dict() for fold in self.folds],
            "mean": self.mean,
            "spread": self.spread,
            "pooled": {name: pooled[name] for name in ("n", "predictors", "differences")},
        }


def crossval(
    ratings: Source,
    output: Target | None = None,
    *,
    also_rated: Source | None = None,
    fail_if: Sequence[str] = (),
    settings: CrossvalSettings = CrossvalSettings(),  # noqa: B008
    train_settings: AnyTrainSettings = TrainSettings(),  # noqa: B008
    input_settings: InputSettings = InputSettings(),  # noqa: B008
    level_settings: LevelSettings = LevelSettings(),  # noqa: B008
    progress: Progress = SILENT,
    engine: Engine = LOCAL,
) -> CrossvalResult:
    """Deal ratings out to folds, and predict each by a model of all others.

    Folds are drawn by the seed of the training, from users and items alone. With an output, a run that was
    ended goes on with the folds that are not done, to the bytes of an unbroken run.

    Parameters
    ----------
    ratings : path or table
        Ratings; see `rbmcli.data.intake.read_ratings`.
    output : path or address, optional
        Folder to write predictions and figures to, `_SUCCESS` last; without it nothing is written.
    also_rated : path or table, optional
        Pairs that are known to have been rated, the rating unknown; the same in every fold.
    fail_if : sequence of str
        Conditions, such as 'rmse>0.92', under which nothing is written but the folds: of the means over folds
        of `rmse`, `mae`, `nll`, `rps`, `accuracy`, `kappa` and `coverage`.
    settings : CrossvalSettings
        How many folds.
    train_settings : TrainSettings
        The model and its training. What is None is chosen from the training ratings of each fold, a part of
        which is held out for validation.
    input_settings : InputSettings
        How ratings are read.
    level_settings : LevelSettings
        The scale, where the file does not name its levels. Levels are those of all ratings; bins are cut in
        each fold, from what is trained on.
    progress : Progress
        Told each fold.
    engine : Engine
        Where folds are done, as many at a time as it has workers, and each by one of them. The files are the
        same whatever the engine.

    Returns
    -------
    CrossvalResult

    Raises
    ------
    UsageError
        If there are fewer ratings than folds, or the output may not be written there.
    DataError
        If the ratings, or a file of the output, cannot be used.
    MismatchError
        If the output holds another cross-validation.
    LockedError
        If another run writes there.
    DivergenceError
        If a training leaves the finite numbers; the folds before it are kept.
    GateError
        If a condition of `fail_if` holds.
    """
    gates = parse_gates(fail_if, GATED_FIGURES)
    check_crossval_output(output, [ratings, also_rated], settings.folds)
    given = read_crossval_input(
        ratings, also_rated, settings, train_settings, input_settings, level_settings, progress
    )
    folder = None if output is None else CrossvalFolder(output, given.description, progress)
    with nullcontext() if folder is None else folder.held():
        with _telling_how_to_go_on(folder, given.folds, progress):
            folds = _run_folds(given, folder, progress, engine)
            result = _result(given, folds, settings, progress)
        kept = "no file was written" if folder is None else "the folds are kept, no other file was written"
        check_gates(gates, result.mean[MODEL_NAME], result, kept)
        return result if folder is None else _written(folder, result, given, settings, progress)


def _run_folds(
    given: CrossvalInput, folder: CrossvalFolder | None, progress: Progress, engine: Engine
) -> list[MeasuredFold]:
    """Do all folds that are not done, and measure all."""
    folds = []
    kept = set() if folder is None else set(folder.kept)
    missing = [number for number in range(1, given.folds + 1) if number not in kept]
    results = map_telling(
        engine,
        partial(predict_fold, given),
        missing,
        lambda number: PartProgress(progress, f"fold {number}"),
    )
    for number in range(1, given.folds + 1):
        name, inner = f"fold {number} of {given.folds}", PartProgress(progress, f"fold {number}")
        made = None if folder is None else folder.kept.get(number)
        if made is None:
            sizes = given.part_outside(number).num_rows, given.part_in(number).num_rows
            with progress.step(f"{name}: {sizes[0]:,} ratings to train on, {sizes[1]:,} to predict"):
                made = next(results)
                if folder is not None:
                    folder.write_fold(number, made)
                    folder.kept[number] = made
        elif folder is not None:
            progress.info(f"{name}: done before, in {folder.target(fold_file(number))}")
        folds.append(measure_fold(given, number, made, inner))
        progress.info(f"{name}: {_told(folds[-1].figures)}")
    return folds


def _told(fold: FoldFigures) -> str:
    """Return the figures of a fold in words."""
    rmse = {predictor: figures["rmse"] for predictor, figures in fold.figures.items()}
    floor = min((name for name in rmse if name != MODEL_NAME), key=rmse.__getitem__)
    epoch = fold.training["best_epoch"]
    return f"RMSE {rmse[MODEL_NAME]:.4f}, {floor} {rmse[floor]:.4f}; the model is of epoch {epoch}"


@contextmanager
def _telling_how_to_go_on(folder: CrossvalFolder | None, folds: int, progress: Progress) -> Iterator[None]:
    """Where an interrupt or a signal ends the run, tell what is left of it."""
    try:
        yield
    except Exception:
        raise
    except BaseException:
        if folder is not None and folder.kept:
            done = f"{len(folder.kept):,} of {folds:,} folds are done"
            progress.warn(f"stopped: {done}, and the same command goes on with the others")
        raise


def _result(
    given: CrossvalInput, folds: Sequence[MeasuredFold], settings: CrossvalSettings, progress: Progress
) -> CrossvalResult:
    with progress.step("measuring all folds together"):
        predictions, pooled = measure_all(given, folds, settings.resamples, progress)
    if "probabilities" not in predictions.column_names:
        progress.warn(
            "every fold has cut its own bins: the predictions of all together are without probabilities, and "
            "measured by rmse and mae alone"
        )
    figures = [fold.figures for fold in folds]
    return CrossvalResult(
        folds=figures,
        mean=mean_of(figures),
        spread=spread_of(figures),
        pooled=pooled,
        predictions=predictions,
        metrics=metrics_table(figures, pooled),
        paths={},
    )


def _written(
    folder: CrossvalFolder,
    result: CrossvalResult,
    given: CrossvalInput,
    settings: CrossvalSettings,
    progress: Progress,
) -> CrossvalResult:
    """Write all but the folds, and return the result with the paths of all files."""
    metadata = {
        "command": COMMAND,
        **given.description,
        "settings": {**given.description["settings"], "resamples": settings.resamples},
        "predictions_fingerprint": column_fingerprint(result.predictions, "prediction"),
    }
    folder.write_all(result.predictions, result.metrics, metadata)
    names = [fold_file(fold.fold) for fold in result.folds] + [ALL_PREDICTIONS, ALL_METRICS]
    paths = {name.removesuffix(".parquet"): folder.target(name) for name in names}
    progress.info(f"{told_target(paths['predictions'])}: {result.pooled.n:,} predictions of all folds")
    return dataclasses.replace(result, paths=paths)

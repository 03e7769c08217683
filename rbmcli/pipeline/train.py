"""Ratings -> a model file."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rbmcli.config import (
    AnyTrainSettings,
    InputSettings,
    LevelSettings,
    TrainSettings,
)
from rbmcli.config.train import SECONDS_BETWEEN_SAVES
from rbmcli.data.intake import Source
from rbmcli.data.outputs import Target, check_target, local_path, told_target
from rbmcli.engine import LOCAL, Engine
from rbmcli.errors import UsageError
from rbmcli.models.checkpoint import Checkpoint
from rbmcli.models.crews import MakeCrew, check_joint_learning
from rbmcli.models.rating_model import RatingModel
from rbmcli.models.store import save_model
from rbmcli.models.trainings import train_model
from rbmcli.pipeline.run_checkpoint import RunCheckpoint, open_checkpoint, telling_how_to_go_on
from rbmcli.pipeline.training_input import TrainingInput, read_training
from rbmcli.progress import SILENT, Progress


@dataclass(frozen=True)
class TrainResult:
    """What training made.

    Attributes
    ----------
    model : RatingModel
        The model.
    path : Path or None
        Its file, if one was written.
    best_epoch : int
        Epoch whose parameters the model has, or the number of epochs that it was trained for.
    valid_rmse, valid_nll : float or None
        Figures of that epoch on the validation ratings.
    """

    model: RatingModel
    path: Path | None
    best_epoch: int
    valid_rmse: float | None
    valid_nll: float | None


def train(
    ratings: Source,
    output: Target | None = None,
    *,
    valid: Source | None = None,
    also_rated: Source | None = None,
    settings: AnyTrainSettings = TrainSettings(),  # noqa: B008
    input_settings: InputSettings = InputSettings(),  # noqa: B008
    level_settings: LevelSettings = LevelSettings(),  # noqa: B008
    progress: Progress = SILENT,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
    checkpoint_interval: float = SECONDS_BETWEEN_SAVES,
    stop: Callable[[], bool] | None = None,
    engine: Engine = LOCAL,
) -> TrainResult:
    """Train a model of ratings, by default a Restricted Boltzmann Machine.

    Parameters
    ----------
    ratings : path or table
        Ratings to train on; see `rbmcli.data.intake.read_ratings`.
    output : path, '-' or address, optional
        Where to write the model; '-' is standard output.
    valid : path or table, optional
        Ratings to choose the best epoch by. Without them a share of `ratings` is held out, or
        nothing with ``settings.validation == "none"``.
    also_rated : path or table, optional
        Pairs that are known to have been rated, the rating unknown; they enter the hidden units.
    settings : AnyTrainSettings
        The kind of model, and its training.
    input_settings : InputSettings
        How ratings are read.
    level_settings : LevelSettings
        The scale, where the file does not name its levels.
    progress : Progress
        Told each epoch.
    checkpoint : path, optional
        File to keep everything in that the rest of the run depends on, so that it can be stopped, or killed,
        and go on.
    resume : bool
        Whether to go on from that file, if it exists; the model is that of an unbroken run, to the byte. It
        must be of a run with the same data and settings; only `settings.epochs` may be larger.
    checkpoint_interval : float
        Seconds between two times that it is saved; 0 saves at the end of every epoch.
    stop : callable, optional
        Asked after every mini-batch, or round of several workers, without arguments, whether to stop.
    engine : Engine
        Where `settings.workers` workers learn. The model is the same whatever the engine.

    Returns
    -------
    TrainResult

    Raises
    ------
    UsageError
        If the model or the checkpoint may not be written there.
    DataError
        If the ratings or the checkpoint cannot be used.
    MismatchError
        If the validation ratings do not belong to the training ratings, or the checkpoint is of another run.
    LockedError
        If another run has the checkpoint.
    StoppedError
        If `stop` said so; the checkpoint is saved then, and no model is written.
    DivergenceError
        If training leaves the finite numbers; then no model is written.
    """
    check_target(output, [ratings, valid, also_rated])
    if not isinstance(settings, TrainSettings) and (checkpoint is not None or also_rated is not None):
        raise UsageError("--checkpoint and --also-rated are for --model rbm: leave them out")
    make_crew = _check_engine(settings, engine)
    if resume and checkpoint is None:
        raise UsageError("--resume goes on from a checkpoint: give --checkpoint FILE too")
    sources = [ratings, valid, also_rated]
    with ExitStack() as stack:
        file = None
        if checkpoint is not None:
            opened = open_checkpoint(
                checkpoint,
                resume=resume,
                interval=checkpoint_interval,
                others=[*sources, output],
                progress=progress,
            )
            file = stack.enter_context(opened)
        given = read_training(ratings, valid, also_rated, settings, input_settings, level_settings, progress)
        model = _trained(given, file, stop, progress, make_crew)
    model.record["data_fingerprint"] = given.fingerprint
    return _result(model, output, progress)


def _check_engine(settings: AnyTrainSettings, engine: Engine) -> MakeCrew | None:
    """Return what makes the crew that learns; None where one learner of this process does."""
    workers = settings.workers if isinstance(settings, TrainSettings) else engine.workers
    if engine.is_here and workers == 1:
        return None
    if not isinstance(settings, TrainSettings):
        raise UsageError(
            "--engine, --workers: several workers train --model rbm alone",
            hint="leave them out; crossval lets each worker train a model of any kind",
        )
    check_joint_learning(settings)
    return engine.crew


def _trained(
    given: TrainingInput,
    file: RunCheckpoint | None,
    stop: Callable[[], bool] | None,
    progress: Progress,
    make_crew: MakeCrew | None,
) -> RatingModel:
    """Train, and keep how far it has come in the file of a checkpoint, if there is one."""
    stop = stop or (lambda: False)
    parts = given.ratings, given.held_out, given.levels, given.settings, progress
    with telling_how_to_go_on(file.path if file else None, progress):
        if file is None:
            return train_model(*parts, Checkpoint(stop), make_crew=make_crew)
        checkpoint = file.of(given, stop, progress)
        model = train_model(*parts, checkpoint, make_crew=make_crew)
        checkpoint.complete()
    return model


def best_figures(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures of the best epoch in the record of a training; none if none was measured."""
    return next((entry for entry in record["epochs"] if entry["epoch"] == record["best_epoch"]), {})


def _result(model: RatingModel, output: Target | None, progress: Progress) -> TrainResult:
    if output is not None:
        with progress.step(f"writing {told_target(output)}"):
            save_model(model, output)
    best = model.record["best_epoch"]
    figures = best_figures(model.record)
    return TrainResult(model, local_path(output), best, figures.get("valid_rmse"), figures.get("valid_nll"))

"""Ratings -> a model file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from rbmcli.config import InputSettings, LevelSettings, TrainSettings
from rbmcli.data.intake import Source
from rbmcli.data.storage import check_target
from rbmcli.models.rbm import Rbm
from rbmcli.models.store import save_model
from rbmcli.models.training import train_rbm
from rbmcli.pipeline.training_input import read_training
from rbmcli.progress import SILENT, Progress


@dataclass(frozen=True)
class TrainResult:
    """What training made.

    Attributes
    ----------
    model : Rbm
        The model.
    path : Path or None
        Its file, if one was written.
    best_epoch : int
        Epoch whose parameters the model has, or the number of epochs that it was trained for.
    valid_rmse, valid_nll : float or None
        Figures of that epoch on the validation ratings.
    """

    model: Rbm
    path: Path | None
    best_epoch: int
    valid_rmse: float | None
    valid_nll: float | None


def train(
    ratings: Source,
    output: str | os.PathLike[str] | None = None,
    *,
    valid: Source | None = None,
    also_rated: Source | None = None,
    settings: TrainSettings = TrainSettings(),  # noqa: B008
    input_settings: InputSettings = InputSettings(),  # noqa: B008
    level_settings: LevelSettings = LevelSettings(),  # noqa: B008
    progress: Progress = SILENT,
) -> TrainResult:
    """Train a Restricted Boltzmann Machine on ratings.

    Parameters
    ----------
    ratings : path or table
        Ratings to train on; see `rbmcli.data.intake.read_ratings`.
    output : path, optional
        Model file to write.
    valid : path or table, optional
        Ratings to choose the best epoch by. Without them a share of `ratings` is held out, or
        nothing with ``settings.validation == "none"``.
    also_rated : path or table, optional
        Pairs that are known to have been rated, the rating unknown; they enter the hidden units.
    settings : TrainSettings
        The model and its training.
    input_settings : InputSettings
        How ratings are read.
    level_settings : LevelSettings
        The scale, where the file does not name its levels.
    progress : Progress
        Told each epoch.

    Returns
    -------
    TrainResult

    Raises
    ------
    UsageError
        If the model may not be written there.
    DataError
        If the ratings cannot be used.
    MismatchError
        If the validation ratings do not belong to the training ratings.
    DivergenceError
        If training leaves the finite numbers; then no model is written.
    """
    path = check_target(output, [ratings, valid, also_rated])
    given = read_training(ratings, valid, also_rated, settings, input_settings, level_settings, progress)
    model = train_rbm(given.ratings, given.held_out, given.levels, given.settings, progress)
    model.record["data_fingerprint"] = given.fingerprint
    return _result(model, path, progress)


def _result(model: Rbm, path: Path | None, progress: Progress) -> TrainResult:
    if path is not None:
        with progress.step(f"writing {path}"):
            save_model(model, path)
    best = model.record["best_epoch"]
    figures = model.record["epochs"][best - 1] if best else {}
    return TrainResult(model, path, best, figures.get("valid_rmse"), figures.get("valid_nll"))

"""From ratings to a model: which settings, and what the model keeps of its data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rbmcli.config import ResolvedSettings, TrainSettings
from rbmcli.data.hashing import hash_ids
from rbmcli.data.levels import Levels
from rbmcli.data.ratings import CompressedRows
from rbmcli.kernels.scoring import RowStates
from rbmcli.models.checkpoint import KEEPING_NOTHING, Checkpoint
from rbmcli.models.compression import starts_of
from rbmcli.models.crews import MakeCrew
from rbmcli.models.exploration import explore
from rbmcli.models.form import form_of
from rbmcli.models.histories import hash_rows
from rbmcli.models.levelled import LevelledRatings, shape_of
from rbmcli.models.priors import row_counts, smoothed, smoothings
from rbmcli.models.rbm import Rbm
from rbmcli.models.states import row_states
from rbmcli.models.trials import Fitted, Trials, described, fit_on
from rbmcli.progress import EpochReport, Progress

_NEW_USERS = {
    "user": "new users need no training: predict gets their hidden units from their ratings in one pass",
    "item": "new users need no training: predict fits parameters of their own to their ratings",
}


def train_rbm(
    ratings: LevelledRatings,
    held_out: np.ndarray,
    levels: Levels,
    settings: TrainSettings,
    progress: Progress,
    checkpoint: Checkpoint = KEEPING_NOTHING,
    measured: Callable[[Rbm], None] | None = None,
    make_crew: MakeCrew | None = None,
) -> Rbm:
    """Train a model on ratings, some of which serve as validation.

    Parameters
    ----------
    ratings : LevelledRatings
        All ratings.
    held_out : ndarray of bool
        Which of them serve as validation; none with ``settings.validation == "none"``.
    levels : Levels
        The scale.
    settings : TrainSettings
        The model and its training; with preset accurate several are tried out.
    progress : Progress
        Told each epoch.
    checkpoint : Checkpoint
        What keeps how far the run has come, and knows how far it had come before.
    measured : callable, optional
        Given the model that has not seen the validation ratings, before it is trained again with them.
    make_crew : callable, optional
        Makes the crew that learns; without it all is learned in this process.

    Returns
    -------
    Rbm
        Its record holds the figures of the epochs, and what was tried out.
    """
    trials = Trials(ratings, held_out, levels, progress, checkpoint, make_crew)
    resolved = explore(settings, shape_of(ratings, held_out, levels), trials)
    figures = trials.kept_figures()
    record: dict[str, Any] = {
        "best_epoch": figures.best_epoch,
        "best_epochs": list(figures.best_epochs),
        "epochs": [_figures(report) for report in figures.epochs],
        "n_ratings": len(ratings.level),
    }
    if len(trials.figures) > 1:
        record["tried"] = trials.figures
        rmse = figures.best_rmse
        progress.info(f"chosen for its validation RMSE of {rmse:.4f}: {described(resolved)}")
    progress.info(_NEW_USERS[resolved.by])
    if measured is not None:
        fitted = trials.kept()
        measured(_assemble(ratings, fitted.ratings, fitted, levels, resolved, dict(record)))
    if resolved.refit:
        epochs = figures.best_epochs
        progress.info(f"training again on all ratings for {' + '.join(map(str, epochs))} epochs")
        everyone = np.ones(len(ratings.level), bool)
        parts = ratings, everyone, None, levels
        fitted = fit_on(*parts, resolved, progress, epochs, checkpoint, make_crew)
    else:
        fitted = trials.kept()
    # What is kept of the ratings holds every one that may be in a history later.
    everything = ratings.rows(resolved.by)
    kept = fitted.ratings if resolved.validation == "file" and not resolved.refit else everything
    record["n_also_rated"] = 0 if fitted.also_rated is None else fitted.also_rated.n_ratings
    return _assemble(ratings, kept, fitted, levels, resolved, record)


def _figures(report: EpochReport) -> dict[str, Any]:
    """Return what of an epoch's report is the same on every machine."""
    return {
        "epoch": report.epoch,
        "loss": report.loss,
        "valid_rmse": report.valid_rmse,
        "valid_nll": report.valid_nll,
    }


def _assemble(
    ratings: LevelledRatings,
    kept: CompressedRows,
    fitted: Fitted,
    levels: Levels,
    settings: ResolvedSettings,
    record: dict[str, Any],
) -> Rbm:
    codes, by_user = ratings.codes, settings.by == "user"
    hashes = hash_rows(kept, hash_ids(codes.items.values), by_user=by_user)
    # A column without a rating to fit has no parameters: the model does not know it.
    is_fitted = np.diff(starts_of(fitted.ratings.column, kept.columns)) > 0
    known = kept.in_columns(is_fitted)
    of_columns, of_rows = smoothings(settings, levels.values, fitted.global_prior)
    counts = row_counts(known, len(levels))
    row, column = np.flatnonzero(counts.sum(axis=1)), np.flatnonzero(is_fitted)
    row_ids, column_ids = (codes.users, codes.items) if by_user else (codes.items, codes.users)
    parameters, column_prior = fitted.outcome.parameters, fitted.column_prior
    states = None
    if not by_user:
        states = row_states(known, parameters, column_prior, of_rows, form_of(settings, levels.values))
    return Rbm(
        settings=settings,
        levels=levels,
        row_ids=row_ids.take(row),
        column_ids=column_ids.take(column),
        row_ratings=counts.sum(axis=1)[row],
        column_ratings=np.diff(starts_of(known.column, known.columns))[column],
        row_prior=smoothed(counts[row], fitted.global_prior, of_columns),
        column_prior=column_prior[column],
        global_prior=fitted.global_prior,
        parameters=parameters.of_columns(column),
        states=None if states is None else RowStates(*(array[row] for array in states)),
        user_hash=hashes[row if by_user else column],
        record=record,
    )

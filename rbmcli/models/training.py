"""From ratings to a model: what is held out, what is fitted, and what the model keeps of its data."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from rbmcli.config import TrainSettings
from rbmcli.data.hashing import hash_ids
from rbmcli.data.levels import Levels
from rbmcli.data.ordering import PairCodes
from rbmcli.data.ratings import CompressedRows
from rbmcli.kernels.scoring import NOT_OWN, Asked, RowStates
from rbmcli.models.fit import Fit, Validation, fit, row_states
from rbmcli.models.histories import hash_ratings
from rbmcli.models.priors import column_counts, global_prior, smoothed
from rbmcli.models.rbm import Rbm
from rbmcli.progress import EpochReport, Progress


@dataclass(frozen=True)
class LevelledRatings:
    """Ratings on levels, with dense indices.

    Attributes
    ----------
    codes : PairCodes
        Users and items, the known ones and each rating's.
    level : ndarray of uint8
        Level of each rating.
    rating : ndarray of float32
        The rating itself.
    """

    codes: PairCodes
    level: np.ndarray
    rating: np.ndarray

    def axes(self, by: str) -> tuple[np.ndarray, np.ndarray]:
        """Return row and column of each rating."""
        users, items = self.codes.user_codes, self.codes.item_codes
        return (users, items) if by == "user" else (items, users)

    def rows(self, by: str, chosen: np.ndarray | None = None) -> CompressedRows:
        """Return all ratings, or those where the mask `chosen` is true, in compressed rows."""
        row, column = self.axes(by)
        shape = (len(self.codes.users), len(self.codes.items))
        pick = slice(None) if chosen is None else chosen
        return CompressedRows.build(
            row[pick], column[pick], self.level[pick], shape if by == "user" else shape[::-1]
        )


def validation_pairs(
    rows: int, row: np.ndarray, column: np.ndarray, level: np.ndarray, rating: np.ndarray
) -> Validation:
    """Arrange validation ratings, none of which is trained on, for `fit`.

    Parameters
    ----------
    rows : int
        Training rows, R.
    row, column : ndarray of int32
        Dense indices of each validation rating.
    level, rating : ndarray of uint8 and float32
        Its level and value.
    """
    # Sums of errors, and with them the figures in the file, must not depend on the order of the input.
    order = np.lexsort((column, row))
    column = column[order]
    start = np.zeros(rows + 1, np.int64)
    np.cumsum(np.bincount(row, minlength=rows), out=start[1:])
    own = np.full(len(row), NOT_OWN, np.uint8)
    return Validation(Asked(start, column, own), level[order], rating[order])


def train_rbm(
    ratings: LevelledRatings,
    held_out: np.ndarray,
    levels: Levels,
    settings: TrainSettings,
    progress: Progress,
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
        The model and its training.
    progress : Progress
        Told each epoch.

    Returns
    -------
    Rbm
        Its record holds the figures of the epochs.
    """
    training = ratings.rows(settings.by, ~held_out)
    row, column = ratings.axes(settings.by)
    validation = None
    if settings.validation != "none":
        at = np.flatnonzero(held_out)
        validation = validation_pairs(
            len(training), row[at], column[at], ratings.level[at], ratings.rating[at]
        )
    fitted = _fit_on(training, levels, settings, validation, progress)
    record: dict[str, Any] = {
        "best_epoch": fitted.outcome.best_epoch,
        "epochs": [_figures(report) for report in fitted.outcome.epochs],
        "n_ratings": len(ratings.level),
    }
    # What is kept of the ratings holds every one that may be in a history later.
    kept = training if settings.validation == "file" else ratings.rows(settings.by)
    if settings.refit:
        epochs = max(fitted.outcome.best_epoch, 1)
        progress.info(f"training again on all ratings for {epochs} epochs")
        kept = ratings.rows(settings.by)
        fitted = _fit_on(kept, levels, dataclasses.replace(settings, epochs=epochs), None, progress)
    return _assemble(ratings, kept, fitted, levels, settings, record)


@dataclass(frozen=True)
class _Fitted:
    """Parameters, the ratings that they were fitted on, and the base rates of these."""

    ratings: CompressedRows
    global_prior: np.ndarray
    column_prior: np.ndarray
    outcome: Fit


def _fit_on(
    ratings: CompressedRows,
    levels: Levels,
    settings: TrainSettings,
    validation: Validation | None,
    progress: Progress,
) -> _Fitted:
    overall = global_prior(ratings.level, len(levels))
    prior = smoothed(column_counts(ratings, len(levels)), overall, settings.prior_strength)
    return _Fitted(
        ratings, overall, prior, fit(ratings, prior, levels.values, settings, validation, progress)
    )


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
    fitted: _Fitted,
    levels: Levels,
    settings: TrainSettings,
    record: dict[str, Any],
) -> Rbm:
    codes, by_user = ratings.codes, settings.by == "user"
    user, item = (kept.row_of_each(), kept.column) if by_user else (kept.column, kept.row_of_each())
    hashes = hash_ratings(user, hash_ids(codes.items.values)[item], kept.level, len(codes.users))
    # A column without a rating to fit has no parameters: the model does not know it.
    is_fitted = np.bincount(fitted.ratings.column, minlength=kept.columns) > 0
    known = kept.in_columns(is_fitted)
    row_counts = np.zeros((len(known), len(levels)), np.int64)
    np.add.at(row_counts, (known.row_of_each(), known.level), 1)
    row, column = np.flatnonzero(row_counts.sum(axis=1)), np.flatnonzero(is_fitted)
    row_ids, column_ids = (codes.users, codes.items) if by_user else (codes.items, codes.users)
    parameters, column_prior = fitted.outcome.parameters, fitted.column_prior
    states = None if by_user else row_states(known, parameters, column_prior)
    return Rbm(
        settings=settings,
        levels=levels,
        row_ids=row_ids.take(row),
        column_ids=column_ids.take(column),
        row_ratings=row_counts.sum(axis=1)[row],
        column_ratings=np.bincount(known.column, minlength=known.columns)[column],
        row_prior=smoothed(row_counts[row], fitted.global_prior, settings.prior_strength),
        column_prior=column_prior[column],
        global_prior=fitted.global_prior,
        parameters=parameters.of_columns(column),
        states=None if states is None else RowStates(*(array[row] for array in states)),
        user_hash=hashes[row if by_user else column],
        record=record,
    )

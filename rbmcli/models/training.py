"""From ratings to a model: what is held out, what is fitted, and what the model keeps of its data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rbmcli.config import ResolvedSettings, TrainSettings
from rbmcli.data.hashing import hash_ids
from rbmcli.data.levels import Levels
from rbmcli.data.ordering import PairCodes
from rbmcli.data.ratings import CompressedRows
from rbmcli.kernels.scoring import NOT_OWN, Asked, RowStates
from rbmcli.models.also_rated import beyond_ratings
from rbmcli.models.defaults import Shape, candidates
from rbmcli.models.fit import Fit, TrainingData, Validation, fit
from rbmcli.models.form import form_of
from rbmcli.models.histories import hash_ratings
from rbmcli.models.priors import column_base_rates, global_prior, smoothed, smoothings
from rbmcli.models.rbm import Rbm
from rbmcli.models.states import row_states
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
    also_rated : tuple of two ndarrays of int32, or None
        Users and items of pairs whose rating is unknown, as positions in `codes`, -1 for one not there.
    """

    codes: PairCodes
    level: np.ndarray
    rating: np.ndarray
    also_rated: tuple[np.ndarray, np.ndarray] | None = None

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

    def also_rated_beyond(self, rated: CompressedRows, by: str) -> CompressedRows | None:
        """Return the pairs of unknown rating that are not among some ratings, in compressed rows."""
        if self.also_rated is None:
            return None
        row, column = self.also_rated if by == "user" else self.also_rated[::-1]
        return beyond_ratings(row, column, rated)


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


def shape_of(ratings: LevelledRatings, held_out: np.ndarray, levels: Levels) -> Shape:
    """Return what default settings follow from."""
    codes = ratings.codes
    return Shape(len(codes.users), len(codes.items), int(np.count_nonzero(~held_out)), len(levels))


def try_settings(
    ratings: LevelledRatings,
    held_out: np.ndarray,
    levels: Levels,
    settings: ResolvedSettings,
    progress: Progress,
) -> Fit:
    """Fit the ratings that are not held out and measure on the others, for the figures alone.

    The parameters are those of `train_rbm`; `progress` may raise to give up.
    """
    return _try(ratings, held_out, levels, settings, progress, is_one_of_several=False).outcome


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
        The model and its training; with preset accurate several are tried out.
    progress : Progress
        Told each epoch.

    Returns
    -------
    Rbm
        Its record holds the figures of the epochs, and what was tried out.
    """
    tried = candidates(settings, shape_of(ratings, held_out, levels))
    trials = [_try(ratings, held_out, levels, choice, progress, len(tried) > 1) for choice in tried]
    chosen = min(range(len(trials)), key=lambda place: (trials[place].outcome.best_rmse, place))
    resolved, fitted = tried[chosen], trials[chosen]
    record: dict[str, Any] = {
        "best_epoch": fitted.outcome.best_epoch,
        "best_epochs": list(fitted.outcome.best_epochs),
        "epochs": [_figures(report) for report in fitted.outcome.epochs],
        "n_ratings": len(ratings.level),
    }
    if len(tried) > 1:
        record["tried"] = [_trial_figures(choice, trial) for choice, trial in zip(tried, trials, strict=True)]
        told = "rows of users" if resolved.by == "user" else "rows of items"
        progress.info(f"chosen for the smallest validation RMSE: {told}, {resolved.objective}")
    # What is kept of the ratings holds every one that may be in a history later.
    kept = fitted.ratings if resolved.validation == "file" else ratings.rows(resolved.by)
    if resolved.refit:
        epochs = fitted.outcome.best_epochs
        progress.info(f"training again on all ratings for {' + '.join(map(str, epochs))} epochs")
        kept = ratings.rows(resolved.by)
        fitted = _fit_on(ratings, kept, levels, resolved, None, progress, epochs)
    record["n_also_rated"] = 0 if fitted.also_rated is None else fitted.also_rated.n_ratings
    return _assemble(ratings, kept, fitted, levels, resolved, record)


def _try(
    ratings: LevelledRatings,
    held_out: np.ndarray,
    levels: Levels,
    settings: ResolvedSettings,
    progress: Progress,
    is_one_of_several: bool,
) -> _Fitted:
    """Fit the ratings that are not held out, and measure on those that are."""
    if is_one_of_several:
        progress.info(f"trying rows of {settings.by}s, {settings.objective}")
    training = ratings.rows(settings.by, ~held_out)
    row, column = ratings.axes(settings.by)
    validation = None
    if settings.validation != "none":
        at = np.flatnonzero(held_out)
        validation = validation_pairs(
            len(training), row[at], column[at], ratings.level[at], ratings.rating[at]
        )
    return _fit_on(ratings, training, levels, settings, validation, progress)


def _trial_figures(settings: ResolvedSettings, fitted: _Fitted) -> dict[str, Any]:
    """Return what a trial was and how it did."""
    report = fitted.outcome.epochs[fitted.outcome.best_epoch - 1]
    return {
        "by": settings.by,
        "objective": settings.objective,
        "best_epoch": fitted.outcome.best_epoch,
        "valid_rmse": report.valid_rmse,
        "valid_nll": report.valid_nll,
    }


@dataclass(frozen=True)
class _Fitted:
    """Parameters, what they were fitted on, and its base rates."""

    ratings: CompressedRows
    also_rated: CompressedRows | None
    global_prior: np.ndarray
    column_prior: np.ndarray
    outcome: Fit


def _fit_on(
    ratings: LevelledRatings,
    rows: CompressedRows,
    levels: Levels,
    settings: ResolvedSettings,
    validation: Validation | None,
    progress: Progress,
    epochs: tuple[int, ...] | None = None,
) -> _Fitted:
    """Fit a part of the ratings, by as many epochs in each stage as are given or as validation tells."""
    overall = global_prior(rows.level, len(levels))
    of_columns, of_rows = smoothings(settings, levels.values, overall)
    prior = column_base_rates(rows, overall, of_columns, of_rows)
    also_rated = ratings.also_rated_beyond(rows, settings.by)
    data = TrainingData(rows, prior, levels.values, of_rows, also_rated)
    return _Fitted(rows, also_rated, overall, prior, fit(data, settings, validation, progress, epochs))


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
    settings: ResolvedSettings,
    record: dict[str, Any],
) -> Rbm:
    codes, by_user = ratings.codes, settings.by == "user"
    user, item = (kept.row_of_each(), kept.column) if by_user else (kept.column, kept.row_of_each())
    hashes = hash_ratings(user, hash_ids(codes.items.values)[item], kept.level, len(codes.users))
    # A column without a rating to fit has no parameters: the model does not know it.
    is_fitted = np.bincount(fitted.ratings.column, minlength=kept.columns) > 0
    known = kept.in_columns(is_fitted)
    of_columns, of_rows = smoothings(settings, levels.values, fitted.global_prior)
    row_counts = np.zeros((len(known), len(levels)), np.int64)
    np.add.at(row_counts, (known.row_of_each(), known.level), 1)
    row, column = np.flatnonzero(row_counts.sum(axis=1)), np.flatnonzero(is_fitted)
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
        row_ratings=row_counts.sum(axis=1)[row],
        column_ratings=np.bincount(known.column, minlength=known.columns)[column],
        row_prior=smoothed(row_counts[row], fitted.global_prior, of_columns),
        column_prior=column_prior[column],
        global_prior=fitted.global_prior,
        parameters=parameters.of_columns(column),
        states=None if states is None else RowStates(*(array[row] for array in states)),
        user_hash=hashes[row if by_user else column],
        record=record,
    )

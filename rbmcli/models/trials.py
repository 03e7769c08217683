"""Fits that are measured on held-out ratings, by given settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rbmcli.config import ResolvedSettings
from rbmcli.data.levels import Levels
from rbmcli.data.ratings import CompressedRows
from rbmcli.errors import DivergenceError
from rbmcli.models.checkpoint import KEEPING_NOTHING, Checkpoint
from rbmcli.models.crews import MakeCrew
from rbmcli.models.exploration import MOVED
from rbmcli.models.fit import Fit, fit
from rbmcli.models.fit_state import FitFigures, key_of, limits_of
from rbmcli.models.levelled import LevelledRatings
from rbmcli.models.priors import (
    column_base_rates,
    day_smoothings,
    global_prior,
    row_counts,
    smoothed,
    smoothings,
)
from rbmcli.models.training_data import TrainingData
from rbmcli.progress import Progress


@dataclass(frozen=True)
class Fitted:
    """Parameters, what they were fitted on, and its base rates."""

    ratings: CompressedRows
    also_rated: CompressedRows | None
    global_prior: np.ndarray
    column_prior: np.ndarray
    outcome: Fit


def fit_on(
    ratings: LevelledRatings,
    learned: np.ndarray,
    measured: np.ndarray | None,
    levels: Levels,
    settings: ResolvedSettings,
    progress: Progress,
    epochs: tuple[int, ...] | None = None,
    checkpoint: Checkpoint = KEEPING_NOTHING,
    make_crew: MakeCrew | None = None,
) -> Fitted:
    """Fit a part of the ratings.

    Parameters
    ----------
    ratings : LevelledRatings
        All ratings.
    learned, measured : ndarray of bool
        Which of them are learned from, and which others serve as validation; None for no validation.
    levels : Levels
        The scale.
    settings : ResolvedSettings
        How.
    progress : Progress
        Told each epoch; may raise to give up.
    epochs : tuple of int, optional
        Epochs of each stage, where validation does not tell.
    checkpoint : Checkpoint
        What keeps how far this and other fits have come.
    make_crew : callable, optional
        Makes the crew that learns; without it all is learned in this process.
    """
    rows = ratings.rows(settings.by, learned)
    overall = global_prior(rows.level, len(levels))
    of_columns, of_rows = smoothings(settings, levels.values, overall)
    prior = column_base_rates(rows, overall, of_columns, of_rows)
    offset = learned_offset = None
    if ratings.day is not None:
        by_user = settings.by == "user"
        item_prior = prior if by_user else smoothed(row_counts(rows, len(levels)), overall, of_columns)
        offset = ratings.day_offsets(learned, item_prior, *day_smoothings(settings, levels.values, overall))
        learned_offset = offset[ratings.order(settings.by, learned)]
    also_rated = ratings.also_rated_beyond(rows, settings.by)
    data = TrainingData(rows, prior, levels.values, of_rows, also_rated, learned_offset)
    validation = None if measured is None else ratings.validation(settings.by, measured, offset)
    outcome = fit(data, settings, validation, progress, epochs, checkpoint, make_crew)
    return Fitted(rows, also_rated, overall, prior, outcome)


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
    return _try(ratings, held_out, levels, settings, progress).outcome


def _try(
    ratings: LevelledRatings,
    held_out: np.ndarray,
    levels: Levels,
    settings: ResolvedSettings,
    progress: Progress,
    checkpoint: Checkpoint = KEEPING_NOTHING,
    make_crew: MakeCrew | None = None,
) -> Fitted:
    """Fit the ratings that are not held out, and measure on those that are."""
    measured = held_out if _is_measured(settings) else None
    parts = ratings, ~held_out, measured, levels
    return fit_on(*parts, settings, progress, checkpoint=checkpoint, make_crew=make_crew)


def _is_measured(settings: ResolvedSettings) -> bool:
    return settings.validation != "none"


@dataclass(frozen=True)
class _Trial:
    """One fit: its figures or what it failed by, and all of it unless only the figures are known."""

    settings: ResolvedSettings
    figures: FitFigures | DivergenceError
    fitted: Fitted | None = None


class Trials:
    """Fits by one settings after the other, of which one is kept.

    Attributes
    ----------
    figures : list of dict
        What each was and how it did, JSON-ready.
    """

    def __init__(
        self,
        ratings: LevelledRatings,
        held_out: np.ndarray,
        levels: Levels,
        progress: Progress,
        checkpoint: Checkpoint = KEEPING_NOTHING,
        make_crew: MakeCrew | None = None,
    ) -> None:
        self._given, self._progress, self._checkpoint = (ratings, held_out, levels), progress, checkpoint
        self._make_crew = make_crew
        self._last: _Trial | None = None
        self._kept: _Trial | None = None
        self.figures: list[dict[str, Any]] = []

    def measure(self, settings: ResolvedSettings) -> float:
        """Fit, and return the validation RMSE; infinite where training leaves the finite numbers."""
        self._progress.info(f"training with {described(settings)}")
        self._last = self._trial(settings)
        figures: dict[str, Any] = {name: getattr(settings, name) for name in MOVED}
        outcome = self._last.figures
        if isinstance(outcome, DivergenceError):
            self.figures.append({**figures, "best_epoch": None, "valid_rmse": None, "valid_nll": None})
            return np.inf
        report = outcome.epochs[outcome.best_epoch - 1]
        figures |= {"best_epoch": outcome.best_epoch}
        self.figures.append({**figures, "valid_rmse": report.valid_rmse, "valid_nll": report.valid_nll})
        return outcome.best_rmse

    def _trial(self, settings: ResolvedSettings) -> _Trial:
        """Fit, or look up how it went."""
        key = key_of(settings, measured=_is_measured(settings))
        try:
            known = self._checkpoint.finished(key, limits_of(settings))
            if known is not None:
                figures = known.outcome()
                self._progress.info(f"done before: {len(figures.epochs)} epochs")
                return _Trial(settings, figures)
            fitted = self._fit(settings)
        except DivergenceError as error:
            return _Trial(settings, error)
        return _Trial(settings, fitted.outcome, fitted)

    def _fit(self, settings: ResolvedSettings) -> Fitted:
        return _try(*self._given, settings, self._progress, self._checkpoint, self._make_crew)

    def keep(self) -> None:
        """Keep the last fit in place of the one before."""
        self._kept = self._last
        self._checkpoint.keep()

    def kept_figures(self) -> FitFigures:
        """Return the figures of the fit that is kept.

        Raises
        ------
        DivergenceError
            If it left the finite numbers.
        """
        assert self._kept is not None
        if isinstance(self._kept.figures, DivergenceError):
            raise self._kept.figures
        return self._kept.figures

    def kept(self) -> Fitted:
        """Return the fit that is kept, which did not leave the finite numbers."""
        assert self._kept is not None
        return self._kept.fitted or self._fit(self._kept.settings)


def described(settings: ResolvedSettings) -> str:
    """Return in words how one trial differs from others."""
    units = " + ".join(map(str, (settings.hidden, *settings.upper_layers)))
    words = [f"rows of {settings.by}s", settings.objective, f"{units} hidden units"]
    if "discriminative" in settings.stages():
        words.append(f"penalty {settings.penalty:.3g}")
    if settings.level_functions:
        words.append(f"{settings.level_functions} functions of the level")
    return ", ".join(words)

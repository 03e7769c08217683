"""A trial of a search for settings: a training by them, measured epoch by epoch, ended early if need be."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from rbmcli.config import ResolvedSettings
from rbmcli.data.levels import Levels
from rbmcli.errors import DivergenceError
from rbmcli.models.levelled import LevelledRatings
from rbmcli.models.trials import try_settings
from rbmcli.pipeline.pruning import Peers
from rbmcli.progress import EpochReport, Progress

OUT_OF_TIME = "out of time"


@dataclass(frozen=True)
class TrialOutcome:
    """A trial that has ended, as the journal keeps it.

    Attributes
    ----------
    settings : dict
        All settings of the training.
    ending : {"complete", "pruned", "diverged"}
        Whether it went on until validation ended it, was given up because others were better, or left the
        finite numbers.
    epochs : int
        Epochs that were run.
    best_epoch : int
        The one with the smallest validation RMSE.
    valid_rmse, valid_nll : float or None
        Its figures.
    """

    settings: dict[str, Any]
    ending: str
    epochs: int
    best_epoch: int
    valid_rmse: float | None
    valid_nll: float | None


class _OutOfTime(Exception):  # noqa: N818
    """The budget is spent: no error, but the end of the search."""


class _Behind(Exception):  # noqa: N818
    """The trial has fallen behind: no error, but its end."""


@dataclass(frozen=True)
class Attempt:
    """A trial that is to be made.

    Attributes
    ----------
    settings : ResolvedSettings
        All settings of the training.
    peers : Peers or None
        What it is compared with; None goes on whatever the others did.
    until : float
        Value of `time.time()` at which it is ended.
    """

    settings: ResolvedSettings
    peers: Peers | None
    until: float


@dataclass(frozen=True)
class Attempted:
    """What became of it.

    Attributes
    ----------
    ending : str
        As of `TrialOutcome`, or `OUT_OF_TIME`.
    curve : list of float
        Validation RMSE of each epoch.
    best : EpochReport or None
        The one with the smallest.
    """

    ending: str
    curve: list[float]
    best: EpochReport | None

    def outcome(self, settings: ResolvedSettings) -> TrialOutcome:
        """Return it as the journal keeps it; what has no finite figure has diverged."""
        if self.best is None:
            return TrialOutcome(settings.as_dict(), self._ending(None), len(self.curve), 0, None, None)
        rmse, nll = _finite(self.best.valid_rmse), _finite(self.best.valid_nll)
        ending = self._ending(rmse)
        return TrialOutcome(settings.as_dict(), ending, len(self.curve), self.best.epoch, rmse, nll)

    def _ending(self, rmse: float | None) -> str:
        return "diverged" if self.ending == "complete" and rmse is None else self.ending


class _Listener(Progress):
    """Keeps the figures of each epoch, and ends the trial early.

    What training tells otherwise is of no interest in a search, but for warnings.
    """

    def __init__(self, attempt: Attempt, progress: Progress) -> None:
        self._attempt, self._progress = attempt, progress
        self.best: EpochReport | None = None
        self.curve: list[float] = []

    def warn(self, message: str) -> None:
        """Tell it."""
        self._progress.warn(message)

    def epoch(self, report: EpochReport) -> None:
        """Take the validation RMSE in, and end the trial where that is to be."""
        assert report.valid_rmse is not None
        if report.is_best:
            self.best = report
        self.curve.append(report.valid_rmse)
        attempt = self._attempt
        if time.time() >= attempt.until:
            raise _OutOfTime
        best, kind = np.fmin.reduce(self.curve), attempt.settings.objective
        if attempt.peers is not None and attempt.peers.leave_behind(kind, report.epoch, best):
            raise _Behind


def attempt_trial(
    ratings: LevelledRatings, held_out: np.ndarray, levels: Levels, attempt: Attempt, progress: Progress
) -> Attempted:
    """Train by the settings of a trial, and measure each epoch.

    Parameters
    ----------
    ratings, held_out, levels
        Ratings, those that are held out for all trials alike, and the scale.
    attempt : Attempt
        The trial.
    progress : Progress
        Told what it warns of.
    """
    listener, ending = _Listener(attempt, progress), "complete"
    try:
        try_settings(ratings, held_out, levels, attempt.settings, listener)
    except _Behind:
        ending = "pruned"
    except DivergenceError:
        ending = "diverged"
    except _OutOfTime:
        ending = OUT_OF_TIME
    return Attempted(ending, listener.curve, listener.best)


def _finite(figure: float | None) -> float | None:
    return figure if figure is not None and math.isfinite(figure) else None

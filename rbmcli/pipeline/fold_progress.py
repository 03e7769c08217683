"""What a fold of a cross-validation tells of its steps: warnings, and all else as details."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rbmcli.progress import EpochReport, Progress, Step


class FoldProgress(Progress):
    """Passes on what is told within a fold, so that a run of many folds tells a few lines of each.

    Parameters
    ----------
    progress : Progress
        Told of it.
    number : int
        Number of the fold, from 1.
    """

    def __init__(self, progress: Progress, number: int) -> None:
        self._progress, self._name = progress, f"fold {number}"

    def info(self, message: str) -> None:
        """Tell it as a detail."""
        self._progress.detail(f"{self._name}: {message}")

    def detail(self, message: str) -> None:
        """Tell it as a detail."""
        self._progress.detail(f"{self._name}: {message}")

    def warn(self, message: str) -> None:
        """Tell it."""
        self._progress.warn(f"{self._name}: {message}")

    def epoch(self, report: EpochReport) -> None:
        """Tell the figures of an epoch as a detail."""
        figures = f"loss {report.loss:.4f}"
        if report.valid_rmse is not None:
            figures += f", validation RMSE {report.valid_rmse:.4f}{', best' if report.is_best else ''}"
        self._progress.detail(f"{self._name}: epoch {report.epoch}/{report.epochs}: {figures}")

    @contextmanager
    def step(self, description: str, total: int | None = None, *, is_brief: bool = False) -> Iterator[Step]:
        """Surround a step, which is one of many."""
        with self._progress.step(f"{self._name}: {description}", total, is_brief=True) as step:
            yield step

"""How work below the command line tells what it is doing, without knowing who listens.

The pipeline calls a `Progress`; the command line gives it one that draws on a terminal or writes log
lines; everyone else gets `SILENT`, which does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class EpochReport:
    """The figures of one training epoch.

    Attributes
    ----------
    epoch, epochs : int
        Number of the epoch, from 1, and the most that will be run.
    loss : float
        Mean of what training makes small: by contrastive divergence the cross-entropy of the reconstructed
        levels, in nats per training rating; discriminative, cross-entropy and squared error of the ratings
        that were hidden, by their shares.
    valid_rmse, valid_nll : float or None
        Root mean squared error (in units of the rating) and mean negative log-likelihood (in nats) on
        the validation ratings; None without validation, or of the likelihood if none is on a level.
    is_best : bool
        Whether no earlier epoch had a smaller validation RMSE.
    ratings_per_second : float
        Training ratings per second of this epoch.
    seconds_left : float
        Estimate of the seconds that remain if every epoch is run.
    """

    epoch: int
    epochs: int
    loss: float
    valid_rmse: float | None
    valid_nll: float | None
    is_best: bool
    ratings_per_second: float
    seconds_left: float


class Step:
    """One step under way; `advance` tells how many units of it are done."""

    def advance(self, amount: int) -> None:
        """Tell that `amount` further units are done."""


class Progress:
    """The null object of all progress: every call is accepted, nothing is shown."""

    def info(self, message: str) -> None:
        """Tell a fact that a user wants to see."""

    def detail(self, message: str) -> None:
        """Tell a fact that only a curious user wants to see."""

    def warn(self, message: str) -> None:
        """Tell something that may make the result other than expected."""

    def epoch(self, report: EpochReport) -> None:
        """Tell the figures of a finished training epoch."""

    @contextmanager
    def step(self, description: str, total: int | None = None, *, is_brief: bool = False) -> Iterator[Step]:
        """Surround a step that may take longer than a second.

        Parameters
        ----------
        description : str
            What is done.
        total : int, optional
            Units that it has, if that is known.
        is_brief : bool
            Whether it is one of many that are told of otherwise, such as an epoch: then it is worth a bar
            while it lasts, but no line in a log.
        """
        yield Step()


class PartProgress(Progress):
    """Passes on what is told within a part of a run, so that a run of many parts tells a few lines of each.

    Warnings are warnings still, all else are details, with the name of the part before them.

    Parameters
    ----------
    progress : Progress
        Told of it.
    name : str
        Name of the part.
    """

    def __init__(self, progress: Progress, name: str) -> None:
        self._progress, self._name = progress, name

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


class HeldBack(Progress):
    """Keeps messages back until it is known that they are to be told; steps are shown as they come.

    Parameters
    ----------
    progress : Progress
        Told of them then.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._held: list[tuple[Callable[[str], None], str]] = []

    def info(self, message: str) -> None:
        """Keep it."""
        self._held.append((self._progress.info, message))

    def detail(self, message: str) -> None:
        """Keep it."""
        self._held.append((self._progress.detail, message))

    def warn(self, message: str) -> None:
        """Keep it."""
        self._held.append((self._progress.warn, message))

    @contextmanager
    def step(self, description: str, total: int | None = None, *, is_brief: bool = False) -> Iterator[Step]:
        """Surround a step."""
        with self._progress.step(description, total, is_brief=is_brief) as step:
            yield step

    def release(self) -> None:
        """Tell all that was kept."""
        for tell, message in self._held:
            tell(message)
        self._held.clear()


SILENT = Progress()

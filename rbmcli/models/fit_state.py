"""How far a training has come: everything that the rest of it depends on, besides its data and settings.

Training goes on from a state as if it had never been broken off. The same state serves for a training with
more epochs, as far as that would have come by it; `FitState.suits` tells.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rbmcli.config import ResolvedSettings
from rbmcli.errors import DivergenceError, MismatchError
from rbmcli.kernels.arrays import Parameters
from rbmcli.progress import EpochReport

BY_EPOCHS, BY_PATIENCE = "epochs", "patience"
"""How a stage of training ends: its epochs are used up, or none was better for long."""

BEST, LEARNER, MEAN = "best", "learner", "mean"
"""What arrays belong to: the best parameters, the way of learning, the average over epochs."""


@dataclass(frozen=True)
class FitFigures:
    """What is known of a training without its parameters.

    Attributes
    ----------
    best_epoch : int
        Number of the best epoch, or of the last one without validation, from 1.
    best_epochs : tuple of int
        The same by stage: after how many epochs of each stage parameters were best.
    epochs : list of EpochReport
        The figures of every epoch that was run.
    """

    best_epoch: int
    best_epochs: tuple[int, ...]
    epochs: list[EpochReport]

    @property
    def best_rmse(self) -> float:
        """Validation RMSE of the best epoch, infinite without validation."""
        rmse = self.epochs[self.best_epoch - 1].valid_rmse if self.best_epoch else None
        return np.inf if rmse is None else rmse


@dataclass
class FitState:
    """How far a training has come.

    Attributes
    ----------
    measured : bool
        Whether there is validation.
    stages : int
        Ways of learning that follow each other.
    epochs_run : list of int
        Epochs that are done, by stage; the last one is the stage under way.
    endings : list of str
        How each stage ended that is over.
    batches, loss, count : int, float, int
        Mini-batches of the epoch under way that are done, the sum of their loss, and over how many ratings.
    order : dict
        State of the generator that orders mini-batches, as it was before the epoch under way.
    reports : list of EpochReport
        The figures of every epoch.
    best_epoch, best_rmse, best_epochs : int, float, list of int
        As in `FitFigures`; a list grows with the stages.
    best_of_stage, best_at : float, int
        Smallest validation RMSE of the stage under way, and the epoch it is of, from 0.
    failure : tuple of str, or None
        Message and hint, where training left the finite numbers.
    arrays : dict of str to ndarray
        Arrays under names such as best/weights. Those of a training under way are changed as it goes on;
        of one that is over there may be none.
    """

    measured: bool
    stages: int
    epochs_run: list[int] = field(default_factory=lambda: [0])
    endings: list[str] = field(default_factory=list)
    batches: int = 0
    loss: float = 0.0
    count: int = 0
    order: dict[str, Any] = field(default_factory=dict)
    reports: list[EpochReport] = field(default_factory=list)
    best_epoch: int = 0
    best_rmse: float = np.inf
    best_epochs: list[int] = field(default_factory=lambda: [0])
    best_of_stage: float = np.inf
    best_at: int = -1
    failure: tuple[str, str] | None = None
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def stage(self) -> int:
        """Number of the stage under way, from 0."""
        return len(self.epochs_run) - 1

    @property
    def epoch(self) -> int:
        """Number of the epoch under way within its stage, from 0."""
        return self.epochs_run[-1]

    @property
    def stage_is_over(self) -> bool:
        """Whether the stage under way has ended."""
        return len(self.endings) == len(self.epochs_run)

    @property
    def is_over(self) -> bool:
        """Whether training has ended."""
        return self.failure is not None or len(self.endings) == self.stages

    def count_epoch(self, report: EpochReport, order: Mapping[str, Any]) -> None:
        """Take note that the epoch under way is over; `order` is that of the next one."""
        self.reports.append(report)
        self.epochs_run[-1] += 1
        self.batches, self.loss, self.count = 0, 0.0, 0
        self.order = dict(order)

    def next_stage(self, *, is_comparable: bool) -> None:
        """Begin the stage after one that is over.

        A stage that is not comparable with those before makes another model of theirs: the best parameters
        are its own, whether or not they are better.
        """
        if not is_comparable:
            self.best_rmse = np.inf
        self.epochs_run.append(0)
        self.best_epochs.append(0)
        self.best_of_stage, self.best_at = np.inf, -1

    def suits(self, limits: tuple[int, ...]) -> bool:
        """Return whether a training of at most so many epochs a stage comes by this state."""
        if self.failure is not None:
            return self.is_result_of(limits)
        if self.stage_is_over:
            may_go_on = self.has_learner and self.epoch < limits[self.stage]
            has_best = bool(self.of(BEST)) or not self.is_over
            return has_best and self._comes_through(limits, besides=self.stage if may_go_on else None)
        return self._comes_through(limits) and self.epoch < limits[self.stage] and self.has_learner

    def is_result_of(self, limits: tuple[int, ...]) -> bool:
        """Return whether this is how a training of at most so many epochs a stage ends."""
        if self.failure is not None and self.epoch >= limits[self.stage]:
            return False
        return self.is_over and self._comes_through(limits)

    def _comes_through(self, limits: tuple[int, ...], besides: int | None = None) -> bool:
        """Return whether stages of at most so many epochs end as those did that are over, but for one."""
        ended = enumerate(zip(self.epochs_run, self.endings, limits, strict=False))
        return all(
            run == limit or (run < limit and how == BY_PATIENCE) or stage == besides
            for stage, (run, how, limit) in ended
        )

    def reopen(self, limits: tuple[int, ...]) -> None:
        """Let a stage whose epochs were used up go on where it has more of them now."""
        if self.stage_is_over and self.endings[-1] == BY_EPOCHS and self.epoch < limits[self.stage]:
            self.endings.pop()

    @property
    def has_learner(self) -> bool:
        """Whether the arrays of the way of learning are there, so that the stage can go on."""
        return bool(self.of(LEARNER))

    def of(self, owner: str) -> dict[str, np.ndarray]:
        """Return the arrays that belong to something, by their own names."""
        start = f"{owner}/"
        return {name[len(start) :]: array for name, array in self.arrays.items() if name.startswith(start)}

    def outcome(self) -> FitFigures:
        """Return the figures of a training that is over.

        Raises
        ------
        DivergenceError
            If it left the finite numbers.
        """
        if self.failure is not None:
            raise DivergenceError(self.failure[0], hint=self.failure[1])
        return FitFigures(self.best_epoch, tuple(self.best_epochs), self.reports)


def owned(owner: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return arrays under the names that they have in a state."""
    return {f"{owner}/{name}": array for name, array in arrays.items()}


def as_parameters(arrays: Mapping[str, np.ndarray], like: Parameters) -> Parameters:
    """Return parameters from their arrays, which must be like others; raises as `fill`."""
    parameters = Parameters(*(np.empty_like(array) for array in like))
    fill(parameters._asdict(), arrays)
    return parameters


def fill(into: Mapping[str, np.ndarray], arrays: Mapping[str, np.ndarray]) -> None:
    """Copy the arrays of a state into those of a training.

    Raises
    ------
    MismatchError
        If they have other names, types or shapes.
    """
    for name, array in into.items():
        found = arrays.get(name)
        if found is None or (found.dtype, found.shape) != (array.dtype, array.shape):
            told = "missing" if found is None else f"{found.dtype} {found.shape}"
            raise MismatchError(
                f"the checkpoint is of another version of rbmcli: its array '{name}' is {told}, expected "
                f"{array.dtype} {array.shape}",
                hint="leave out --resume to start anew",
            )
        array[...] = found


def limits_of(settings: ResolvedSettings) -> tuple[int, ...]:
    """Return the most epochs of each stage."""
    return (settings.epochs,) * len(settings.stages())


def key_of(settings: ResolvedSettings, *, measured: bool) -> dict[str, Any]:
    """Return what tells the trainings of one run apart: all settings but how long, and what is measured."""
    return {**settings.as_dict(), "epochs": None, "measured": measured}

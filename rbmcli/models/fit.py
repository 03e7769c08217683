"""Training: epochs of one way of learning, or of two after each other, and the best of them kept."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rbmcli.config import ResolvedSettings
from rbmcli.errors import DivergenceError
from rbmcli.kernels.arithmetic import derive
from rbmcli.kernels.arrays import Batch, Form, Parameters, Scratch
from rbmcli.kernels.row_bias import row_biases
from rbmcli.models.averaging import Average
from rbmcli.models.form import form_of
from rbmcli.models.initial import initial_parameters
from rbmcli.models.learners import DivergenceLearner, Learner, NetworkLearner
from rbmcli.models.plan import CHUNKS, plan_batches
from rbmcli.models.priors import tallies_of
from rbmcli.models.training_data import TrainingData, Validation
from rbmcli.models.validating import Validator
from rbmcli.progress import EpochReport, Progress

_LEAST_GAIN = 1e-5


@dataclass(frozen=True)
class Fit:
    """The outcome of training.

    Attributes
    ----------
    parameters : Parameters
        Those of the best epoch, or of the last one without validation.
    best_epoch : int
        Its number, from 1.
    best_epochs : tuple of int
        The same by stage: after how many epochs of each stage parameters were best.
    epochs : list of EpochReport
        The figures of every epoch that was run.
    """

    parameters: Parameters
    best_epoch: int
    best_epochs: tuple[int, ...]
    epochs: list[EpochReport]

    @property
    def best_rmse(self) -> float:
        """Validation RMSE of the best epoch, infinite without validation."""
        rmse = self.epochs[self.best_epoch - 1].valid_rmse if self.best_epoch else None
        return np.inf if rmse is None else rmse


class _Training:
    """What the stages of one training have in common, and the figures so far."""

    def __init__(
        self,
        data: TrainingData,
        settings: ResolvedSettings,
        validation: Validation | None,
        progress: Progress,
    ) -> None:
        self.data, self.settings, self.progress = data, settings, progress
        self.form = form_of(settings, data.level_values)
        self.order = np.random.default_rng([settings.seed, 1])
        self.batches = plan_batches(
            data.ratings, settings.batch_size, self.order, data.also_rated, data.offset
        )
        self.scratch = _scratch_for(self.batches, self.form)
        self.validator = Validator(validation, data, settings) if validation else None
        self.reports: list[EpochReport] = []
        self.best_epoch, self.best_rmse = 0, np.inf
        self.best_epochs: list[int] = []
        self.best: Parameters | None = None

    def divergence(self, parameters: Parameters) -> Learner:
        """Return a learner by contrastive divergence that starts from `parameters`."""
        data = self.data
        tallies = tallies_of(data.ratings, data.column_prior, data.smoothing)
        bias = np.zeros_like(tallies.counts)
        row_biases(tallies, data.smoothing, bias)
        also = data.also_rated is not None
        return DivergenceLearner(
            parameters, self.form, self.batches, self.scratch, bias, self.settings, also_rated=also
        )

    def network(self, parameters: Parameters) -> Learner:
        """Return a learner by back-propagation that starts from `parameters`."""
        data = self.data
        return NetworkLearner(
            parameters,
            self.form,
            self.batches,
            self.scratch,
            data.column_prior,
            data.smoothing,
            self.settings,
        )

    def run(self, learner: Learner, stage: int, epochs: int) -> None:
        """Do a stage of at most `epochs` epochs, and keep the best parameters of all stages."""
        settings, began, first = self.settings, time.perf_counter(), len(self.reports)
        average, best_of_stage, best_at = Average(settings.average), np.inf, -1
        self.best_epochs.append(0)
        for epoch in range(epochs):
            started = time.perf_counter()
            loss = self._epoch(learner, stage, epoch)
            speed = self.data.ratings.n_ratings / max(time.perf_counter() - started, 1e-9)
            # Measured as they are stored: exact inference tells apart whether D stands in the weights.
            parameters = learner.exported(average.add(learner.parameters))
            rmse, nll = self.validator.measure(parameters, self.form) if self.validator else (None, None)
            is_best = rmse is None or rmse < self.best_rmse - _LEAST_GAIN
            left = (time.perf_counter() - began) / (epoch + 1) * (epochs - epoch - 1)
            number = first + epoch + 1
            report = EpochReport(number, first + epochs, loss, rmse, nll, is_best, speed, left)
            self.reports.append(report)
            self.progress.epoch(report)
            if rmse is not None and rmse < best_of_stage - _LEAST_GAIN:
                best_of_stage, best_at = rmse, epoch
            if is_best and (rmse is not None or epoch == epochs - 1):
                self.best_epoch, self.best_rmse = number, np.inf if rmse is None else rmse
                self.best_epochs[stage] = epoch + 1
                self.best = parameters.copy()
            elif rmse is not None and epoch - best_at >= settings.patience:
                break

    def _epoch(self, learner: Learner, stage: int, epoch: int) -> float:
        """Do all mini-batches in a random order, and return the mean loss of a rating."""
        loss, count = 0.0, 0
        key = _derived(_derived(np.uint64(self.settings.seed), stage), epoch)
        for place in self.order.permutation(len(self.batches)):
            batch_loss, ratings = learner.learn(place, epoch, _derived(key, place))
            if not np.isfinite(batch_loss):
                self._stop(stage)
            loss, count = loss + batch_loss, count + ratings
        if not learner.parameters.is_finite():
            self._stop(stage)
        return loss / max(count, 1)

    def _stop(self, stage: int) -> None:
        settings = self.settings
        by_network = settings.stages()[stage] == "discriminative"
        option, rate = (
            ("--network-rate", settings.network_rate)
            if by_network
            else ("--learning-rate", settings.learning_rate)
        )
        raise DivergenceError(
            f"training left the finite numbers in epoch {len(self.reports) + 1}: no model is written",
            hint=f"choose a {option} below {rate:g}",
        )


def fit(
    data: TrainingData,
    settings: ResolvedSettings,
    validation: Validation | None,
    progress: Progress,
    epochs: tuple[int, ...] | None = None,
) -> Fit:
    """Train an RBM.

    Parameters
    ----------
    data : TrainingData
        What is learned from.
    settings : ResolvedSettings
        How.
    validation : Validation or None
        With it the epoch with the smallest RMSE is kept, and a stage stops after `settings.patience`
        epochs without a better one.
    progress : Progress
        Told each epoch.
    epochs : tuple of int, optional
        Epochs of each stage, in place of those of the settings.

    Raises
    ------
    DivergenceError
        If a parameter is no longer finite.
    """
    training = _Training(data, settings, validation, progress)
    start = initial_parameters(data.column_prior, training.form, settings.seed)
    for stage, objective in enumerate(settings.stages()):
        parameters = start if training.best is None else training.best.copy()
        make = training.network if objective == "discriminative" else training.divergence
        training.run(make(parameters), stage, settings.epochs if epochs is None else epochs[stage])
    best = start if training.best is None else training.best
    return Fit(best, training.best_epoch, tuple(training.best_epochs), training.reports)


def _scratch_for(batches: Sequence[Batch], form: Form) -> Scratch:
    rows = max((len(batch.rows) for batch in batches), default=0)
    ratings = max((len(batch.column) for batch in batches), default=0)
    return Scratch.sized(rows, ratings, CHUNKS, form)


def _derived(key: np.uint64, counter: int) -> np.uint64:
    """Call `derive` outside a kernel, where numpy scalars warn of the overflow that a hash is made of."""
    with np.errstate(over="ignore"):
        return np.uint64(derive(key, counter))

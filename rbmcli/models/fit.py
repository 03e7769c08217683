"""Training: epochs of one way of learning, or of two after each other, and the best of them kept."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rbmcli.config import ResolvedSettings
from rbmcli.data.ratings import CompressedRows
from rbmcli.errors import DivergenceError
from rbmcli.kernels.arithmetic import derive
from rbmcli.kernels.arrays import Batch, Form, Parameters, Scratch
from rbmcli.kernels.row_bias import Smoothing, row_biases
from rbmcli.kernels.scoring import Asked, score_pairs
from rbmcli.models.form import form_of
from rbmcli.models.learners import DivergenceLearner, Learner, NetworkLearner
from rbmcli.models.plan import CHUNKS, plan_batches
from rbmcli.models.priors import tallies_of
from rbmcli.models.states import row_states
from rbmcli.progress import EpochReport, Progress

_WEIGHT_SCALE = 0.01
_LEAST_GAIN = 1e-5
_SMALLEST_PROBABILITY = 1e-12


@dataclass(frozen=True)
class TrainingData:
    """What is learned from.

    Attributes
    ----------
    ratings : CompressedRows
        The training ratings, R rows over N columns.
    column_prior : ndarray of float32, shape (N, K)
        Smoothed base rates of each column.
    level_values : ndarray of float32, shape (K,)
        Rating that each level stands for.
    smoothing : Smoothing
        What the row bias is made by.
    also_rated : CompressedRows or None
        Pairs that are known to have been rated, the rating unknown, over the same rows and columns.
    offset : ndarray of float32, shape (ratings, K), or None
        What is known to be added to the logits of each rating, in the order of `ratings`.
    """

    ratings: CompressedRows
    column_prior: np.ndarray
    level_values: np.ndarray
    smoothing: Smoothing
    also_rated: CompressedRows | None = None
    offset: np.ndarray | None = None


@dataclass(frozen=True)
class Validation:
    """Pairs whose ratings are known but not trained on.

    Attributes
    ----------
    asked : Asked
        The pairs, by row.
    level : ndarray of uint8
        Level of each pair, or `rbmcli.data.levels.UNKNOWN`.
    rating : ndarray of float32
        Rating of each pair.
    """

    asked: Asked
    level: np.ndarray
    rating: np.ndarray


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


def initial_parameters(column_prior: np.ndarray, form: Form, seed: int) -> Parameters:
    """Return small random weights and visible biases at the log base rates.

    W ~ N(0, 0.01^2), less its mean over the levels. Where weights are factored A is drawn like that, and
    B ~ N(0, 1), since with both of them small neither would have a gradient.
    """
    columns, levels = column_prior.shape
    parameters = Parameters.zeros(columns, levels, form)
    generator = np.random.default_rng(seed)
    functions, width = parameters.weights.shape[1], form.factors or form.hidden
    drawn = generator.standard_normal((columns, functions, width), np.float32) * np.float32(_WEIGHT_SCALE)
    parameters.weights[:, :, :width] = drawn if form.shared else drawn - drawn.mean(axis=1, keepdims=True)
    shape = (form.factors, form.hidden)
    parameters.factors[: form.factors, : form.hidden] = generator.standard_normal(shape, np.float32)
    parameters.visible_bias[:] = np.log(column_prior)
    return parameters


class _Validator:
    """Measures parameters on the validation pairs, from rows that hold none of them."""

    def __init__(self, validation: Validation, data: TrainingData, settings: ResolvedSettings) -> None:
        self.validation, self.data, self.settings = validation, data, settings
        self.level_values = data.level_values.astype(np.float64)
        self.probability = np.empty((len(validation.rating), len(self.level_values)), np.float32)
        self.on_level = np.flatnonzero(validation.level < len(self.level_values))

    def measure(self, parameters: Parameters, form: Form) -> tuple[float, float | None]:
        """Return RMSE and mean negative log-likelihood; None for it if no rating is on a level."""
        data = self.data
        states = row_states(
            data.ratings, parameters, data.column_prior, data.smoothing, form, data.also_rated
        )
        score_pairs(
            self.validation.asked,
            states,
            parameters,
            data.column_prior,
            form,
            data.smoothing,
            self.settings.inference == "exact",
            self.probability,
        )
        error = self.probability @ self.level_values - self.validation.rating
        true = self.probability[self.on_level, self.validation.level[self.on_level]]
        nll = -np.log(np.maximum(true.astype(np.float64), _SMALLEST_PROBABILITY))
        return float(np.sqrt(np.mean(error**2))), float(nll.mean()) if len(nll) else None


class _Average:
    """The mean of the parameters over the last epochs, about `epochs` of them.

    After each epoch the mean moves 1 / min(epochs so far, n) of the way, so that it is plain at first and
    then forgets.
    """

    def __init__(self, epochs: int) -> None:
        self.most = epochs
        self.taken = 0
        self.mean: Parameters | None = None

    def add(self, parameters: Parameters) -> Parameters:
        """Take the parameters of an epoch in, and return the mean."""
        self.taken += 1
        if self.most == 1:
            return parameters
        if self.mean is None:
            self.mean = parameters.copy()
        share = np.float32(1 / min(self.taken, self.most))
        for mean, array in zip(self.mean, parameters, strict=True):
            mean += share * (array - mean)
        return self.mean


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
        self.validator = _Validator(validation, data, settings) if validation else None
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
        average, best_of_stage, best_at = _Average(settings.average), np.inf, -1
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

"""Training: epochs of contrastive divergence, the best of them kept."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rbmcli.config import TrainSettings
from rbmcli.data.ratings import CompressedRows
from rbmcli.errors import DivergenceError
from rbmcli.kernels.arithmetic import derive
from rbmcli.kernels.arrays import Batch, Parameters, Scratch
from rbmcli.kernels.divergence import contrastive_divergence
from rbmcli.kernels.scoring import (
    Asked,
    RowStates,
    activate_rows,
    empty_states,
    row_biases,
    score_pairs,
)
from rbmcli.models.plan import CHUNKS, plan_batches
from rbmcli.progress import EpochReport, Progress

_WEIGHT_SCALE = 0.01
_LEAST_GAIN = 1e-5
_SMALLEST_PROBABILITY = 1e-12


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
    epochs : list of EpochReport
        The figures of every epoch that was run.
    """

    parameters: Parameters
    best_epoch: int
    epochs: list[EpochReport]


def initial_parameters(column_prior: np.ndarray, settings: TrainSettings) -> Parameters:
    """Return small random weights, W ~ N(0, 0.01^2), and visible biases at the log base rates."""
    columns, levels = column_prior.shape
    parameters = Parameters.zeros(columns, levels, settings.hidden)
    generator = np.random.default_rng(settings.seed)
    shape = (columns, levels, settings.hidden)
    parameters.weights[:, :, : settings.hidden] = generator.standard_normal(shape, np.float32) * _WEIGHT_SCALE
    parameters.visible_bias[:] = np.log(column_prior)
    return parameters


def row_states(ratings: CompressedRows, parameters: Parameters, column_prior: np.ndarray) -> RowStates:
    """Return what the ratings of each row come down to under a model."""
    states = empty_states(len(ratings), parameters)
    activate_rows(ratings.start, ratings.column, ratings.level, parameters, column_prior, states)
    return states


def strength_of(settings: TrainSettings) -> float:
    """Return the strength of the row bias, 0 for a model without."""
    return settings.row_bias_strength if settings.row_bias else 0.0


class _Validator:
    """Measures parameters on the validation pairs, from rows that hold none of them."""

    def __init__(
        self,
        validation: Validation,
        ratings: CompressedRows,
        column_prior: np.ndarray,
        level_values: np.ndarray,
        settings: TrainSettings,
    ) -> None:
        self.validation = validation
        self.ratings = ratings
        self.column_prior = column_prior
        self.level_values = level_values.astype(np.float64)
        self.settings = settings
        self.probability = np.empty((len(validation.rating), len(level_values)), np.float32)
        self.on_level = np.flatnonzero(validation.level < len(level_values))

    def measure(self, parameters: Parameters) -> tuple[float, float]:
        """Return RMSE and mean negative log-likelihood."""
        states = row_states(self.ratings, parameters, self.column_prior)
        score_pairs(
            self.validation.asked,
            states,
            parameters,
            self.column_prior,
            self.settings.hidden,
            strength_of(self.settings),
            self.settings.inference == "exact",
            self.probability,
        )
        error = self.probability @ self.level_values - self.validation.rating
        true = self.probability[self.on_level, self.validation.level[self.on_level]]
        nll = -np.log(np.maximum(true.astype(np.float64), _SMALLEST_PROBABILITY))
        return float(np.sqrt(np.mean(error**2))), float(nll.mean()) if len(nll) else float("nan")


def fit(
    ratings: CompressedRows,
    column_prior: np.ndarray,
    level_values: np.ndarray,
    settings: TrainSettings,
    validation: Validation | None,
    progress: Progress,
) -> Fit:
    """Train an RBM by contrastive divergence.

    Parameters
    ----------
    ratings : CompressedRows
        The training ratings, R rows over N columns.
    column_prior : ndarray of float32, shape (N, K)
        Smoothed base rates of each column.
    level_values : ndarray of float32, shape (K,)
        Rating that each level stands for.
    settings : TrainSettings
        Everything else.
    validation : Validation or None
        With it the epoch with the smallest RMSE is kept, and training stops after `settings.patience`
        epochs without a better one.
    progress : Progress
        Told each epoch.

    Raises
    ------
    DivergenceError
        If a parameter is no longer finite.
    """
    parameters = initial_parameters(column_prior, settings)
    velocity = Parameters(*(np.zeros_like(array) for array in parameters))
    order = np.random.default_rng([settings.seed, 1])
    batches = plan_batches(ratings, settings.batch_size, order)
    bias = np.zeros((len(ratings), len(level_values)), np.float32)
    row_biases(row_states(ratings, parameters, column_prior), strength_of(settings), bias)
    scratch = _scratch_for(batches, len(level_values), settings.hidden)
    validator = _Validator(validation, ratings, column_prior, level_values, settings) if validation else None
    best, best_epoch, best_rmse = parameters, 0, np.inf
    reports: list[EpochReport] = []
    begun = time.perf_counter()
    for epoch in range(settings.epochs):
        started = time.perf_counter()
        loss = 0.0
        for key, batch in _shuffled(batches, order, settings.seed, epoch):
            loss += _learn(batch, parameters, velocity, bias, scratch, settings, epoch, key)
        speed = ratings.n_ratings / max(time.perf_counter() - started, 1e-9)
        if not (np.isfinite(loss) and parameters.is_finite()):
            raise DivergenceError(
                f"training left the finite numbers in epoch {epoch + 1}: no model is written",
                hint=f"choose a --learning-rate below {settings.learning_rate:g}",
            )
        rmse, nll = validator.measure(parameters) if validator else (None, None)
        is_best = rmse is None or rmse < best_rmse - _LEAST_GAIN
        left = (time.perf_counter() - begun) / (epoch + 1) * (settings.epochs - epoch - 1)
        reports.append(
            EpochReport(
                epoch + 1, settings.epochs, loss / max(ratings.n_ratings, 1), rmse, nll, is_best, speed, left
            )
        )
        progress.epoch(reports[-1])
        if is_best:
            best_epoch, best_rmse = epoch + 1, best_rmse if rmse is None else rmse
            best = parameters.copy() if validator else parameters
        elif epoch + 1 - best_epoch >= settings.patience:
            break
    return Fit(best, best_epoch, reports)


def _scratch_for(batches: list[Batch], levels: int, hidden: int) -> Scratch:
    rows = max((len(batch.rows) for batch in batches), default=0)
    ratings = max((len(batch.column) for batch in batches), default=0)
    return Scratch.sized(rows, ratings, levels, hidden, CHUNKS)


def _shuffled(
    batches: list[Batch], order: np.random.Generator, seed: int, epoch: int
) -> Iterator[tuple[np.uint64, Batch]]:
    """Yield the batches of an epoch in a random order, each with the key of its random numbers."""
    epoch_key = _derived(np.uint64(seed), epoch)
    for place in order.permutation(len(batches)):
        yield _derived(epoch_key, place), batches[place]


def _derived(key: np.uint64, counter: int) -> np.uint64:
    """Call `derive` outside a kernel, where numpy scalars warn of the overflow that a hash is made of."""
    with np.errstate(over="ignore"):
        return np.uint64(derive(key, counter))


def _learn(
    batch: Batch,
    parameters: Parameters,
    velocity: Parameters,
    bias: np.ndarray,
    scratch: Scratch,
    settings: TrainSettings,
    epoch: int,
    key: np.uint64,
) -> float:
    """Do one mini-batch as the settings say, and return the sum of its losses."""
    rate = settings.learning_rate / (1 + settings.rate_decay * epoch)
    update = (
        np.float32(rate),
        np.float32(settings.momentum),
        np.float32(settings.decay()),
        settings.conditional,
    )
    loss: float = contrastive_divergence(
        batch,
        parameters,
        velocity,
        bias,
        scratch,
        settings.hidden,
        settings.steps_at(epoch),
        settings.reconstruction == "sampled",
        key,
        update,
    )
    return loss

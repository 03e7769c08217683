"""From ratings to an autoencoder with a probability of each level."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from rbmcli.config.autoencoder import AutoencoderSettings
from rbmcli.data.levels import Levels
from rbmcli.data.ratings import CompressedRows
from rbmcli.errors import DivergenceError
from rbmcli.kernels.autoencoder import learn_batch
from rbmcli.kernels.autoencoder_arrays import Centring, Course, Weights, Workspace
from rbmcli.kernels.autoencoder_scoring import RowSums
from rbmcli.kernels.scoring import NOT_OWN
from rbmcli.models.autoencoder import Autoencoder, AutoencoderModel, unsure
from rbmcli.models.averaging import Average
from rbmcli.models.baselines import History, choose_lambdas, fit_user_item_bias
from rbmcli.models.keys import derived
from rbmcli.models.learners import spread_penalty
from rbmcli.models.levelled import LevelledRatings
from rbmcli.models.mean_training import MeanFit, train_mean_model
from rbmcli.models.plan import plan_batches
from rbmcli.models.rating_model import RatingModel
from rbmcli.progress import EpochReport, Progress

EPOCHS, BATCH_ROWS, PENALTY = 200, 64, 0.5
"""What settings stand for that are not given."""

_SPREAD, _DENSE_SPREAD = 0.02, 4.0
"""Standard deviations of weights to begin with; of dense ones, times the root of the units they come from."""

_LEAST_GAIN = 1e-5


def train_autoencoder(
    ratings: LevelledRatings,
    held_out: np.ndarray,
    levels: Levels,
    settings: AutoencoderSettings,
    progress: Progress,
    measured: Callable[[RatingModel], None] | None = None,
) -> AutoencoderModel:
    """Train an autoencoder on ratings, some of which serve as validation; see `train_mean_model`.

    The best epoch is chosen on these, and is the last one of the training on all ratings.
    """

    def fit(learned: np.ndarray, asked: np.ndarray, first: MeanFit | None) -> MeanFit:
        """Train on some ratings, for as many epochs as the first fit found best."""
        epochs = (settings.epochs or EPOCHS) if first is None else first.best_epoch
        training = _Training(ratings, learned, asked, levels, settings, progress)
        training.run(epochs)
        return training

    model = train_mean_model(ratings, held_out, levels, settings, progress, fit, measured)
    assert isinstance(model, AutoencoderModel)
    return model


class _Training(MeanFit):
    """The epochs of a training, and the best of its parameters."""

    def __init__(
        self,
        ratings: LevelledRatings,
        learned: np.ndarray,
        asked: np.ndarray,
        levels: Levels,
        settings: AutoencoderSettings,
        progress: Progress,
    ) -> None:
        self.settings, self.progress = settings, progress
        self.best_epoch, self.reports = 0, []
        self._scale = float(levels.values[0]), float(levels.values[-1])
        row, column = ratings.axes(settings.rows)
        codes = ratings.codes
        shape = (len(codes.users), len(codes.items))
        shape = shape if settings.rows == "user" else shape[::-1]
        self.rows = CompressedRows.build(row[learned], column[learned], ratings.level[learned], shape)
        centring, mean = _centring(self.rows, levels)
        weights = starting_weights(shape[1], settings.sizes, settings.seed)
        self._best = Autoencoder(settings.sizes, weights, mean, centring)
        self.variance = float(np.var(levels.values[self.rows.level], dtype=np.float64))
        self._pairs = row[asked], column[asked]
        self._truth = ratings.rating[asked].astype(np.float64)
        self._said: np.ndarray | None = None

    def run(self, epochs: int) -> None:
        """Do so many epochs, or fewer if patience ends."""
        settings, network = self.settings, self._best
        order = np.random.default_rng([settings.seed, 1])
        weights = network.weights.copy()
        learner = _Learner(self.rows, weights, network, settings, order)
        average: Average[Weights] = Average(settings.average)
        best_rmse, began = np.inf, time.perf_counter()
        for epoch in range(epochs):
            started = time.perf_counter()
            loss = learner.learn(epoch, self.progress)
            if not (np.isfinite(loss) and weights.is_finite()):
                raise DivergenceError(
                    f"training left the finite numbers in epoch {epoch + 1}: no model is written",
                    hint=f"choose a --network-rate below {settings.network_rate:g}",
                )
            mean = average.add(weights)
            said = self._ask(mean) if len(self._truth) else None
            rmse = None if said is None else float(np.sqrt(np.mean((said - self._truth) ** 2)))
            is_best = rmse is None or rmse < best_rmse - _LEAST_GAIN
            now = time.perf_counter()
            speed = self.rows.n_ratings / max(now - started, 1e-9)
            left = (now - began) / (epoch + 1) * (epochs - epoch - 1)
            self.progress.epoch(EpochReport(epoch + 1, epochs, loss, rmse, None, is_best, speed, left))
            self.reports.append({"epoch": epoch + 1, "loss": loss, "valid_rmse": rmse, "valid_nll": None})
            if is_best:
                best_rmse, self.best_epoch = rmse if rmse is not None else np.inf, epoch + 1
                self._said, self.variance = said, 2 * loss
                if rmse is not None or epoch + 1 == epochs:
                    self._best = _with(network, mean.copy())
            elif epoch + 1 - self.best_epoch >= settings.patience:
                break

    def _ask(self, weights: Weights) -> np.ndarray:
        """Return what is expected of the validation ratings, on the scale."""
        network = _with(self._best, weights)
        own = np.full(len(self._truth), NOT_OWN, np.uint8)
        said = network.said(network.sums_of(self.rows), *self._pairs, own)
        return np.clip(said, *self._scale)

    @property
    def deviation(self) -> float:
        """Standard deviation of ratings that were hidden from the input."""
        return float(np.sqrt(self.variance))

    def expected(self) -> tuple[np.ndarray, np.ndarray]:
        """Return what the best epoch has said of the validation ratings, and its variance."""
        assert self._said is not None
        of_rows = np.diff(self.rows.start)[self._pairs[0]]
        of_columns = np.bincount(self.rows.column, minlength=self.rows.columns)[self._pairs[1]]
        penalty = float(self._best.centring.penalty)
        return self._said, unsure(self.variance, penalty, of_rows, of_columns)

    def model(self, known_items: np.ndarray, **common: Any) -> AutoencoderModel:
        """Return the model."""
        by_user, network = self.settings.rows == "user", self._best
        known_columns = np.unique(self.rows.column)
        sums = None
        if not by_user:
            whole = network.sums_of(self.rows)
            # As it is stored.
            sums = RowSums(
                whole.inputs[known_items],
                whole.given[known_items],
                whole.total[known_items].astype(np.float32).astype(np.float64),
                whole.rated[known_items],
            )
        of_columns = {
            name: getattr(network.weights, name)[known_columns]
            for name in ("given", "rated", "output", "bias")
        }
        centring = network.centring._replace(effect=network.centring.effect[known_columns])
        network = Autoencoder(network.sizes, network.weights._replace(**of_columns), network.mean, centring)
        return AutoencoderModel(network=network, sums=sums, variance=self.variance, **common)


class _Learner:
    """Parameters with what Adam remembers, and the mini-batches that they are learned from."""

    def __init__(
        self,
        rows: CompressedRows,
        weights: Weights,
        network: Autoencoder,
        settings: AutoencoderSettings,
        order: np.random.Generator,
    ) -> None:
        self.weights, self.network, self.settings, self.order = weights, network, settings, order
        self.mean, self.square = (Weights(*(np.zeros_like(array) for array in weights)) for _ in range(2))
        self.times = np.zeros(rows.columns + 1, np.int64)
        self.batches = plan_batches(rows, settings.batch_size or BATCH_ROWS, order)
        penalty = PENALTY if settings.penalty is None else settings.penalty
        self.decay = spread_penalty(penalty, self.batches, rows.columns)
        self.work = Workspace.sized(*self.batches.largest, weights)

    def learn(self, epoch: int, progress: Progress) -> float:
        """Do an epoch, and return the mean loss of the ratings that were hidden."""
        settings = self.settings
        course = Course(
            np.float32(1 - settings.input_dropout),
            np.float32(settings.dropout),
            np.float32(settings.rate_in(epoch)),
            self.decay,
        )
        key = derived(np.uint64(settings.seed), epoch)
        total, count = 0.0, 0
        places = self.order.permutation(len(self.batches))
        with progress.step(f"epoch {epoch + 1}", len(places), is_brief=True) as step:
            for place in places:
                loss, hidden = learn_batch(
                    self.batches[place],
                    self.weights,
                    self.mean,
                    self.square,
                    self.times,
                    self.network.layers,
                    self.network.centring,
                    course,
                    self.work,
                    derived(key, place),
                )
                total, count = total + loss, count + hidden
                step.advance(1)
        return total / max(count, 1)


def starting_weights(columns: int, sizes: tuple[int, ...], seed: int) -> Weights:
    """Return small random weights of a network over N columns."""
    generator, weights = np.random.default_rng([seed, 0]), Weights.zeros(columns, sizes)
    weights.given[:, : sizes[0]] = generator.normal(0, _SPREAD, (columns, sizes[0]))
    weights.output[:, : sizes[-1]] = generator.normal(0, _SPREAD, (columns, sizes[-1]))
    for layer, (below, above) in enumerate(pairwise(sizes)):
        spread = _DENSE_SPREAD / np.sqrt(below)
        weights.dense[layer, :below, :above] = generator.normal(0, spread, (below, above))
    return weights


def _centring(rows: CompressedRows, levels: Levels) -> tuple[Centring, float]:
    """Return what ratings are taken less of, and their mean: user and item effects by ridge regression."""
    value = levels.values[rows.level].astype(np.float64)
    history = History(rows.row_of_each(), rows.column, value, len(rows), rows.columns)
    penalties = choose_lambdas(history)
    fitted = fit_user_item_bias(history, *penalties)
    return (
        Centring(
            (levels.values - fitted.mean).astype(np.float32),
            fitted.item_bias.astype(np.float32),
            np.float32(penalties[0]),
        ),
        fitted.mean,
    )


def _with(network: Autoencoder, weights: Weights) -> Autoencoder:
    return Autoencoder(network.sizes, weights, network.mean, network.centring)

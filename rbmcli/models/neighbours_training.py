"""From ratings to a base and the neighbours of items on its residuals, with a probability of each level."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from rbmcli.config.neighbours import NeighboursSettings
from rbmcli.data.ids import IdIndex
from rbmcli.data.levels import Levels
from rbmcli.kernels.neighbours import find_neighbours
from rbmcli.kernels.scoring import NOT_OWN
from rbmcli.models.histories import Histories
from rbmcli.models.levelled import LevelledRatings
from rbmcli.models.mean_training import MeanFit, train_mean_model
from rbmcli.models.metrics import nll, rmse
from rbmcli.models.neighbourhood import Neighbourhood, Residuals, residuals_of, starts_of
from rbmcli.models.neighbours import NeighboursModel, spread_of
from rbmcli.models.predictor import Answers, Predictor
from rbmcli.models.rating_model import RatingModel
from rbmcli.progress import EpochReport, PartProgress, Progress

Train = Callable[..., RatingModel]
"""`rbmcli.models.trainings.train_model`."""

Predict = Callable[[RatingModel, Histories], Predictor]
"""`rbmcli.models.kinds.predictor_of`."""

POWERS = (1.0, 1.5)
PULLS = (0.1, 0.3, 1.0, 3.0, 10.0)
"""Powers of similarities that weights can be, and pulls; the validation ratings choose among them."""

_UNCHOSEN = (1.0, 1.0, 1.0)
"""Power, pull and gain without validation ratings."""

_PIECES = 16
_PAIRS_AT_ONCE = 2e8


def train_neighbours(
    ratings: LevelledRatings,
    held_out: np.ndarray,
    levels: Levels,
    settings: NeighboursSettings,
    progress: Progress,
    train: Train,
    predictor_of: Predict,
    measured: Callable[[RatingModel], None] | None = None,
) -> NeighboursModel:
    """Train a base and find neighbours on its residuals; see `train_mean_model`.

    Parameters
    ----------
    ratings, held_out, levels, settings, progress, measured
        As of `train_mean_model`.
    train, predictor_of : callable
        What trains and asks a model of any kind.
    """
    bases: list[RatingModel] = []
    told = PartProgress(progress, settings.base)
    last = train(ratings, held_out, levels, settings.of_base(), told, measured=bases.append)
    of_base: dict[str, Any] = {}

    def fit(learned: np.ndarray, asked: np.ndarray, first: MeanFit | None) -> MeanFit:
        base = last if first is not None else bases[0]
        fitted = _NeighboursFit(ratings, learned, asked, levels, settings, base, predictor_of, progress)
        if first is None:
            of_base.update(fitted.figures_of_base)
        else:
            assert isinstance(first, _NeighboursFit)
            fitted.chosen = first.chosen
        return fitted

    model = train_mean_model(ratings, held_out, levels, settings, progress, fit, measured)
    assert isinstance(model, NeighboursModel)
    model.record["of_members"] = [{"member": settings.base, **of_base}]
    return model


class _NeighboursFit(MeanFit):
    """Neighbours on the residuals of a base that was trained on some of the ratings."""

    def __init__(
        self,
        ratings: LevelledRatings,
        learned: np.ndarray,
        asked: np.ndarray,
        levels: Levels,
        settings: NeighboursSettings,
        base: RatingModel,
        predictor_of: Predict,
        progress: Progress,
    ) -> None:
        codes, self._levels, self._base = ratings.codes, levels, base
        predictor = predictor_of(base, _histories(ratings, learned, base))
        with progress.step("asking the base", is_brief=True):
            places = codes.items.lookup(base.item_ids.values)
            self._known = residuals_of(predictor, places)
        self._neighbour, self._similarity = _neighbours(self._known, len(codes.items), settings, progress)
        self._loss = float(np.mean(self._known.value**2))
        self._pairs = codes.user_codes[asked], codes.item_codes[asked]
        self.chosen, self.best_epoch = _UNCHOSEN, 1
        self.figures_of_base: dict[str, Any] = {"valid_rmse": None, "valid_nll": None}
        if len(asked):
            there = base.item_ids.lookup(codes.items.values)[self._pairs[1]]
            self._said = predictor.answers(self._pairs[0], there, np.full(len(asked), NOT_OWN, np.uint8))
            rating = ratings.rating[asked].astype(np.float64)
            self.figures_of_base = _figures(self._said, ratings.level[asked], rating)
            self.chosen = self._best(rating - self._said.prediction)
            progress.info(
                f"the base alone: RMSE {self.figures_of_base['valid_rmse']:.4f}, "
                f"NLL {self.figures_of_base['valid_nll']:.4f}"
            )
        self.reports = [{"epoch": 1, "loss": self._loss, "valid_rmse": None, "valid_nll": None}]
        progress.epoch(EpochReport(1, 1, self._loss, None, None, True, 0.0, 0.0))

    def _best(self, error: np.ndarray) -> tuple[float, float, float]:
        """Return the power, the pull and the gain by which neighbours explain most of what is left."""
        best, least = _UNCHOSEN, np.inf
        for power in POWERS:
            sums = self._weighted(power, 1.0, 1.0).sums(self._known, *self._pairs)
            for pull in PULLS:
                added = self._weighted(power, pull, 1.0).added(*sums)
                square = float(np.sum(added**2))
                gain = max(float(np.sum(added * error)) / square, 0.0) if square > 0 else 0.0
                loss = float(np.sum((error - gain * added) ** 2))
                if loss < least:
                    best, least = (power, pull, gain), loss
        return best

    def _weighted(self, power: float, pull: float, gain: float) -> Neighbourhood:
        return Neighbourhood(self._neighbour, self._similarity ** np.float32(power), gain, pull)

    @property
    def deviation(self) -> float:
        """Standard deviation of ratings about what the base says."""
        return float(np.sqrt(self._loss))

    def expected(self) -> tuple[np.ndarray, np.ndarray]:
        """Return what is made of the validation ratings, on the scale, and the variance that the base has."""
        near, values = self._weighted(*self.chosen), self._levels.values
        added = near.added(*near.sums(self._known, *self._pairs))
        mean = np.clip(self._said.prediction + added, values[0], values[-1])
        return mean, spread_of(self._said, values)

    def model(self, known_items: np.ndarray, **common: Any) -> NeighboursModel:
        """Return the model."""
        near = self._weighted(*self.chosen)
        neighbour, weight = near.neighbour[known_items], near.weight[known_items]
        neighbour = np.where(neighbour < 0, -1, np.searchsorted(known_items, neighbour)).astype(np.int32)
        # No more columns than an item has neighbours.
        width = max(int(np.count_nonzero(neighbour >= 0, axis=1).max(initial=0)), 1)
        near = dataclasses.replace(
            near,
            neighbour=np.ascontiguousarray(neighbour[:, :width]),
            weight=np.ascontiguousarray(weight[:, :width]),
        )
        return NeighboursModel(neighbourhood=near, members=(self._base,), **common)


def _histories(ratings: LevelledRatings, learned: np.ndarray, base: RatingModel) -> Histories:
    """Return the ratings that are learned from, in the terms of the base."""
    codes = ratings.codes

    def ids(index: IdIndex, code: np.ndarray) -> pa.ChunkedArray:
        return pa.chunked_array([index.values.take(pa.array(code[learned]))])

    return Histories.build(
        base,
        codes.users,
        ids(codes.users, codes.user_codes),
        ids(codes.items, codes.item_codes),
        ratings.level[learned],
    )


def _figures(said: Answers, level: np.ndarray, rating: np.ndarray) -> dict[str, Any]:
    """Return RMSE and NLL as a record names them."""
    return {"valid_rmse": rmse(said.prediction, rating), "valid_nll": nll(said.probability, level)}


def _neighbours(
    known: Residuals, items: int, settings: NeighboursSettings, progress: Progress
) -> tuple[np.ndarray, np.ndarray]:
    """Return the neighbours of items, and their similarities; see `find_neighbours`."""
    user = np.repeat(np.arange(len(known.start) - 1, dtype=np.int32), np.diff(known.start))
    order = np.argsort(known.item, kind="stable")
    by_item = starts_of(known.item, items), user[order], known.value[order]
    # Pairs of ratings that each item takes.
    work = np.bincount(known.item, weights=np.diff(known.start)[user], minlength=items)
    most = max(min(settings.neighbours, items - 1), 1)
    neighbour = np.full((items, most), -1, np.int32)
    similarity = np.zeros((items, most), np.float32)
    with progress.step("finding neighbours", items, is_brief=True) as step:
        for bound in _runs(work):
            find_neighbours(
                by_item, tuple(known), bound, settings.similarity_shrinkage, neighbour, similarity
            )
            step.advance(int(bound[-1] - bound[0]))
    return neighbour, similarity


def _runs(work: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the bounds of pieces of about equal work, for runs of items that take a few seconds at most."""
    total = np.append(0.0, np.cumsum(work + 1))
    runs = int(np.ceil(total[-1] / _PAIRS_AT_ONCE))
    cuts = np.searchsorted(total, np.linspace(0, total[-1], runs * _PIECES + 1))
    cuts[-1] = len(work)
    for run in range(runs):
        yield cuts[run * _PIECES : (run + 1) * _PIECES + 1].astype(np.int64)

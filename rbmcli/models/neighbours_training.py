"""From ratings to a base and the neighbours of items on its residuals, with a probability of each level."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from rbmcli.config.neighbours import NeighboursSettings
from rbmcli.data.levels import Levels
from rbmcli.kernels.neighbours import find_neighbours
from rbmcli.kernels.scoring import NOT_OWN
from rbmcli.models.histories import Histories
from rbmcli.models.levelled import LevelledRatings
from rbmcli.models.mean_training import common_parts
from rbmcli.models.metrics import nll, rmse
from rbmcli.models.neighbourhood import Neighbourhood, Residuals, residuals_of, starts_of
from rbmcli.models.neighbours import NeighboursModel, corrected, sharpened
from rbmcli.models.predictor import Predictor
from rbmcli.models.rating_model import RatingModel
from rbmcli.progress import PartProgress, Progress

Train = Callable[..., RatingModel]
"""`rbmcli.models.trainings.train_model`."""

Predict = Callable[[RatingModel, Histories], Predictor]
"""`rbmcli.models.kinds.predictor_of`."""

POWERS = (1.0, 1.5)
PULLS = (0.1, 0.3, 1.0, 3.0, 10.0)
"""Powers of similarities that weights can be, and pulls; the validation ratings choose among them."""

SHARPNESSES = (0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.5)
"""What level probabilities can be sharpened by; the likelihood of the validation ratings chooses."""

_NO_FIGURES: dict[str, Any] = {"valid_rmse": None, "valid_nll": None}


class _Chosen(NamedTuple):
    """How neighbours count, and as it stands here without validation ratings."""

    power: float = 1.0
    pull: float = 1.0
    gain: float = 1.0
    sharpness: float = 1.0


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
    """Train a base and find neighbours on its residuals.

    Parameters
    ----------
    ratings, held_out, levels, settings, progress, measured
        As of `rbmcli.models.trainings.train_model`.
    train, predictor_of : callable
        What trains and asks a model of any kind.
    """
    # In the order of the ids, so that that of the rows makes no difference to sums.
    order = ratings.codes.order()
    kept, asked = order[~held_out[order]], order[held_out[order]]
    bases: list[RatingModel] = []
    told = PartProgress(progress, settings.base)
    last = train(ratings, held_out, levels, settings.of_base(), told, measured=bases.append)
    fitted = _Fit(ratings, kept, levels, settings, bases[0], predictor_of, progress)
    of_base, figures = fitted.choose(ratings, asked) if len(asked) else (_NO_FIGURES, _NO_FIGURES)
    if len(asked):
        progress.info(
            f"on the validation ratings: RMSE {figures['valid_rmse']:.4f}, NLL {figures['valid_nll']:.4f}; "
            f"the base alone {of_base['valid_rmse']:.4f}, {of_base['valid_nll']:.4f}"
        )
    record = {
        "best_epoch": 1,
        "best_epochs": [1],
        "epochs": [{"epoch": 1, "loss": fitted.loss, **figures}],
        "n_ratings": len(ratings.level),
        "of_members": [{"member": settings.base, **of_base}],
    }

    def assembled() -> NeighboursModel:
        """Return the model as it stands."""
        parts = common_parts(ratings, kept, levels)
        known_items = np.unique(ratings.codes.item_codes[kept])
        return NeighboursModel(
            settings=settings,
            neighbourhood=fitted.of_known(known_items),
            members=(fitted.base,),
            record=dict(record),
            **parts,
        )

    if measured is not None:
        measured(assembled())
    if settings.refit and len(asked):
        progress.info("finding neighbours again in all ratings")
        chosen, kept = fitted.chosen, order
        fitted = _Fit(ratings, kept, levels, settings, last, predictor_of, progress)
        fitted.chosen = chosen
    return assembled()


class _Fit:
    """Neighbours on the residuals of a base that was trained on some of the ratings.

    Attributes
    ----------
    base : RatingModel
        The base.
    chosen : _Chosen
        How neighbours count.
    loss : float
        Mean square of the residuals.
    """

    def __init__(
        self,
        ratings: LevelledRatings,
        learned: np.ndarray,
        levels: Levels,
        settings: NeighboursSettings,
        base: RatingModel,
        predictor_of: Predict,
        progress: Progress,
    ) -> None:
        items = ratings.codes.items
        self.base, self.chosen, self._levels = base, _Chosen(), levels
        self._predictor = predictor_of(base, _histories(ratings, learned, base))
        with progress.step("asking the base", is_brief=True):
            self._known = residuals_of(self._predictor, items.lookup(base.item_ids.values))
        self._neighbour, self._similarity = _neighbours(self._known, len(items), settings, progress)
        self.loss = float(np.mean(self._known.value**2))

    def choose(self, ratings: LevelledRatings, asked: np.ndarray) -> tuple[dict[str, Any], dict[str, Any]]:
        """Choose how neighbours count by ratings not learned from; return figures without them, and with."""
        codes, level = ratings.codes, ratings.level[asked]
        rating, values = ratings.rating[asked].astype(np.float64), self._levels.values
        pairs = codes.user_codes[asked], codes.item_codes[asked]
        there = self.base.item_ids.lookup(codes.items.values)[pairs[1]]
        said = self._predictor.answers(pairs[0], there, np.full(len(asked), NOT_OWN, np.uint8))
        self.chosen = self._best(pairs, rating - said.prediction)
        found = []
        near = self._weighted(self.chosen)
        total, support = near.sums(self._known, *pairs)
        mean = corrected(said, near, total, support, values)
        for sharpness in SHARPNESSES:
            probability = sharpened(said, mean, support, values, sharpness)
            found.append((nll(probability, level), self.chosen._replace(sharpness=sharpness)))
        least, self.chosen = min(found, key=lambda each: each[0])
        alone = {"valid_rmse": rmse(said.prediction, rating), "valid_nll": nll(said.probability, level)}
        return alone, {"valid_rmse": rmse(mean, rating), "valid_nll": least}

    def _best(self, pairs: tuple[np.ndarray, np.ndarray], error: np.ndarray) -> _Chosen:
        """Return the power, the pull and the gain by which neighbours explain most of what is left."""
        best, least = _Chosen(), np.inf
        for power in POWERS:
            sums = self._weighted(_Chosen(power)).sums(self._known, *pairs)
            for pull in PULLS:
                added = self._weighted(_Chosen(power, pull)).added(*sums)
                square = float(np.sum(added**2))
                gain = max(float(np.sum(added * error)) / square, 0.0) if square > 0 else 0.0
                loss = float(np.sum((error - gain * added) ** 2))
                if loss < least:
                    best, least = _Chosen(power, pull, gain), loss
        return best

    def _weighted(self, chosen: _Chosen) -> Neighbourhood:
        weight = self._similarity ** np.float32(chosen.power)
        return Neighbourhood(self._neighbour, weight, chosen.gain, chosen.pull, chosen.sharpness)

    def of_known(self, known_items: np.ndarray) -> Neighbourhood:
        """Return the neighbours of the items that have any of the ratings, as sorted indices."""
        near = self._weighted(self.chosen)
        neighbour, weight = near.neighbour[known_items], near.weight[known_items]
        neighbour = np.where(neighbour < 0, -1, np.searchsorted(known_items, neighbour)).astype(np.int32)
        # No more columns than an item has neighbours.
        width = max(int(np.count_nonzero(neighbour >= 0, axis=1).max(initial=0)), 1)
        return dataclasses.replace(
            near,
            neighbour=np.ascontiguousarray(neighbour[:, :width]),
            weight=np.ascontiguousarray(weight[:, :width]),
        )


def _histories(ratings: LevelledRatings, learned: np.ndarray, base: RatingModel) -> Histories:
    """Return the ratings that are learned from, in the terms of the base."""
    codes = ratings.codes
    return Histories.build(
        base,
        codes.users,
        codes.users.column(codes.user_codes[learned]),
        codes.items.column(codes.item_codes[learned]),
        ratings.level[learned],
    )


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

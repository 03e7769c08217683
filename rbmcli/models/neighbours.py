"""Neighbours of items on the residuals of a base, which is a model of its own; see `neighbourhood`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rbmcli.kernels.scoring import NOT_OWN
from rbmcli.models.folding_model import FoldingModel
from rbmcli.models.histories import Histories
from rbmcli.models.neighbourhood import Neighbourhood, residuals_of
from rbmcli.models.predictor import Answers, Predictor
from rbmcli.models.rating_model import RatingModel
from rbmcli.models.tilting import tilted

_RATINGS_AT_ONCE = 1 << 20


@dataclass(frozen=True, kw_only=True)
class NeighboursModel(FoldingModel):
    """Neighbours with all that a model of ratings has; the base is its only member.

    Attributes
    ----------
    neighbourhood : Neighbourhood
        The neighbours.
    """

    neighbourhood: Neighbourhood

    @property
    def kind(self) -> str:
        """Name of its kind."""
        return "neighbours"

    @property
    def base(self) -> RatingModel:
        """The model whose residuals are explained."""
        return self.members[0]


class NeighboursPredictor(Predictor):
    """Neighbours together with the ratings of the users who are asked for.

    Parameters
    ----------
    model : NeighboursModel
        The neighbours.
    histories : Histories
        The users and their ratings.
    base : Predictor
        The base, with the same ratings.
    """

    def __init__(self, model: NeighboursModel, histories: Histories, base: Predictor) -> None:
        self.model: NeighboursModel = model
        self.histories = histories
        self._base = base
        # The index of an item there and here; a last entry is what the index -1 finds.
        self._there = np.append(base.model.item_ids.lookup(model.item_ids.values), np.int32(-1))
        self._here = model.item_ids.lookup(base.model.item_ids.values)
        self._residuals = residuals_of(base, self._here)

    def on(self, histories: Histories) -> NeighboursPredictor:
        """Return the same for other histories."""
        return NeighboursPredictor(self.model, histories, self._base.on(histories.of(self.model.base)))

    def answers(
        self, user: np.ndarray, item: np.ndarray, own: np.ndarray, day: np.ndarray | None = None
    ) -> Answers:
        """Return what the model says of pairs; see `Predictor`."""
        model, values = self.model, self.model.levels.values
        said = self._base.answers(user, self._there[item], own)
        total, support = model.neighbourhood.sums(self._residuals, user, item)
        # No item is a neighbour of its own, but residuals of the others may hold what is to be left out.
        holds_own = (own != NOT_OWN) & (item >= 0)
        if model.base.rows == "item":
            holds_own &= ~self._base.histories.as_trained[user]
        for at in self._parts(np.flatnonzero(holds_own), user):
            cases = self.histories.without(user[at], item[at])
            left = residuals_of(self._base.on(cases.of(model.base)), self._here)
            total[at], support[at] = model.neighbourhood.sums(left, np.arange(len(at)), item[at])
        mean = corrected(said, model.neighbourhood, total, support, values)

        def probability() -> np.ndarray:
            """Return level probabilities, float32 (n, K)."""
            return model.calibrated(sharpened(said, mean, support, values, near.sharpness), said.source)

        near = model.neighbourhood
        return Answers(probability, mean, said.source)

    def _parts(self, pairs: np.ndarray, user: np.ndarray) -> Iterator[np.ndarray]:
        """Yield pairs a part at a time, so that those of a part have few ratings beside them."""
        beside = np.cumsum(np.diff(self.histories.rated.start)[user[pairs]])
        cuts = np.flatnonzero(np.diff(beside // _RATINGS_AT_ONCE)) + 1
        yield from (part for part in np.split(pairs, cuts) if len(part))


def corrected(
    said: Answers, near: Neighbourhood, total: np.ndarray, support: np.ndarray, values: np.ndarray
) -> np.ndarray:
    """Return what neighbours make of the expected ratings of a base, float64 (n,).

    Where a user has rated no neighbour, they stay as they are.

    Parameters
    ----------
    said : Answers
        What the base says of n pairs.
    near : Neighbourhood
        How neighbours count.
    total, support : ndarray of float64, shape (n,)
        Their sums, from `Neighbourhood.sums`.
    values : ndarray of float, shape (K,)
        The rating that each level stands for.
    """
    return np.asarray(np.clip(said.prediction + near.added(total, support), values[0], values[-1]))


def sharpened(
    said: Answers, mean: np.ndarray, support: np.ndarray, values: np.ndarray, sharpness: float
) -> np.ndarray:
    """Return level probabilities, float32 (n, K), that neighbours make of those of a base: see `corrected`.

    Parameters
    ----------
    mean : ndarray of float64, shape (n,)
        What they make of expected ratings.
    sharpness : float
        That of the neighbourhood.
    """
    probability, at = said.probability.copy(), np.flatnonzero(support > 0)
    probability[at] = tilted(said.probability[at], mean[at], values, sharpness)
    return probability

"""What models have in common when they are asked: sources of predictions, and what an answer holds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np

from rbmcli.kernels.scoring import NOT_OWN
from rbmcli.models.sums import weighted

if TYPE_CHECKING:
    from rbmcli.models.histories import Histories
    from rbmcli.models.rating_model import RatingModel


class Source(IntEnum):
    """Where a prediction comes from."""

    MODEL = 0
    FOLDED_IN = 1
    VISIBLE_PRIOR = 2
    ROW_PRIOR = 3
    GLOBAL_PRIOR = 4


SOURCE_NAMES = tuple(source.name.lower() for source in Source)


@dataclass(frozen=True)
class Answers:
    """What a model says of pairs, never null.

    Attributes
    ----------
    told : ndarray of float32, shape (pairs, K), or callable
        Level probabilities, or what works them out: with many pairs that takes longer than all else, and who
        ranks by expected ratings does not ask for them.
    prediction : ndarray of float64, shape (pairs,)
        Expected ratings, on the scale.
    source : ndarray of uint8, shape (pairs,)
        A `Source` each.
    """

    told: np.ndarray | Callable[[], np.ndarray]
    prediction: np.ndarray
    source: np.ndarray

    @cached_property
    def probability(self) -> np.ndarray:
        """Level probabilities, float32 (pairs, K)."""
        return self.told() if callable(self.told) else self.told

    @classmethod
    def empty(cls, pairs: int, levels: int) -> Answers:
        """Return room for the answers to so many pairs."""
        return cls(np.empty((pairs, levels), np.float32), np.empty(pairs), np.empty(pairs, np.uint8))

    def put(self, places: np.ndarray, others: Answers) -> None:
        """Write other answers at some places."""
        self.probability[places], self.prediction[places] = others.probability, others.prediction
        self.source[places] = others.source

    @classmethod
    def expected(cls, probability: np.ndarray, source: np.ndarray, values: np.ndarray) -> Answers:
        """Return answers whose predictions are the expectations of their probabilities over level values."""
        prediction = weighted(probability, values)
        # Rounding must not carry a prediction off the scale.
        return cls(probability, np.clip(prediction, values[0], values[-1]), source)


class Predictor(ABC):
    """A model together with the ratings of the users who are asked for.

    Attributes
    ----------
    model : RatingModel
        The model.
    histories : Histories
        The users and their ratings.
    """

    model: RatingModel
    histories: Histories

    @abstractmethod
    def answers(
        self, user: np.ndarray, item: np.ndarray, own: np.ndarray, day: np.ndarray | None = None
    ) -> Answers:
        """Return what the model says of pairs.

        Parameters
        ----------
        user : ndarray of int32, shape (pairs,)
            Position of each user in the histories.
        item : ndarray of int32, shape (pairs,)
            The model's index of each item; -1 for an item that it does not know.
        own : ndarray of uint8, shape (pairs,)
            Level of the pair in the user's history, which is then left out of it; `NOT_OWN` elsewhere.
        day : ndarray of int64, shape (pairs,), optional
            Day of each pair, for a model with a day bias and histories with days.
        """

    is_dense = False
    """Whether `ratings_of` takes no memory for pairs beside that of the ratings."""

    def ratings_of(self, user: np.ndarray, item: np.ndarray) -> np.ndarray:
        """Return the expected ratings of every one of some items by every one of some users.

        Parameters
        ----------
        user : ndarray of int32, shape (U,)
            Positions in the histories.
        item : ndarray of int32, shape (M,)
            The model's indices.

        Returns
        -------
        ndarray of float32, shape (U, M)
            Just what `answers` predicts of pairs that are not left out of a history.
        """
        users, items = np.repeat(user, len(item)), np.tile(item, len(user))
        said = self.answers(users, items, np.full(len(users), NOT_OWN, np.uint8))
        return said.prediction.astype(np.float32).reshape(len(user), len(item))

    @abstractmethod
    def on(self, histories: Histories) -> Self:
        """Return the same for other histories."""

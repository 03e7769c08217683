"""What every kind of model tells of itself, whatever it is made of."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from rbmcli.config.base import Settings
from rbmcli.data.ids import IdIndex
from rbmcli.data.levels import Levels
from rbmcli.models.calibration import Calibration


class RatingModel(Protocol):
    """A trained model of ratings.

    Attributes
    ----------
    kind : str
        Name of its kind, as in `train --model`.
    settings : Settings
        How it was trained.
    levels : Levels
        The K levels of its scale.
    user_ids, item_ids : IdIndex
        The users and items that it knows.
    user_ratings, item_ratings : ndarray of int64, shapes (users,) and (items,)
        Training ratings of each user, and of each item.
    item_prior : ndarray of float32, shape (items, K)
        Base rates of each item.
    global_prior : ndarray of float32, shape (K,)
        Base rates of all training ratings.
    user_hash : ndarray of uint64, shape (users,)
        A hash of each user's training ratings, to tell whether a history is the one trained on.
    record : dict
        JSON-ready facts of the training.
    calibration : Calibration or None
        What its probabilities are set right by.
    rows : {"user", "item"}
        Whose ratings make one training case.
    members : tuple of RatingModel
        Models that it is made of, each with all that is its own.
    takes_days, takes_also_rated : bool
        Whether it makes use of the days of ratings, and of pairs whose rating is unknown.
    """

    @property
    def kind(self) -> str:
        """Name of its kind."""
        ...

    @property
    def settings(self) -> Settings:
        """How it was trained."""
        ...

    @property
    def levels(self) -> Levels:
        """The levels of its scale."""
        ...

    @property
    def user_ids(self) -> IdIndex:
        """The users that it knows."""
        ...

    @property
    def item_ids(self) -> IdIndex:
        """The items that it knows."""
        ...

    @property
    def user_ratings(self) -> np.ndarray:
        """Training ratings of each user."""
        ...

    @property
    def item_ratings(self) -> np.ndarray:
        """Training ratings of each item."""
        ...

    @property
    def item_prior(self) -> np.ndarray:
        """Base rates of each item."""
        ...

    @property
    def global_prior(self) -> np.ndarray:
        """Base rates of all training ratings."""
        ...

    @property
    def user_hash(self) -> np.ndarray:
        """A hash of each user's training ratings."""
        ...

    @property
    def record(self) -> dict[str, Any]:
        """Facts of the training."""
        ...

    @property
    def calibration(self) -> Calibration | None:
        """What its probabilities are set right by."""
        ...

    @property
    def rows(self) -> str:
        """Whose ratings make one training case."""
        ...

    @property
    def members(self) -> tuple[RatingModel, ...]:
        """Models that it is made of."""
        ...

    @property
    def takes_days(self) -> bool:
        """Whether it makes use of the days of ratings."""
        ...

    @property
    def takes_also_rated(self) -> bool:
        """Whether it makes use of pairs whose rating is unknown."""
        ...

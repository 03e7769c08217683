"""What models have in common that fold users in from their histories."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from rbmcli.config.base import Settings
from rbmcli.data.ids import IdIndex
from rbmcli.data.levels import Levels
from rbmcli.models.calibration import Calibration, apply
from rbmcli.models.histories import Histories
from rbmcli.models.predictor import Source
from rbmcli.models.rating_model import RatingModel


@dataclass(frozen=True, kw_only=True)
class FoldingModel(ABC):
    """A model whose users are folded in from their histories.

    Attributes
    ----------
    settings : Settings
        How it was fitted.
    levels : Levels
        The K levels of its scale.
    user_ids, item_ids : IdIndex
        The U users and M items of the training ratings.
    user_ratings, item_ratings : ndarray of int64, shapes (U,) and (M,)
        Training ratings of each.
    item_prior : ndarray of float32, shape (M, K)
        Base rates of each item.
    global_prior : ndarray of float32, shape (K,)
        Base rates of all training ratings.
    user_hash : ndarray of uint64, shape (U,)
        A hash of each training user's ratings.
    record : dict
        JSON-ready facts of the training.
    calibration : Calibration or None
        What its probabilities are set right by.
    members : tuple of RatingModel
        Models that it is made of, each with all that is its own.
    """

    settings: Settings
    levels: Levels
    user_ids: IdIndex
    item_ids: IdIndex
    user_ratings: np.ndarray
    item_ratings: np.ndarray
    item_prior: np.ndarray
    global_prior: np.ndarray
    user_hash: np.ndarray
    record: dict[str, Any]
    calibration: Calibration | None = None
    members: tuple[RatingModel, ...] = ()

    @property
    @abstractmethod
    def kind(self) -> str:
        """Name of its kind."""

    @property
    def rows(self) -> str:
        """Whose ratings are folded in."""
        return "user"

    @property
    def takes_days(self) -> bool:
        """Whether it makes use of the days of ratings."""
        return False

    @property
    def takes_also_rated(self) -> bool:
        """Whether it makes use of pairs whose rating is unknown."""
        return False

    def calibrated(self, probability: np.ndarray, source: np.ndarray) -> np.ndarray:
        """Return probabilities, float32 (n, K), of which those that are the model's own are set right."""
        if self.calibration is not None:
            # Base rates are left as they are: what sets the model right was fitted on what it says itself.
            own_words = np.flatnonzero(source <= Source.FOLDED_IN)
            probability[own_words] = apply(self.calibration, probability[own_words])
        return probability


def sources_of(histories: Histories, user: np.ndarray, item: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Return where answers come from, uint8 (n,), by how many ratings of known items each user has left."""
    by_user = np.where(histories.as_trained[user], Source.MODEL, Source.FOLDED_IN)
    known_item = np.where(count > 0, by_user, Source.VISIBLE_PRIOR)
    unknown_item = np.where(count > 0, Source.ROW_PRIOR, Source.GLOBAL_PRIOR)
    return np.where(item >= 0, known_item, unknown_item).astype(np.uint8)

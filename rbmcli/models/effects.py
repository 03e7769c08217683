"""The floor of every comparison as a model of its own, b_ui = mu + b_u + b_i, with level probabilities.

Effects are those of ridge regression, as in `rbmcli.models.baselines`. A user's effect follows from the
history that is asked with, b_u = sum_i (r - mu - b_i) / (lambda_u + n_u), so that new users, and users with
new ratings, need no training.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rbmcli.config.effects import BiasSettings
from rbmcli.data.ids import IdIndex
from rbmcli.data.levels import Levels
from rbmcli.kernels.scoring import NOT_OWN
from rbmcli.models.calibration import Calibration, apply
from rbmcli.models.histories import Histories
from rbmcli.models.ordinal_link import OrdinalLink
from rbmcli.models.predictor import Answers, Predictor, Source


@dataclass(frozen=True)
class Effects:
    """User and item effects.

    Attributes
    ----------
    mean : float
        mu.
    item : ndarray of float64, shape (M,)
        b_i.
    item_count : ndarray of int64, shape (M,)
        Ratings that each was fitted to.
    user_penalty, item_penalty : float
        lambda_u and lambda_i, in ratings.
    variance : float
        Mean squared error on the ratings that were fitted.
    """

    mean: float
    item: np.ndarray
    item_count: np.ndarray
    user_penalty: float
    item_penalty: float
    variance: float

    def said(
        self, residual: np.ndarray, count: np.ndarray, item: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the expected ratings of pairs, not clipped, and their variance, both float64 (n,).

        Parameters
        ----------
        residual, count : ndarray, shape (n,)
            Sum of r - mu - b_i over the ratings of each pair's user, and their number.
        item : ndarray of int, shape (n,)
            Index of each item; -1 for one without an effect.
        """
        # A last entry is what the index -1 finds.
        mean = self.mean + residual / (self.user_penalty + count) + np.append(self.item, 0.0)[item]
        weight = 1 / (self.user_penalty + count)
        weight = weight + 1 / (self.item_penalty + np.append(self.item_count, 0)[item])
        return mean, self.variance * weight


@dataclass(frozen=True)
class BiasModel:
    """User and item effects with all that a model of ratings has.

    Attributes
    ----------
    settings : BiasSettings
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
    effects : Effects
        What was fitted.
    link : OrdinalLink
        What makes probabilities of expected ratings.
    record : dict
        JSON-ready facts of the training.
    calibration : Calibration or None
        What its probabilities are set right by.
    """

    settings: BiasSettings
    levels: Levels
    user_ids: IdIndex
    item_ids: IdIndex
    user_ratings: np.ndarray
    item_ratings: np.ndarray
    item_prior: np.ndarray
    global_prior: np.ndarray
    user_hash: np.ndarray
    effects: Effects
    link: OrdinalLink
    record: dict[str, Any]
    calibration: Calibration | None = None

    @property
    def kind(self) -> str:
        """Name of its kind."""
        return "bias"

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


class BiasPredictor(Predictor):
    """User and item effects together with the ratings of the users who are asked for."""

    def __init__(self, model: BiasModel, histories: Histories) -> None:
        self.model: BiasModel = model
        self.histories = histories
        rated = histories.occasions()
        residual = self._residual_of(rated.item, rated.level)
        total = np.bincount(rated.user, weights=residual, minlength=len(histories.users))
        self._residual = total.astype(np.float64)
        self._count = np.bincount(rated.user, minlength=len(histories.users))

    def on(self, histories: Histories) -> BiasPredictor:
        """Return the same for other histories."""
        return BiasPredictor(self.model, histories)

    def answers(
        self, user: np.ndarray, item: np.ndarray, own: np.ndarray, day: np.ndarray | None = None
    ) -> Answers:
        """Return what the model says of pairs; see `Predictor`."""
        model, values = self.model, self.model.levels.values
        residual, count = self._residual[user], self._count[user]
        is_own = (own != NOT_OWN) & (item >= 0)
        residual[is_own] -= self._residual_of(item[is_own], own[is_own])
        count[is_own] -= 1
        mean, variance = model.effects.said(residual, count, item)
        mean = np.clip(mean, values[0], values[-1])
        by_user = np.where(self.histories.as_trained[user], Source.MODEL, Source.FOLDED_IN)
        known_item = np.where(count > 0, by_user, Source.VISIBLE_PRIOR)
        unknown_item = np.where(count > 0, Source.ROW_PRIOR, Source.GLOBAL_PRIOR)
        source = np.where(item >= 0, known_item, unknown_item).astype(np.uint8)
        probability = model.link.probabilities(mean, variance)
        if model.calibration is not None:
            own_words = np.flatnonzero(source <= Source.FOLDED_IN)
            probability[own_words] = apply(model.calibration, probability[own_words])
        return Answers(probability, mean, source)

    def _residual_of(self, item: np.ndarray, level: np.ndarray) -> np.ndarray:
        effects = self.model.effects
        return np.asarray(self.model.levels.values[level], np.float64) - effects.mean - effects.item[item]

"""The floor of every comparison as a model of its own, b_ui = mu + b_u + b_i, with level probabilities.

Effects are those of ridge regression, as in `rbmcli.models.baselines`. A user's effect follows from the
history that is asked with, b_u = sum_i (r - mu - b_i) / (lambda_u + n_u), so that new users, and users with
new ratings, need no training.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rbmcli.kernels.scoring import NOT_OWN
from rbmcli.models.folding_model import sources_of
from rbmcli.models.histories import Histories
from rbmcli.models.mean_model import MeanModel
from rbmcli.models.predictor import Answers, Predictor


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


@dataclass(frozen=True, kw_only=True)
class BiasModel(MeanModel):
    """User and item effects with all that a model of ratings has.

    Attributes
    ----------
    effects : Effects
        What was fitted.
    """

    effects: Effects

    @property
    def kind(self) -> str:
        """Name of its kind."""
        return "bias"


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
        source = sources_of(self.histories, user, item, count)
        return model.answers(mean, variance, source, lambda: self.histories.count_left(user, own), item)

    def _residual_of(self, item: np.ndarray, level: np.ndarray) -> np.ndarray:
        effects = self.model.effects
        return np.asarray(self.model.levels.values[level], np.float64) - effects.mean - effects.item[item]

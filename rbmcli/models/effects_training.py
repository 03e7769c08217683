"""From ratings to user and item effects with a probability of each level."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from rbmcli.config.effects import BiasSettings
from rbmcli.data.levels import Levels
from rbmcli.models.baselines import History, choose_lambdas, fit_user_item_bias
from rbmcli.models.effects import BiasModel, Effects
from rbmcli.models.levelled import LevelledRatings
from rbmcli.models.mean_training import MeanFit, train_mean_model
from rbmcli.models.rating_model import RatingModel
from rbmcli.progress import EpochReport, Progress


def train_bias(
    ratings: LevelledRatings,
    held_out: np.ndarray,
    levels: Levels,
    settings: BiasSettings,
    progress: Progress,
    measured: Callable[[RatingModel], None] | None = None,
) -> BiasModel:
    """Fit user and item effects to ratings, some of which serve as validation; see `train_mean_model`."""

    def fit(learned: np.ndarray, asked: np.ndarray, first: MeanFit | None) -> MeanFit:
        """Fit effects to some ratings, with the penalties that the first fit found best."""
        chosen = settings
        if isinstance(first, _EffectsFit):
            # With the penalties that were chosen: more ratings change them little.
            found = first.effects
            chosen = dataclasses.replace(
                settings, user_penalty=found.user_penalty, item_penalty=found.item_penalty
            )
        with progress.step("fitting user and item effects"):
            fitted = _EffectsFit(ratings, learned, asked, levels, _fitted(ratings, learned, chosen))
        progress.epoch(EpochReport(1, 1, fitted.effects.variance, None, None, True, 0.0, 0.0))
        return fitted

    model = train_mean_model(ratings, held_out, levels, settings, progress, fit, measured)
    assert isinstance(model, BiasModel)
    return model


class _EffectsFit(MeanFit):
    """Effects that are fitted to some of the ratings."""

    def __init__(
        self,
        ratings: LevelledRatings,
        learned: np.ndarray,
        asked: np.ndarray,
        levels: Levels,
        effects: Effects,
    ) -> None:
        self.effects, self.best_epoch = effects, 1
        self.reports = [{"epoch": 1, "loss": effects.variance, "valid_rmse": None, "valid_nll": None}]
        self._ratings, self._learned, self._asked, self._levels = ratings, learned, asked, levels

    @property
    def deviation(self) -> float:
        """Standard deviation of ratings about what they say."""
        return float(np.sqrt(self.effects.variance))

    def expected(self) -> tuple[np.ndarray, np.ndarray]:
        """Return what they make of the validation ratings, on the scale, and its variance."""
        codes, effects, values = self._ratings.codes, self.effects, self._levels.values
        user, item, users = codes.user_codes, codes.item_codes, len(codes.users)
        learned, asked = self._learned, self._asked
        residual = self._ratings.rating[learned] - effects.mean - effects.item[item[learned]]
        total = np.bincount(user[learned], weights=residual, minlength=users)
        count = np.bincount(user[learned], minlength=users)
        known = np.where(effects.item_count[item[asked]] > 0, item[asked], -1)
        mean, variance = effects.said(total[user[asked]], count[user[asked]], known)
        return np.clip(mean, values[0], values[-1]), variance

    def model(self, known_items: np.ndarray, **common: Any) -> BiasModel:
        """Return the model."""
        effects = dataclasses.replace(
            self.effects,
            # As it is stored.
            item=self.effects.item[known_items].astype(np.float32).astype(np.float64),
            item_count=self.effects.item_count[known_items],
        )
        return BiasModel(effects=effects, **common)


def _fitted(ratings: LevelledRatings, chosen: np.ndarray, settings: BiasSettings) -> Effects:
    codes = ratings.codes
    history = History(
        codes.user_codes[chosen],
        codes.item_codes[chosen],
        ratings.rating[chosen].astype(np.float64),
        len(codes.users),
        len(codes.items),
    )
    user_penalty, item_penalty = settings.user_penalty, settings.item_penalty
    if user_penalty is None or item_penalty is None:
        found = choose_lambdas(history)
        user_penalty = found[0] if user_penalty is None else user_penalty
        item_penalty = found[1] if item_penalty is None else item_penalty
    fitted = fit_user_item_bias(history, user_penalty, item_penalty)
    error = history.rating - fitted.predict(history.user, history.item)
    return Effects(
        mean=fitted.mean,
        item=fitted.item_bias,
        item_count=np.bincount(history.item, minlength=history.n_items),
        user_penalty=user_penalty,
        item_penalty=item_penalty,
        variance=float(np.mean(error**2)),
    )

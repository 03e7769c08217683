"""From ratings to user and item effects with a probability of each level."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from rbmcli.config.effects import BiasSettings
from rbmcli.data.levels import Levels
from rbmcli.models.baselines import History, choose_lambdas, fit_user_item_bias
from rbmcli.models.effects import BiasModel, Effects
from rbmcli.models.levelled import LevelledRatings
from rbmcli.models.mean_training import common_parts, known_of, measured_link
from rbmcli.models.ordinal_link import OrdinalLink
from rbmcli.progress import EpochReport, Progress


def train_bias(
    ratings: LevelledRatings,
    held_out: np.ndarray,
    levels: Levels,
    settings: BiasSettings,
    progress: Progress,
) -> BiasModel:
    """Fit user and item effects to ratings, some of which serve as validation.

    Parameters
    ----------
    ratings : LevelledRatings
        All ratings.
    held_out : ndarray of bool
        Which of them the ordinal link is fitted to; none with ``settings.validation == "none"``.
    levels : Levels
        The scale.
    settings : BiasSettings
        Penalties, and whether to fit the effects to all ratings at the end.
    progress : Progress
        Told the figures on the validation ratings.
    """
    # In the order of the ids, so that that of the rows makes no difference to the sums.
    order = ratings.codes.order()
    learned = order[~held_out[order]]
    with progress.step("fitting user and item effects"):
        effects = _fitted(ratings, learned, settings)
    record: dict[str, Any] = {"best_epoch": 1, "best_epochs": [1], "n_ratings": len(ratings.level)}
    if held_out.any():
        asked = order[held_out[order]]
        link, report = _measured(ratings, learned, asked, effects, levels)
    else:
        link = OrdinalLink.around(levels, float(np.sqrt(effects.variance)))
        report = _report(effects, None, None)
    progress.epoch(report)
    record["epochs"] = [
        {"epoch": 1, "loss": report.loss, "valid_rmse": report.valid_rmse, "valid_nll": report.valid_nll}
    ]
    if settings.refit and held_out.any():
        progress.info("fitting the effects again on all ratings")
        # With the penalties that were chosen: more ratings change them little.
        chosen = dataclasses.replace(
            settings, user_penalty=effects.user_penalty, item_penalty=effects.item_penalty
        )
        effects = _fitted(ratings, order, chosen)
    kept = order if settings.refit else learned
    _, known = known_of(ratings, kept)
    return BiasModel(
        settings=settings,
        # As it is stored.
        effects=dataclasses.replace(
            effects,
            item=effects.item[known].astype(np.float32).astype(np.float64),
            item_count=effects.item_count[known],
        ),
        link=link,
        record=record,
        **common_parts(ratings, kept, levels),
    )


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


def _measured(
    ratings: LevelledRatings, learned: np.ndarray, asked: np.ndarray, effects: Effects, levels: Levels
) -> tuple[OrdinalLink, EpochReport]:
    """Return the link that suits the validation ratings, and the figures of the model with it on these."""
    codes = ratings.codes
    user, item = codes.user_codes, codes.item_codes
    residual = ratings.rating[learned] - effects.mean - effects.item[item[learned]]
    total = np.bincount(user[learned], weights=residual, minlength=len(codes.users))
    count = np.bincount(user[learned], minlength=len(codes.users))
    known = np.where(effects.item_count[item[asked]] > 0, item[asked], -1)
    mean, variance = effects.said(total[user[asked]], count[user[asked]], known)
    mean = np.clip(mean, levels.values[0], levels.values[-1])
    link, *figures = measured_link(ratings, asked, mean, variance, levels)
    return link, _report(effects, *figures)


def _report(effects: Effects, valid_rmse: float | None, valid_nll: float | None) -> EpochReport:
    return EpochReport(1, 1, effects.variance, valid_rmse, valid_nll, True, 0.0, 0.0)

"""Training a model of an expected rating: what is special to a kind is its fit to some of the ratings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np

from rbmcli.config import AnyTrainSettings
from rbmcli.data.hashing import hash_ids
from rbmcli.data.levels import Levels
from rbmcli.models.histories import hash_ratings
from rbmcli.models.level_habits import LevelHabits, fit_habits
from rbmcli.models.levelled import LevelledRatings
from rbmcli.models.mean_model import MeanModel
from rbmcli.models.metrics import nll, rmse
from rbmcli.models.ordinal_link import OrdinalLink, fit_link
from rbmcli.models.priors import global_prior, level_counts
from rbmcli.models.rating_model import RatingModel
from rbmcli.models.starting_point import STRENGTH
from rbmcli.progress import Progress


class MeanFit(ABC):
    """A model of an expected rating, fitted to some of the ratings.

    Attributes
    ----------
    best_epoch : int
        Epoch whose parameters it has, or the number of epochs, sweeps or steps that it took.
    reports : list of dict
        Figures of its epochs, JSON-ready; at least one.
    """

    best_epoch: int
    reports: list[dict[str, Any]]

    @property
    @abstractmethod
    def deviation(self) -> float:
        """Standard deviation of ratings about what it expects of them."""

    @abstractmethod
    def expected(self) -> tuple[np.ndarray, np.ndarray]:
        """Return what it expects of the validation ratings, on the scale, and the variance of that."""

    @abstractmethod
    def model(self, known_items: np.ndarray, **common: Any) -> MeanModel:
        """Return the model.

        Parameters
        ----------
        known_items : ndarray of int
            The items that have any of the ratings, sorted: those that the model is to know.
        **common
            The fields of `MeanModel`.
        """


def train_mean_model(
    ratings: LevelledRatings,
    held_out: np.ndarray,
    levels: Levels,
    settings: AnyTrainSettings,
    progress: Progress,
    fit: Callable[[np.ndarray, np.ndarray, MeanFit | None], MeanFit],
    measured: Callable[[RatingModel], None] | None = None,
) -> MeanModel:
    """Fit a model to ratings, some of which serve as validation, and a link; then fit it to all of them.

    Parameters
    ----------
    ratings : LevelledRatings
        All ratings.
    held_out : ndarray of bool
        Which of them the ordinal link is fitted to; none with ``settings.validation == "none"``.
    levels : Levels
        The scale.
    settings : AnyTrainSettings
        Of the kind of model; whether to fit it to all ratings at the end.
    progress : Progress
        Told the figures on the validation ratings.
    fit : callable
        Given which ratings to learn from, which to be measured on, and, in a second fit to all ratings, the
        first, which has chosen what validation ratings choose; returns a fit.
    measured : callable, optional
        Given the model that has not seen the validation ratings, before it is fitted to all.
    """
    # In the order of the ids, so that that of the rows makes no difference to sums.
    order = ratings.codes.order()
    kept, asked = order[~held_out[order]], order[held_out[order]]
    fitted = fit(kept, asked, None)
    link, habits = OrdinalLink.around(levels, fitted.deviation), LevelHabits.none(len(levels))
    reports = fitted.reports
    if len(asked):
        said = fitted.expected()
        link, habits, *figures = _measured(ratings, kept, asked, *said, levels)
        best = next(report for report in reports if report["epoch"] == fitted.best_epoch)
        best |= {"valid_rmse": figures[0], "valid_nll": figures[1]}
        progress.info(f"on the validation ratings: RMSE {figures[0]:.4f}, NLL {figures[1]:.4f}")
    record = {
        "best_epoch": fitted.best_epoch,
        "best_epochs": [fitted.best_epoch],
        "epochs": reports,
        "n_ratings": len(ratings.level),
    }

    def assembled() -> MeanModel:
        """Return the model as it stands."""
        _, known_items = known_of(ratings, kept)
        parts = common_parts(ratings, kept, levels)
        return fitted.model(
            known_items, settings=settings, link=link, habits=habits, record=dict(record), **parts
        )

    if measured is not None:
        measured(assembled())
    if settings.refit and len(asked):
        progress.info("fitting again on all ratings")
        kept, fitted = order, fit(order, asked[:0], fitted)
    return assembled()


def _measured(
    ratings: LevelledRatings,
    learned: np.ndarray,
    asked: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    levels: Levels,
) -> tuple[OrdinalLink, LevelHabits, float, float]:
    """Return the link and the habits that suit validation ratings, and RMSE and NLL on these."""
    codes, level, rating = ratings.codes, ratings.level[asked], ratings.rating[asked].astype(np.float64)
    link = fit_link(mean, variance, level, rating, levels)
    counts = [
        level_counts(code[learned], ratings.level[learned], len(ids), len(levels))[code[asked]]
        for code, ids in ((codes.user_codes, codes.users), (codes.item_codes, codes.items))
    ]
    overall = global_prior(ratings.level[learned], len(levels))
    given = link.probabilities(mean, variance), counts[0], _item_prior(counts[1], overall), overall
    habits = fit_habits(*given, level)
    return link, habits, rmse(mean, rating), nll(habits.added(*given), level)


def _item_prior(counts: np.ndarray, overall: np.ndarray) -> np.ndarray:
    """Return shares of the levels among ratings of items, held to those among all, from (n, K) counts."""
    return np.asarray((counts + STRENGTH * overall) / (counts.sum(axis=1, keepdims=True) + STRENGTH))


def known_of(ratings: LevelledRatings, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the users and the items that have any of the ratings that are kept, as sorted indices."""
    return np.unique(ratings.codes.user_codes[kept]), np.unique(ratings.codes.item_codes[kept])


def common_parts(ratings: LevelledRatings, kept: np.ndarray, levels: Levels) -> dict[str, Any]:
    """Return what `MeanModel` holds of ratings, by the name of the field.

    Parameters
    ----------
    ratings : LevelledRatings
        All ratings.
    kept : ndarray of int
        Those that the model was fitted to.
    levels : Levels
        The scale.
    """
    codes, level = ratings.codes, ratings.level[kept]
    user, item = codes.user_codes[kept], codes.item_codes[kept]
    users, items = len(codes.users), len(codes.items)
    hashes = hash_ratings(user, hash_ids(codes.items.values)[item], level, users)
    overall = global_prior(level, len(levels))
    counts = level_counts(item, level, items, len(levels))
    prior = _item_prior(counts, overall)
    known_users, known_items = known_of(ratings, kept)
    return {
        "levels": levels,
        "user_ids": codes.users.take(known_users),
        "item_ids": codes.items.take(known_items),
        "user_ratings": np.bincount(user, minlength=users)[known_users],
        "item_ratings": np.bincount(item, minlength=items)[known_items],
        "item_prior": prior[known_items].astype(np.float32),
        "global_prior": overall,
        "user_hash": hashes[known_users],
    }

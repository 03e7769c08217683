"""What trainings of models of an expected rating share: the link, and what is kept of the ratings."""

from __future__ import annotations

from typing import Any

import numpy as np

from rbmcli.data.hashing import hash_ids
from rbmcli.data.levels import Levels
from rbmcli.models.histories import hash_ratings
from rbmcli.models.levelled import LevelledRatings
from rbmcli.models.metrics import nll, rmse
from rbmcli.models.ordinal_link import OrdinalLink, fit_link
from rbmcli.models.priors import global_prior, level_counts
from rbmcli.models.starting_point import STRENGTH


def measured_link(
    ratings: LevelledRatings, asked: np.ndarray, mean: np.ndarray, variance: np.ndarray, levels: Levels
) -> tuple[OrdinalLink, float, float]:
    """Return the link that suits validation ratings, and the RMSE and the NLL of a model with it on these.

    Parameters
    ----------
    ratings : LevelledRatings
        All ratings.
    asked : ndarray of int
        Which of them are for validation.
    mean, variance : ndarray of float64
        What the model expects of these, on the scale, and its variance.
    levels : Levels
        The scale.
    """
    level, rating = ratings.level[asked], ratings.rating[asked].astype(np.float64)
    link = fit_link(mean, variance, level, rating, levels)
    return link, rmse(mean, rating), nll(link.probabilities(mean, variance), level)


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
    prior = (counts + STRENGTH * overall) / (counts.sum(axis=1, keepdims=True) + STRENGTH)
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

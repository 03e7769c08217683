"""Ratings of a given size, for measurements that need no download.

They have what the cost of training depends on: a few users and items with most of the ratings, and a long
tail. What users like follows a few hidden traits, so that a model has something to find.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

_TRAITS = 4


@dataclass(frozen=True)
class Size:
    """How many users, items and ratings there are."""

    users: int
    items: int
    ratings: int

    @classmethod
    def parse(cls, text: str) -> Size:
        """Read "USERS,ITEMS,RATINGS"."""
        users, items, ratings = (int(part) for part in text.split(","))
        if min(users, items, ratings) < 1 or ratings > users * items:
            raise ValueError(text)
        return cls(users, items, ratings)


ML_1M = Size(6_040, 3_706, 900_293)
"""The size of the training part of ml-1m-r90."""


def generated_ratings(size: Size, seed: int = 0) -> pa.Table:
    """Return ratings 1 to 5 of distinct pairs: columns user, item (int64) and rating (float32).

    Parameters
    ----------
    size : Size
        How many users, items and ratings there are; a user has at least one.
    seed : int
        Seed of all that is random.
    """
    generator = np.random.default_rng(seed)
    counts = _ratings_of_users(size, generator)
    popularity = -4.0 * np.log(np.arange(1, size.items + 1) + 0.4 * size.items)
    generator.shuffle(popularity)
    item = np.concatenate([_drawn_items(popularity, count, generator) for count in counts])
    user = np.repeat(np.arange(size.users), counts)
    traits = [generator.standard_normal((n, _TRAITS)) for n in (size.users, size.items)]
    score = 0.35 * np.einsum("rt,rt->r", traits[0][user], traits[1][item])
    score += 0.4 * generator.standard_normal(size.users)[user]
    score += 0.5 * generator.standard_normal(size.items)[item]
    score += 3.6 + 0.7 * generator.standard_normal(len(user))
    rating = np.clip(np.rint(score), 1, 5).astype(np.float32)
    return pa.table({"user": user + 1, "item": item + 1, "rating": rating})


def _ratings_of_users(size: Size, generator: np.random.Generator) -> np.ndarray:
    """Return how many ratings each user has: log-normal, about as in MovieLens, and `size.ratings` in all."""
    share = generator.lognormal(0.0, 1.0, size.users)
    return ratings_in_all(size, lambda scale: scale * share / share.sum(), generator)


def ratings_in_all(
    size: Size, at_scale: Callable[[float], np.ndarray], generator: np.random.Generator
) -> np.ndarray:
    """Return how many ratings each user has, `size.ratings` in all.

    Parameters
    ----------
    size : Size
        How many users, items and ratings there are; a user has at least one rating, and one of an item.
    at_scale : callable
        Gives numbers of ratings, which need not be whole, that grow with what it is given.
    generator : numpy.random.Generator
        Draws the users that get one more or one less than that, to make up for rounding.

    Returns
    -------
    ndarray of int64, shape (users,)
    """
    low, high = 0.0, 2.0 * size.ratings * size.items
    for _ in range(100):
        scale = (low + high) / 2
        counts = np.clip(np.rint(at_scale(scale)), 1, size.items).astype(np.int64)
        low, high = (scale, high) if counts.sum() < size.ratings else (low, scale)
    difference = size.ratings - int(counts.sum())
    while difference:
        step = 1 if difference > 0 else -1
        free = np.flatnonzero((counts < size.items) if step > 0 else (counts > 1))
        chosen = generator.permutation(free)[: abs(difference)]
        if not len(chosen):
            raise ValueError(f"{size.ratings} ratings are fewer than there are users")
        counts[chosen] += step
        difference -= step * len(chosen)
    return counts


def _drawn_items(popularity: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """Draw distinct items, one after the other in proportion to exp(popularity)."""
    # The largest of independent Gumbel numbers, shifted by the logarithms, are such a draw.
    keys = popularity + generator.gumbel(size=len(popularity))
    return np.argpartition(-keys, count - 1)[:count]

"""How alike two items are to a model: the cosine of what it holds of them, held back where ratings are few.

Vectors of few ratings are mostly noise, so that a cosine counts by the ratings of both.
"""

from __future__ import annotations

import numpy as np

from rbmcli.models.kinds import item_vectors
from rbmcli.models.rating_model import RatingModel

SUPPORT_STRENGTH = 20.0
"""Ratings that hold a cosine back. With about so many, most of the nearest ten were of the same series in
MovieLens 100K, where many items have few ratings; in the sample, where none has, as many or a few less were
of the same author."""


def similarities(model: RatingModel, item: int) -> np.ndarray:
    """Return how alike an item is to every item, float64 (items,), from -1 to 1.

    It is the cosine times sqrt(n_i / (n_i + s) * n_j / (n_j + s)), n being ratings in training and s
    `SUPPORT_STRENGTH`; the same whichever of two items is asked for.

    Parameters
    ----------
    model : RatingModel
        The model.
    item : int
        Its index of the item.
    """
    vectors = item_vectors(model)
    support = model.item_ratings / (model.item_ratings + SUPPORT_STRENGTH)
    cosine = np.clip(np.einsum("ip,p->i", vectors, vectors[item]), -1, 1)
    alike: np.ndarray = cosine * np.sqrt(support * support[item])
    return alike


def nearest(model: RatingModel, item: int, top: int, min_support: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the items most alike to an item, itself left out, and how alike they are, the nearest first.

    Parameters
    ----------
    model : RatingModel
        The model.
    item : int
        Its index of the item.
    top : int
        Items, at most.
    min_support : int
        Ratings in training that they must have.
    """
    alike = similarities(model, item)
    others = np.flatnonzero(model.item_ratings >= min_support)
    others = others[others != item]
    order = others[np.argsort(-alike[others], kind="stable")[:top]]
    return order, alike[order]

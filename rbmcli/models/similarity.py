"""How alike two items are to a model: the cosine of what it holds of them, held back where ratings are few.

With rows of users an item is a column: its vector is what its ratings add to the pre-activations, W_ij^k
over levels and hidden units, and D_ij. With rows of items it is a row: its vector is its pre-activation less
the hidden bias, for one rating, (a_j - b_j) / n. From either the mean over all items is subtracted, which is
what any rating says. Vectors of few ratings are mostly noise, so that a cosine counts by the ratings of both.
"""

from __future__ import annotations

import numpy as np

from rbmcli.models.rbm import Rbm

SUPPORT_STRENGTH = 20.0
"""Ratings that hold a cosine back. With about so many, most of the nearest ten were of the same series in
MovieLens 100K, where many items have few ratings; in the sample, where none has, as many or a few less were
of the same author."""


def item_vectors(model: Rbm) -> np.ndarray:
    """Return a vector of length 1 for each item, float64 (items, P); zeros where the model holds nothing."""
    hidden, parameters = model.form.hidden, model.parameters
    if model.by_user:
        weights = parameters.weights.astype(np.float64)
        if model.form.factors:
            weights = weights @ parameters.factors.astype(np.float64)
        # The functions of the level are orthonormal: cosines are those of the weights by level.
        groups = weights[:, :, :hidden].reshape(len(weights), -1)
        vectors = np.hstack([groups, parameters.conditional[:, :hidden].astype(np.float64)])
    else:
        assert model.states is not None
        added = model.states.activation[:, :hidden].astype(np.float64) - parameters.hidden_bias[:hidden]
        vectors = added / np.maximum(model.row_ratings, 1)[:, None]
    vectors -= vectors.mean(axis=0)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length > 0, length, 1)


def similarities(model: Rbm, item: int) -> np.ndarray:
    """Return how alike an item is to every item, float64 (items,), from -1 to 1.

    It is the cosine times sqrt(n_i / (n_i + s) * n_j / (n_j + s)), n being ratings in training and s
    `SUPPORT_STRENGTH`; the same whichever of two items is asked for.

    Parameters
    ----------
    model : Rbm
        The model.
    item : int
        Its index of the item.
    """
    vectors = item_vectors(model)
    support = model.item_ratings / (model.item_ratings + SUPPORT_STRENGTH)
    cosine = np.clip(np.einsum("ip,p->i", vectors, vectors[item]), -1, 1)
    alike: np.ndarray = cosine * np.sqrt(support * support[item])
    return alike


def nearest(model: Rbm, item: int, top: int, min_support: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the items most alike to an item, itself left out, and how alike they are, the nearest first.

    Parameters
    ----------
    model : Rbm
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

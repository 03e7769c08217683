"""What a model leaves unexplained of ratings, and the neighbours of items by which some of that is explained.

    r_ui = base_ui + g sum_j w_ij e_uj / (sum_j w_ij + lambda), e_uj = r_uj - base_uj,

over those neighbours j of item i that the user has rated. A residual is that of a base which was not told
the rating, in training and prediction alike: one that was told leaves smaller ones.

Source: R. Bell, Y. Koren (2007), "Improved neighborhood-based collaborative filtering", KDD Cup; on the
residuals of an RBM: A. Töscher, M. Jahrer, R. Bell (2009), "The BigChaos solution to the Netflix grand
prize".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from rbmcli.kernels.neighbours import add_neighbours
from rbmcli.kernels.scoring import NOT_OWN
from rbmcli.models.predictor import Predictor

_ASKED_AT_ONCE = 1 << 20


class Residuals(NamedTuple):
    """What a base leaves unexplained, of the ratings of U users.

    Attributes
    ----------
    start : ndarray of int64, shape (U + 1,)
        First rating of each user.
    item : ndarray of int32, shape (ratings,)
        Item of each rating, increasing within a user.
    value : ndarray of float64, shape (ratings,)
        The residual.
    """

    start: np.ndarray
    item: np.ndarray
    value: np.ndarray


def residuals_of(base: Predictor, places: np.ndarray) -> Residuals:
    """Return the residuals of all ratings of items that are known, each with the rating itself left out.

    Parameters
    ----------
    base : Predictor
        A model, with the ratings.
    places : ndarray of int
        The index of each item of the base that residuals are to have, -1 for none.
    """
    rated = base.histories.occasions()
    rated = rated.take(places[rated.item] >= 0)
    item = places[rated.item]
    order = np.lexsort((item, rated.user))
    rated = rated.take(order)
    own = np.where(_is_known_without(base)[rated.user], rated.level, np.uint8(NOT_OWN)).astype(np.uint8)
    said = np.empty(len(order))
    for first in range(0, len(order), _ASKED_AT_ONCE):
        at = slice(first, first + _ASKED_AT_ONCE)
        said[at] = base.answers(rated.user[at], rated.item[at], own[at]).prediction
    values = base.model.levels.values.astype(np.float64)
    start = starts_of(rated.user, len(base.histories.users))
    return Residuals(start, np.ascontiguousarray(item[order], np.int32), values[rated.level] - said)


def _is_known_without(base: Predictor) -> np.ndarray:
    """Return of which users a rating is left out of all that the others say, bool (U,).

    Where rows are items, that would mean folding a new user in for each rating. Instead the user is folded in
    once, with all ratings, much as parameters of a trained user have seen them all, and the rows are without
    them.
    """
    if base.model.rows == "item":
        return base.histories.as_trained
    return np.ones(len(base.histories.users), bool)


def starts_of(group: np.ndarray, groups: int) -> np.ndarray:
    """Return where each group starts in what is sorted by group, int64 (groups + 1,)."""
    start = np.zeros(groups + 1, np.int64)
    np.cumsum(np.bincount(group, minlength=groups), out=start[1:])
    return start


@dataclass(frozen=True)
class Neighbourhood:
    """Neighbours of M items, and how what is left of these counts.

    Attributes
    ----------
    neighbour : ndarray of int32, shape (M, m)
        Neighbours of each item, by increasing index; -1 after the last.
    weight : ndarray of float32, shape (M, m)
        w, above 0; 0 after the last.
    gain : float
        g.
    pull : float
        lambda, above 0: weights at no residual that count against those of neighbours.
    """

    neighbour: np.ndarray
    weight: np.ndarray
    gain: float
    pull: float

    @cached_property
    def filled(self) -> np.ndarray:
        """Neighbours that each item has, int64 (M,)."""
        return np.count_nonzero(self.neighbour >= 0, axis=1)

    def sums(self, known: Residuals, user: np.ndarray, item: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return sum w e and sum w over the rated neighbours of pairs, both float64 (n,).

        Parameters
        ----------
        known : Residuals
            Of the users.
        user, item : ndarray of int, shape (n,)
            The pairs; -1 for an item that is not known.
        """
        order = np.argsort(user, kind="stable")
        sums = np.empty((2, len(user)))
        add_neighbours(
            *known,
            starts_of(user, len(known.start) - 1),
            np.ascontiguousarray(item[order], np.int32),
            self.neighbour,
            self.filled,
            self.weight,
            *sums,
        )
        total, support = np.empty_like(sums)
        total[order], support[order] = sums
        return total, support

    def added(self, total: np.ndarray, support: np.ndarray) -> np.ndarray:
        """Return what neighbours add to expected ratings, g total / (support + lambda), float64 (n,)."""
        return np.asarray(self.gain * total / (support + self.pull))

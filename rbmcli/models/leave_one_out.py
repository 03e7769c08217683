"""What each rating of a user adds to a score: the score with the whole history less that without it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from rbmcli.data.ratings import CompressedRows
from rbmcli.models.histories import Histories
from rbmcli.models.predictor import Predictor
from rbmcli.progress import Step

_RATINGS_AT_ONCE = 1 << 22
"""Ratings of all histories that are scored at once, each a copy of the user's with one rating less."""


@dataclass(frozen=True)
class Changes:
    """What a score owes to each of some ratings.

    Attributes
    ----------
    whole : float
        Expected rating from the whole history, made in the way of those from parts of it: with rows of
        items by folding the user in, also where the user is otherwise predicted by what was trained.
    without : ndarray of float64, shape (places,)
        Expected rating without each of the ratings.
    """

    whole: float
    without: np.ndarray

    @property
    def change(self) -> np.ndarray:
        """What each rating adds, float64 (places,)."""
        return self.whole - self.without


def changes(predictor: Predictor, item: int, own: int, places: np.ndarray, step: Step) -> Changes:
    """Return how the score of an item changes with each of some ratings of the only user of a predictor.

    Each score is that of a history without the rating, bit for bit: nothing is approximated. With rows
    of users a history takes one pass; with rows of items the user is folded in once for each.

    Parameters
    ----------
    predictor : Predictor
        A model, and the history of one user.
    item : int
        The model's index of the item.
    own : int
        Level of the user's own rating of it, which is left out throughout, or `NOT_OWN`.
    places : ndarray of int
        Places, among the user's ratings, of those to leave out one by one.
    step : Step
        Told how many are done.
    """
    histories = predictor.histories
    left_out = np.concatenate([[-1], places])
    scores = []
    at_once = max(1, _RATINGS_AT_ONCE // max(histories.rated.n_ratings, 1))
    for first in range(0, len(left_out), at_once):
        block = left_out[first : first + at_once]
        part = predictor.on(_copies(histories, block))
        user = np.arange(len(block), dtype=np.int32)
        said = part.answers(user, np.full(len(block), item, np.int32), np.full(len(block), own, np.uint8))
        scores.append(said.prediction)
        step.advance(int(np.count_nonzero(block >= 0)))
    score = np.concatenate(scores)
    return Changes(float(score[0]), score[1:])


def _copies(histories: Histories, left_out: np.ndarray) -> Histories:
    """Return copies of the history of one user, each without the rating at a place; -1 for none."""
    rated, count = histories.rated, len(left_out)
    whole = np.tile(np.arange(rated.n_ratings), count)
    copy = np.repeat(np.arange(count, dtype=np.int32), rated.n_ratings)
    kept = whole != left_out[copy]
    place, copy = whole[kept], copy[kept]
    levels = histories.count.shape[1]
    key = copy.astype(np.int64) * levels + rated.level[place]
    return dataclasses.replace(
        histories,
        users=histories.users.take(np.zeros(count, np.int64)),
        rated=CompressedRows.build(copy, rated.column[place], rated.level[place], (count, rated.columns)),
        model_user=np.repeat(histories.model_user, count),
        as_trained=np.zeros(count, bool),
        count=np.bincount(key, minlength=count * levels).reshape(count, levels),
        day=None if histories.day is None else histories.day[place],
    )

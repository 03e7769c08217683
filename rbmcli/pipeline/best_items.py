"""The best items that some users have not rated: the work of one task of recommending."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from rbmcli.config import RecommendSettings
from rbmcli.data.ids import IdIndex
from rbmcli.kernels.dense_scoring import best_of_rows
from rbmcli.kernels.scoring import NOT_OWN
from rbmcli.models.also_rated import AlsoRated
from rbmcli.models.histories import Histories
from rbmcli.models.kinds import predictor_of
from rbmcli.models.predictor import Predictor
from rbmcli.models.rating_model import RatingModel
from rbmcli.models.sums import weighted
from rbmcli.pipeline.history_by_user import HistoryByUser
from rbmcli.pipeline.model_handle import ModelHandle

_SCORES = 1 << 22
"""Scores that are made at once, by a model that makes them without what they come from."""

_PAIRS = 1 << 20
"""Pairs that are scored at once by any other."""

_FEW = 1000
"""So many are kept in order while scores are gone through; more are sorted."""

RECOMMENDED = (("user", pa.int64()), ("rank", pa.int32()), ("item", pa.int64()), ("score", pa.float32()))
"""Columns of recommendations; ids have the types of the model's."""


@dataclass(frozen=True)
class Wish:
    """What is asked for every user; a task is the users.

    Attributes
    ----------
    model : ModelHandle
        The model.
    history : HistoryByUser
        The ratings of all.
    also_rated : AlsoRated or None
        What is known to have been rated besides.
    settings : RecommendSettings
        How many items, ranked by what.
    """

    model: ModelHandle
    history: HistoryByUser
    also_rated: AlsoRated | None
    settings: RecommendSettings


def best_items(wish: Wish, users: pa.Array) -> pa.Table:
    """Return the recommendations to some users, increasing, by user and rank."""
    model, index = wish.model.model, IdIndex(users)
    histories = wish.history.histories(model, index)
    unrated = None if wish.also_rated is None else wish.also_rated.of(index)
    predictor = predictor_of(model, histories, exact=wish.settings.exact(), also_rated=unrated)
    items = np.flatnonzero(model.item_ratings >= wish.settings.min_support).astype(np.int32)
    by_mean = wish.settings.rank_by == "expectation"
    at_once = max(1, (_SCORES if by_mean and predictor.is_dense else _PAIRS) // max(len(items), 1))
    parts = [_ranked(predictor, block, items, wish.settings) for block in _blocks(len(users), at_once)]
    if not parts:
        parts = [tuple(np.empty(0, kind) for kind in (np.int32, np.int32, np.int32, np.float32))]
    user, rank, item, score = (np.concatenate(each) for each in zip(*parts, strict=True))
    return pa.table(
        {
            "user": users.take(pa.array(user)),
            "rank": pa.array(rank, pa.int32()),
            "item": model.item_ids.values.take(pa.array(item)),
            "score": pa.array(score, pa.float32()),
        }
    )


def _blocks(count: int, at_once: int) -> list[np.ndarray]:
    return [
        np.arange(first, min(first + at_once, count), dtype=np.int32) for first in range(0, count, at_once)
    ]


def _ranked(
    predictor: Predictor, block: np.ndarray, items: np.ndarray, settings: RecommendSettings
) -> tuple[np.ndarray, ...]:
    """Return user, rank, item and score of the recommendations to a block of users."""
    scores = _scores(predictor, block, items, settings)
    scores[_rated(predictor.histories, block, predictor.model, items)] = -np.inf
    return _top(scores, block, items, settings.top)


def _scores(
    predictor: Predictor, block: np.ndarray, items: np.ndarray, settings: RecommendSettings
) -> np.ndarray:
    """Return the scores of all items for a block of users, float32 (users, items)."""
    if settings.rank_by == "expectation":
        return predictor.ratings_of(block, items)
    user, item = np.repeat(block, len(items)), np.tile(items, len(block))
    said = predictor.answers(user, item, np.full(len(user), NOT_OWN, np.uint8))
    values = predictor.model.levels.values.astype(np.float64)
    mean = weighted(said.probability, values)
    variance = np.maximum(weighted(said.probability, values**2) - mean**2, 0)
    score = said.prediction - settings.deviations * np.sqrt(variance)
    return score.reshape(len(block), len(items)).astype(np.float32)


def _rated(
    histories: Histories, block: np.ndarray, model: RatingModel, items: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return where, in the scores of a block, a user has rated the item."""
    start = histories.rated.start
    rated = histories.rated.column[start[block[0]] : start[block[-1] + 1]]
    user = np.repeat(np.arange(len(block)), np.diff(start)[block])
    place = np.full(len(model.item_ids) + 1, -1)
    place[items] = np.arange(len(items))
    column = place[histories.model_item[rated]]
    return user[column >= 0], column[column >= 0]


def _top(scores: np.ndarray, block: np.ndarray, items: np.ndarray, top: int) -> tuple[np.ndarray, ...]:
    """Return the best finite scores of each user; of equal scores the item that comes first."""
    count = min(top, scores.shape[1])
    if 0 < count <= _FEW:
        order = np.empty((len(block), count), np.int32)
        best = np.empty((len(block), count), np.float32)
        best_of_rows(scores, order, best)
        user, rank = np.nonzero(order >= 0)
    else:
        order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
        best = np.take_along_axis(scores, order, axis=1)
        user, rank = np.nonzero(np.isfinite(best))
    return block[user], (rank + 1).astype(np.int32), items[order[user, rank]], best[user, rank]

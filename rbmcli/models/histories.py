"""The ratings that the asked users have given, in the terms of a model."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from rbmcli.data.blocks import blocks
from rbmcli.data.hashing import hash_ids, mix
from rbmcli.data.ids import IdIndex
from rbmcli.data.ratings import CompressedRows
from rbmcli.kernels.day_bias import NO_DAY
from rbmcli.kernels.scoring import NOT_OWN
from rbmcli.models.day_bias import Occasions
from rbmcli.models.rating_model import RatingModel


def hash_ratings(user: np.ndarray, item_hash: np.ndarray, level: np.ndarray, users: int) -> np.ndarray:
    """Return a uint64 for each user that tells sets of rated items and levels apart, in any order.

    Parameters
    ----------
    user : ndarray of int32
        Dense user of each rating.
    item_hash : ndarray of uint64
        Hash of the item id of each rating.
    level : ndarray of uint8
        Level of each rating.
    users : int
        Number of users.
    """
    totals = np.zeros(users, np.uint64)
    np.add.at(totals, user, mix(item_hash + level.astype(np.uint64) + np.uint64(1)))
    return totals


def hash_rows(ratings: CompressedRows, item_hash: np.ndarray, *, by_user: bool) -> np.ndarray:
    """Return the same for each user of compressed rows.

    Parameters
    ----------
    ratings : CompressedRows
        Rows of users, or of items.
    item_hash : ndarray of uint64
        Hash of the id of each item.
    by_user : bool
        Whether rows are of users.
    """
    users = len(ratings) if by_user else ratings.columns
    totals = np.zeros(users, np.uint64)
    for block in blocks(ratings.n_ratings):
        row = ratings.rows_of(block)
        user, item = (row, ratings.column[block]) if by_user else (ratings.column[block], row)
        totals += hash_ratings(user, item_hash[item], ratings.level[block], users)
    return totals


@dataclass(frozen=True)
class Histories:
    """What U users have rated.

    Attributes
    ----------
    users : IdIndex
        The U users.
    items : IdIndex
        Every item rated by them, known to the model or not.
    rated : CompressedRows
        Their ratings over `items`.
    model_item : ndarray of int32
        The model's index of each of `items`, -1 for one it does not know.
    model_user : ndarray of int32, shape (U,)
        The model's index of each user, -1 for one it does not know.
    as_trained : ndarray of bool, shape (U,)
        Whether the user's ratings are just those that the model was trained on.
    count : ndarray of int64, shape (U, K)
        Ratings of each user at each level.
    day : ndarray of int64, or None
        Day of each of `rated`, where it is known and to count.
    """

    users: IdIndex
    items: IdIndex
    rated: CompressedRows
    model_item: np.ndarray
    model_user: np.ndarray
    as_trained: np.ndarray
    count: np.ndarray
    day: np.ndarray | None = None

    @classmethod
    def build(
        cls,
        model: RatingModel,
        users: IdIndex,
        user: pa.ChunkedArray,
        item: pa.ChunkedArray,
        level: np.ndarray,
        day: np.ndarray | None = None,
    ) -> Histories:
        """Take the ratings of some users from a table of ratings.

        Parameters
        ----------
        model : RatingModel
            The model, whose types of ids all columns have.
        users : IdIndex
            The users wanted; ratings of others are left out.
        user, item : pyarrow.ChunkedArray
            Ids of each rating, no pair twice.
        level : ndarray of uint8
            Level of each rating.
        day : ndarray of int64, optional
            Day of each rating.
        """
        code = users.lookup(user)
        wanted = np.flatnonzero(code >= 0)
        code, level = code[wanted], level[wanted]
        item = item.take(pa.array(wanted)) if len(wanted) < len(item) else item
        items = IdIndex.of(item)
        item_code = items.lookup(item)
        rated = CompressedRows.build(code, item_code, level, (len(users), len(items)))
        levels = len(model.levels)
        key = code.astype(np.int64) * levels + level
        return cls(
            users,
            items,
            rated,
            *_in_terms_of(model, users, items, rated),
            np.bincount(key, minlength=len(users) * levels).reshape(len(users), levels),
            None if day is None else day[wanted][np.lexsort((item_code, code))],
        )

    def of(self, model: RatingModel) -> Histories:
        """Return the same ratings in the terms of another model, which has the same scale."""
        model_item, model_user, as_trained = _in_terms_of(model, self.users, self.items, self.rated)
        return replace(self, model_item=model_item, model_user=model_user, as_trained=as_trained)

    def without(self, user: np.ndarray, item: np.ndarray) -> Histories:
        """Return the ratings of users, each time without that of one item; no one's are as trained.

        Parameters
        ----------
        user : ndarray of int, shape (n,)
            Positions in `users`, one for each user of the histories to return, perhaps the same again.
        item : ndarray of int, shape (n,)
            The model's index of the item.
        """
        first, length = self.rated.start[user], np.diff(self.rated.start)[user]
        ends = np.cumsum(length)
        place = np.arange(length.sum()) + np.repeat(first - ends + length, length)
        column = self.rated.column[place]
        kept = self.model_item[column] != np.repeat(item, length)
        place, case = place[kept], np.repeat(np.arange(len(user)), length)[kept]
        start = np.zeros(len(user) + 1, np.int64)
        np.cumsum(np.bincount(case, minlength=len(user)), out=start[1:])
        level = self.rated.level[place]
        levels = self.count.shape[1]
        counts = np.bincount(case * levels + level, minlength=len(user) * levels)
        return replace(
            self,
            users=IdIndex(self.users.values.take(pa.array(user))),
            rated=CompressedRows(start, self.rated.column[place], level, self.rated.columns),
            model_user=self.model_user[user],
            as_trained=np.zeros(len(user), bool),
            count=counts.reshape(len(user), levels),
            day=None if self.day is None else self.day[place],
        )

    def known(self) -> CompressedRows:
        """Return the ratings of items that the model knows, over the model's items."""
        known = self.occasions()
        columns = int(self.model_item.max(initial=-1)) + 1
        return CompressedRows.build(known.user, known.item, known.level, (len(self.users), columns))

    def occasions(self) -> Occasions:
        """Return the same ratings, in the same order, with the model's index of each item and the day."""
        item = self.model_item[self.rated.column]
        day = np.full(len(item), NO_DAY) if self.day is None else self.day
        return Occasions(self.rated.row_of_each(), item, self.rated.level, day).take(item >= 0)

    def count_left(self, user: np.ndarray, own: np.ndarray) -> np.ndarray:
        """Return the ratings at each level that each pair's user has given to other items, int64 (pairs, K).

        Parameters
        ----------
        user : ndarray of int32, shape (pairs,)
            Positions in `users`.
        own : ndarray of uint8, shape (pairs,)
            Level of the user's rating of the pair; `NOT_OWN` where there is none.
        """
        counts = self.count[user]
        pairs = np.flatnonzero(own != NOT_OWN)
        counts[pairs, own[pairs]] -= 1
        return counts

    def own_level(self, user: np.ndarray, item: np.ndarray) -> np.ndarray:
        """Return the level at which a user has rated an item, uint8; `NOT_OWN` where there is no rating.

        Parameters
        ----------
        user, item : ndarray of int32
            Positions in `users` and `items`; -1 for an item outside.
        """
        return self.rated.level_of(user, item, missing=NOT_OWN)


def _in_terms_of(
    model: RatingModel, users: IdIndex, items: IdIndex, rated: CompressedRows
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a model's index of each item and of each user, and which users' ratings it was trained on."""
    model_user = model.user_ids.lookup(users.values)
    item_hash = hash_ids(items.values)[rated.column]
    hashes = hash_ratings(rated.row_of_each(), item_hash, rated.level, len(users))
    as_trained = (model_user >= 0) & (hashes == model.user_hash[model_user])
    return model.item_ids.lookup(items.values), model_user, as_trained

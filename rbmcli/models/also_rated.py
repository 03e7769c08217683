"""Pairs that are known to have been rated, the rating unknown: they enter the hidden units by D alone.

Source: Salakhutdinov, Mnih, Hinton (2007), section 4: which pairs of the test set were rated is known too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from rbmcli.data.ids import IdIndex
from rbmcli.data.ratings import CompressedRows
from rbmcli.kernels.arrays import UNKNOWN
from rbmcli.models.rbm import Rbm


def beyond_ratings(row: np.ndarray, column: np.ndarray, rated: CompressedRows) -> CompressedRows:
    """Return pairs as compressed rows over the same rows and columns as `rated`, without those in it.

    Parameters
    ----------
    row, column : ndarray of int32
        Dense indices; a pair with a negative one is left out, and one that comes twice counts once.
    rated : CompressedRows
        Ratings of a known level.
    """
    known = (row >= 0) & (column >= 0)
    keys = np.unique(row[known].astype(np.int64) * rated.columns + column[known])
    rated_keys = rated.row_of_each().astype(np.int64) * rated.columns + rated.column
    keys = np.setdiff1d(keys, rated_keys, assume_unique=True)
    row, column = keys // max(rated.columns, 1), keys % max(rated.columns, 1)
    level = np.full(len(keys), UNKNOWN, np.uint8)
    return CompressedRows.build(
        row.astype(np.int32), column.astype(np.int32), level, (len(rated), rated.columns)
    )


def for_asked(model: Rbm, users: IdIndex, history: pa.Table, pairs: pa.Table) -> CompressedRows:
    """Return pairs as a model needs them that is asked by some users.

    With rows of users that is in rows of those who ask, over the model's items; with rows of items, in rows
    of the model's items over its users, all of them, since everyone's ratings tell of an item.

    Parameters
    ----------
    model : Rbm
        The model, whose types of ids all columns have.
    users : IdIndex
        The users who ask.
    history : pyarrow.Table
        Columns `user` and `item` of all ratings that are known, not of those who ask alone: a pair that
        stands there is no pair of unknown rating.
    pairs : pyarrow.Table
        Columns `user` and `item` of the pairs.
    """
    return besides(model, users, [history], pairs).of(users)


@dataclass(frozen=True)
class AlsoRated:
    """Pairs of unknown rating, as a model needs them.

    Attributes
    ----------
    users : IdIndex or None
        Whose the rows are; None where they are those of the model's items.
    pairs : CompressedRows
        The pairs.
    """

    users: IdIndex | None
    pairs: CompressedRows

    def of(self, users: IdIndex) -> CompressedRows:
        """Return them for some of the users who ask: a row for each, but where rows are items."""
        if self.users is None:
            return self.pairs
        place = self.users.lookup(users.values)
        length = np.where(place >= 0, np.diff(self.pairs.start, append=0)[place], 0)
        start = np.concatenate([[0], np.cumsum(length)]).astype(np.int64)
        first = np.repeat(self.pairs.start[place] - start[:-1], length)
        chosen = first + np.arange(start[-1])
        return CompressedRows(start, self.pairs.column[chosen], self.pairs.level[chosen], self.pairs.columns)


def besides(model: Rbm, users: IdIndex, history: Iterable[pa.Table], pairs: pa.Table) -> AlsoRated:
    """Return pairs that are known to have been rated beside a history, which comes in pieces.

    Parameters
    ----------
    model : Rbm
        The model, whose types of ids all columns have.
    users : IdIndex
        The users who ask.
    history : iterable of pyarrow.Table
        Columns `user` and `item` of all ratings that are known.
    pairs : pyarrow.Table
        Columns `user` and `item` of the pairs.
    """
    ways = ((users, "user"), (model.item_ids, "item"))
    if not model.by_user:
        ways = ((model.item_ids, "item"), (model.user_ids, "user"))
    rows, columns = (len(index) for index, _ in ways)

    def keys_of(table: pa.Table) -> np.ndarray:
        """Return a number for each pair that is known on both sides."""
        row, column = (index.lookup(table.column(name)) for index, name in ways)
        known = (row >= 0) & (column >= 0)
        return row[known].astype(np.int64) * columns + column[known]

    keys = np.unique(keys_of(pairs))
    for table in history:
        if not len(keys):
            break
        keys = np.setdiff1d(keys, keys_of(table))
    row, column = keys // max(columns, 1), keys % max(columns, 1)
    level = np.full(len(keys), UNKNOWN, np.uint8)
    found = CompressedRows.build(row.astype(np.int32), column.astype(np.int32), level, (rows, columns))
    return AlsoRated(users if model.by_user else None, found)

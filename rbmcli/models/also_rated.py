"""Pairs that are known to have been rated, the rating unknown: they enter the hidden units by D alone.

Source: Salakhutdinov, Mnih, Hinton (2007), section 4: which pairs of the test set were rated is known too.
"""

from __future__ import annotations

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
    ways = ((users, "user"), (model.item_ids, "item"))
    if not model.by_user:
        ways = ((model.item_ids, "item"), (model.user_ids, "user"))
    (row, column), (rated_row, rated_column) = (
        tuple(index.lookup(table.column(name)) for index, name in ways) for table in (pairs, history)
    )
    shape = (len(ways[0][0]), len(ways[1][0]))
    known = (rated_row >= 0) & (rated_column >= 0)
    level = np.zeros(np.count_nonzero(known), np.uint8)
    rated = CompressedRows.build(rated_row[known], rated_column[known], level, shape)
    return beyond_ratings(row, column, rated)

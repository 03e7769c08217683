"""Pairs that are known to have been rated, the rating unknown: they enter the hidden units by D alone.

Source: Salakhutdinov, Mnih, Hinton (2007), section 4: which pairs of the test set were rated is known too.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa

from rbmcli.data.ratings import CompressedRows
from rbmcli.kernels.arrays import UNKNOWN
from rbmcli.models.histories import Histories
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


def for_asked(
    model: Rbm, histories: Histories, user: pa.ChunkedArray, item: pa.ChunkedArray
) -> CompressedRows:
    """Return pairs as a model needs them that is asked by some users.

    With rows of users that is in rows of those who ask, over the model's items; with rows of items, in rows
    of the model's items over its users, all of them, since everyone's ratings tell of an item.

    Parameters
    ----------
    model : Rbm
        The model, whose types of ids all columns have.
    histories : Histories
        The users who ask and their ratings; a pair that stands there is no pair of unknown rating.
    user, item : pyarrow.ChunkedArray
        The pairs.
    """
    known = histories.known()
    item_code = model.item_ids.lookup(item)
    if model.by_user:
        rated = dataclasses.replace(known, columns=len(model.item_ids))
        return beyond_ratings(histories.users.lookup(user), item_code, rated)
    column = histories.model_user[known.row_of_each()]
    own = np.flatnonzero(column >= 0)
    shape = (len(model.item_ids), len(model.user_ids))
    rated = CompressedRows.build(known.column[own], column[own], known.level[own], shape)
    return beyond_ratings(item_code, model.user_ids.lookup(user), rated)

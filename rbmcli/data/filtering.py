"""Leaves out users and items that have too few ratings."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pyarrow as pa

from rbmcli.data.ids import IdIndex
from rbmcli.data.ordering import user_starts


def well_rated_items(
    tables: Callable[[], Iterable[pa.Table]], items: IdIndex, min_user_ratings: int, min_item_ratings: int
) -> IdIndex:
    """Return the items that stay when rare users and items are dropped until none is left.

    The ratings are gone over until that is so. Of users nothing is kept: which of them stay follows from the
    items that do.

    Parameters
    ----------
    tables : callable
        Gives the ratings, sorted by user, no user on two tables.
    items : IdIndex
        All items.
    min_user_ratings, min_item_ratings : int
        Ratings that a user and an item must have at least.
    """
    while True:
        counts = np.zeros(len(items), np.int64)
        for table in tables():
            codes = items.lookup(table.column("item"))
            kept = well_rated_rows(table, items, min_user_ratings)
            counts += np.bincount(codes[kept], minlength=len(items))
        staying = np.flatnonzero(counts >= min_item_ratings)
        if len(staying) == len(items):
            return items
        items = items.take(staying)


def well_rated_rows(table: pa.Table, items: IdIndex | None, min_user_ratings: int) -> np.ndarray:
    """Return which ratings stay: of items that do, by users who have so many of them.

    Parameters
    ----------
    table : pyarrow.Table
        All ratings of some users, sorted by user.
    items : IdIndex or None
        Items that stay; None for all.
    min_user_ratings : int
        Ratings of these items that a user must have at least.

    Returns
    -------
    ndarray of bool, shape (rows,)
    """
    kept = np.ones(table.num_rows, dtype=bool)
    if items is not None:
        kept = items.lookup(table.column("item")) >= 0
    if min_user_ratings > 1 and len(kept):
        starts = user_starts(table)
        counts = np.add.reduceat(kept.astype(np.int64), starts)
        sizes = np.diff(np.append(starts, len(kept)))
        kept &= np.repeat(counts >= min_user_ratings, sizes)
    return kept

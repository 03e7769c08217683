"""Puts ratings on the levels of a scale, and decides what becomes of those that are on none."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from rbmcli.data.levels import UNKNOWN, Levels
from rbmcli.errors import DataError, RbmcliError


def assign_levels(
    table: pa.Table,
    levels: Levels,
    policy: str,
    where: str,
    *,
    error: type[RbmcliError] = DataError,
) -> tuple[pa.Table, np.ndarray, int]:
    """Return the level of each rating.

    Parameters
    ----------
    table : pyarrow.Table
        Ratings, with a float32 column `rating`.
    levels : Levels
        The scale.
    policy : {"error", "nearest", "drop"}
        What to do with a rating that is on no level.
    where : str
        Name of the ratings, for messages.
    error : type of RbmcliError
        What to raise: by default the ratings are at fault, but they may also just not fit a model.

    Returns
    -------
    table : pyarrow.Table
        The ratings; without those on no level, if the policy is to drop them.
    index : ndarray of uint8, shape (rows,)
        Level index of each rating of the table returned.
    unknown : int
        Number of ratings that were on no level.

    Raises
    ------
    RbmcliError
        The `error` given, if there are such ratings and the policy is "error".
    """
    ratings = table.column("rating").to_numpy()
    index = levels.assign(ratings)
    outside = index == UNKNOWN
    unknown = int(np.count_nonzero(outside))
    if not unknown:
        return table, index, 0
    if policy == "error":
        first = int(np.flatnonzero(outside)[0])
        raise unknown_level_error(ratings[first], first, unknown, levels, where, error)
    if policy == "drop":
        return table.filter(pa.array(~outside)), index[~outside], unknown
    index[outside] = levels.nearest(ratings[outside])
    return table, index, unknown


def unknown_level_error(
    rating: float,
    row: int,
    unknown: int,
    levels: Levels,
    where: str,
    error: type[RbmcliError] = DataError,
) -> RbmcliError:
    """Return the error that tells of the first rating on no level, its row from 0, and of their number."""
    return error(
        f"{where}: rating {rating:g} (row {row + 1:,}) is on no level, expected "
        f"{levels.describe()}; {unknown:,} such {'rating' if unknown == 1 else 'ratings'} in all",
        hint="use --unknown-level nearest or --unknown-level drop, or name all levels with --levels",
    )

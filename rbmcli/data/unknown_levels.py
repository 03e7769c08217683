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
    assigner = LevelAssigner(levels, policy, where, error=error)
    table, index = assigner.assign(table)
    assigner.finish()
    return table, index, assigner.unknown


class LevelAssigner:
    """Puts ratings that come piece by piece on the levels of a scale; parameters as of `assign_levels`.

    Attributes
    ----------
    unknown : int
        Number of ratings so far that were on no level.
    """

    def __init__(
        self, levels: Levels, policy: str, where: str, *, error: type[RbmcliError] = DataError
    ) -> None:
        self._levels, self._policy, self._where, self._error = levels, policy, where, error
        self._rows, self._first = 0, (0, 0.0)
        self.unknown = 0

    def assign(self, table: pa.Table) -> tuple[pa.Table, np.ndarray]:
        """Return the next ratings, perhaps without some, and the level of each, uint8.

        What is on no level is `UNKNOWN` where that is an error, which `finish` raises.
        """
        ratings = table.column("rating").to_numpy()
        index = self._levels.assign(ratings)
        outside = index == UNKNOWN
        unknown = int(np.count_nonzero(outside))
        if unknown and not self.unknown:
            first = int(np.flatnonzero(outside)[0])
            self._first = (self._rows + first, float(ratings[first]))
        self.unknown += unknown
        self._rows += len(ratings)
        if not unknown or self._policy == "error":
            return table, index
        if self._policy == "drop":
            return table.filter(pa.array(~outside)), index[~outside]
        index[outside] = self._levels.nearest(ratings[outside])
        return table, index

    def finish(self) -> None:
        """Raise the error given, if there were ratings on no level and the policy is "error"."""
        if not self.unknown or self._policy != "error":
            return
        row, rating = self._first
        raise unknown_level_error(rating, row, self.unknown, self._levels, self._where, self._error)


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

"""Several ratings of one item by one user become one, or an error."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rbmcli.data.levels import MAX_DISTINCT, Levels
from rbmcli.data.ordering import PairCodes
from rbmcli.data.rating_counts import RatingCounts
from rbmcli.errors import DataError


def resolve_duplicates(
    table: pa.Table, policy: str, levels: Levels | None, where: str
) -> tuple[pa.Table, int]:
    """Keep one rating of each user and item.

    Parameters
    ----------
    table : pyarrow.Table
        Ratings: columns `user`, `item`, `rating` and perhaps `timestamp`.
    policy : {"error", "first", "last", "mean"}
        Which rating is kept: the first or last by timestamp, then by row; or the last with the mean of all
        ratings, put on the nearest level where the scale has levels.
    levels : Levels or None
        Levels of the scale where they are known; otherwise a scale of at most 20 distinct ratings has them.
    where : str
        Name of the input, for messages.

    Returns
    -------
    table : pyarrow.Table
        The rows kept, in the order of the input.
    dropped : int
        Number of rows left out.

    Raises
    ------
    DataError
        If there are duplicates and the policy is "error".
    """
    keys = PairCodes.of(table).keys()
    ordered = np.sort(keys)
    repeats = int(np.count_nonzero(ordered[1:] == ordered[:-1]))
    if repeats == 0:
        return table, 0
    if policy == "error":
        raise _first_duplicate(table, keys, repeats, where)
    if policy == "mean" and levels is None:
        counted = RatingCounts(MAX_DISTINCT)
        counted.update(table.column("rating").to_numpy())
        levels = levels_of_means(counted)
    return _one_of_each(table, keys, policy, levels), repeats


def levels_of_means(counted: RatingCounts) -> Levels | None:
    """Return the levels that means are put on where none are known: the ratings, if they are few."""
    return None if counted.are_many else Levels(counted.values)


def repeated(table: pa.Table) -> np.ndarray:
    """Return which rows have the user and the item of the row before, of a table sorted by them."""
    same = np.zeros(table.num_rows, dtype=bool)
    if table.num_rows > 1:
        users, items = table.column("user"), table.column("item")
        rest = table.num_rows - 1
        same_user = pc.equal(users.slice(1), users.slice(0, rest))
        same[1:] = pc.and_(same_user, pc.equal(items.slice(1), items.slice(0, rest))).to_numpy()
    return same


def resolve_sorted(table: pa.Table, same: np.ndarray, policy: str, levels: Levels | None) -> pa.Table:
    """Keep one rating of each user and item of a sorted table, in which equal pairs stand as in the input.

    Parameters
    ----------
    table : pyarrow.Table
        Ratings, as for `resolve_duplicates`.
    same : ndarray of bool, shape (rows,)
        What `repeated` says of it.
    policy : {"first", "last", "mean"}
        As for `resolve_duplicates`.
    levels : Levels or None
        Levels that means are put on; None where they stay as they are.
    """
    return _one_of_each(table, np.cumsum(~same), policy, levels)


def _one_of_each(table: pa.Table, keys: np.ndarray, policy: str, levels: Levels | None) -> pa.Table:
    times = table.column("timestamp").to_numpy() if "timestamp" in table.column_names else np.zeros(len(keys))
    order = np.lexsort((times, keys))
    starts = np.flatnonzero(np.append(True, np.diff(keys[order]) != 0))
    ends = np.append(starts[1:], len(keys))
    kept = order[starts] if policy == "first" else order[ends - 1]
    if policy == "mean":
        table = _with_means(table, order, starts, kept, levels)
    return table.take(pa.array(np.sort(kept)))


class RepeatedPairs:
    """Pairs that come more than once in ratings by user and item, a range of users after the other.

    Parameters
    ----------
    where : str
        Name of the input, for messages.

    Attributes
    ----------
    count : int
        Repeats so far.
    """

    def __init__(self, where: str) -> None:
        self._where, self.count = where, 0
        self._found: tuple[int, int, Any, Any] | None = None

    def add(self, table: pa.Table) -> None:
        """Add further ratings, which have a column `row` with their numbers in the input, from 0.

        They are sorted, equal pairs by row.
        """
        keys, row = PairCodes.of(table).keys(), table.column("row").to_numpy()
        seconds = np.flatnonzero(keys[1:] == keys[:-1]) + 1
        self.count += len(seconds)
        if len(seconds):
            at = int(seconds[np.argmin(row[seconds])])
            if self._found is None or row[at] < self._found[1]:
                user, item = (table.column(name)[at].as_py() for name in ("user", "item"))
                self._found = (int(row[at - 1]), int(row[at]), user, item)

    def finish(self) -> None:
        """Raise `DataError` if there were any."""
        if self._found is not None:
            first, second, user, item = self._found
            raise duplicate_error(user, item, (first, second), self.count, self._where)


def _first_duplicate(table: pa.Table, keys: np.ndarray, repeats: int, where: str) -> DataError:
    _, firsts, inverse = np.unique(keys, return_index=True, return_inverse=True)
    second = int(np.flatnonzero(firsts[inverse] != np.arange(len(keys)))[0])
    first = int(firsts[inverse[second]])
    user, item = table.column("user")[second].as_py(), table.column("item")[second].as_py()
    return duplicate_error(user, item, (first, second), repeats, where)


def duplicate_error(user: Any, item: Any, rows: tuple[int, int], repeats: int, where: str) -> DataError:
    """Return the error that tells of the first repeat, in two rows counted from 0, and of their number."""
    return DataError(
        f"{where}: user {user!r} rated item {item!r} more than once, in the ratings {rows[0] + 1:,} and "
        f"{rows[1] + 1:,}; {repeats:,} such {'repeat' if repeats == 1 else 'repeats'} in all, expected one "
        "rating of each user and item",
        hint="choose one with --duplicates last, first or mean",
    )


def _with_means(
    table: pa.Table, order: np.ndarray, starts: np.ndarray, kept: np.ndarray, levels: Levels | None
) -> pa.Table:
    """Put the mean of its group into the row that is kept of each."""
    ratings = table.column("rating").to_numpy()
    sizes = np.diff(np.append(starts, len(order)))
    means = np.add.reduceat(ratings[order].astype(np.float64), starts) / sizes
    several = sizes > 1
    chosen = means.astype(np.float32)
    if levels is not None:
        chosen = levels.values[levels.nearest(means)]
    ratings = ratings.copy()
    ratings[kept[several]] = chosen[several]
    index = table.schema.get_field_index("rating")
    return table.set_column(index, "rating", pa.array(ratings, pa.float32()))

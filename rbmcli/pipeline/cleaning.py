"""Ratings that are made clean, one of each pair, each on a level: by ranges of users, or at once.

The ranges need nothing of each other, so that they can be cleaned anywhere, in any order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from rbmcli.config import InputSettings, LevelSettings
from rbmcli.data.duplicates import duplicate_error, levels_of_means, repeated, resolve_sorted
from rbmcli.data.external_sort import SortedRows, UserRange
from rbmcli.data.levels import MAX_DISTINCT, UNKNOWN, Levels, choose_levels
from rbmcli.data.ordering import PairCodes
from rbmcli.data.rating_counts import RatingCounts
from rbmcli.data.tables import RatingsTable
from rbmcli.data.unknown_levels import assign_levels, unknown_level_error
from rbmcli.errors import DataError
from rbmcli.progress import Progress

ROW = "row of the input"
"""Name of the column that numbers the rows of the input, from 0; it is the last one."""

ROW_FIELD = pa.field(ROW, pa.int64())


def numbered(pieces: Iterable[pa.Table], seen: RatingCounts, first: int = 0) -> Iterator[pa.Table]:
    """Yield pieces of ratings with their rows numbered from the first on, and count their ratings."""
    for piece in pieces:
        seen.update(piece.column("rating").to_numpy())
        yield piece.append_column(ROW_FIELD, pa.array(np.arange(first, first + piece.num_rows)))
        first += piece.num_rows


@dataclass(frozen=True)
class Cleaner:
    """What cleans ranges of users of sorted ratings.

    Attributes
    ----------
    rows : SortedRows
        The ratings, `ROW` their last column.
    duplicates : str
        Policy of ratings of one pair.
    mean_levels : Levels or None
        Levels that means of duplicates are put on.
    scale : Levels or None
        The levels, where they are known before the ratings are.
    unknown_level : str
        Policy of ratings on no level.
    """

    rows: SortedRows
    duplicates: str
    mean_levels: Levels | None
    scale: Levels | None
    unknown_level: str

    @property
    def schema(self) -> pa.Schema:
        """Columns of what is cleaned."""
        return self.rows.schema.remove(len(self.rows.schema) - 1)

    def clean(self, users: UserRange) -> CleanedRange:
        """Return the ratings of a range of users, one of each pair, each on a level where these are known."""
        table = self.rows.read(users)
        same = repeated(table)
        n_repeats = int(np.count_nonzero(same))
        found: dict[str, Any] = {}
        if n_repeats and self.duplicates == "error":
            # As they stand: nothing is made of them.
            found["repeat"] = _first_repeat(table, same)
        elif n_repeats:
            table = resolve_sorted(table, same, self.duplicates, self.mean_levels)
        n_unknown = 0
        if self.scale is not None:
            index = self.scale.assign(table.column("rating").to_numpy())
            outside = index == UNKNOWN
            n_unknown = int(np.count_nonzero(outside))
            if n_unknown and self.unknown_level == "error":
                found["unknown_at"] = _first_unknown(table, outside)
            elif n_unknown and self.unknown_level == "drop":
                table = table.filter(pa.array(~outside))
        ratings = RatingCounts(MAX_DISTINCT)
        ratings.update(table.column("rating").to_numpy())
        return CleanedRange(table.select(self.schema.names), ratings, n_repeats, n_unknown, **found)

    def left_out_before(self, users: UserRange, row: int) -> int:
        """Return how many ratings of a range of users that a policy leaves out stand before a row."""
        table = self.rows.read(users)
        same = repeated(table)
        kept = resolve_sorted(table, same, self.duplicates, self.mean_levels) if same.any() else table
        before = [np.count_nonzero(each.column(ROW).to_numpy() < row) for each in (table, kept)]
        return int(before[0] - before[1])


def clean_range(cleaner: Cleaner, users: UserRange) -> CleanedRange:
    """Return what `Cleaner.clean` does: as a function of a module, for engines."""
    return cleaner.clean(users)


@dataclass(frozen=True)
class CleanedRange:
    """The ratings of a range of users, made clean.

    Attributes
    ----------
    table : pyarrow.Table
        The ratings, sorted.
    ratings : RatingCounts
        The distinct ones among them, up to those of a scale with levels.
    repeats, unknown : int
        Ratings of a pair that has one already, and ratings on no level.
    repeat : tuple or None
        With the policy error: row, row of the first rating of that pair, its user, its item.
    unknown_at : tuple or None
        With the policy error: row, rating.
    """

    table: pa.Table
    ratings: RatingCounts
    repeats: int
    unknown: int
    repeat: tuple[int, int, Any, Any] | None = None
    unknown_at: tuple[int, float] | None = None


def _first_repeat(table: pa.Table, same: np.ndarray) -> tuple[int, int, Any, Any]:
    rows = table.column(ROW).to_numpy()
    places = np.flatnonzero(same)
    place = int(places[np.argmin(rows[places])])
    first = int(np.flatnonzero(~same[:place])[-1])
    user, item = table.column("user")[place].as_py(), table.column("item")[place].as_py()
    return int(rows[place]), int(rows[first]), user, item


def _first_unknown(table: pa.Table, outside: np.ndarray) -> tuple[int, float]:
    rows = table.column(ROW).to_numpy()
    places = np.flatnonzero(outside)
    place = int(places[np.argmin(rows[places])])
    return int(rows[place]), table.column("rating")[place].as_py()


@dataclass
class Cleaned:
    """What was found while ranges were cleaned.

    Attributes
    ----------
    ratings : RatingCounts
        Distinct ratings, up to those of a scale with levels.
    rows, repeats, unknown : int
        Ratings that are left, those of a pair that has one already, and those on no level.
    repeat, unknown_at : tuple or None
        The first of all such, where the policy is error.
    """

    ratings: RatingCounts = field(default_factory=lambda: RatingCounts(MAX_DISTINCT))
    rows: int = 0
    repeats: int = 0
    unknown: int = 0
    repeat: tuple[int, int, Any, Any] | None = None
    unknown_at: tuple[int, float] | None = None

    def add(self, found: CleanedRange) -> None:
        """Add what was found in the next range."""
        self.ratings.add(found.ratings)
        self.rows += found.table.num_rows
        self.repeats += found.repeats
        self.unknown += found.unknown
        self.repeat = min(filter(None, (self.repeat, found.repeat)), default=None)
        self.unknown_at = min(filter(None, (self.unknown_at, found.unknown_at)), default=None)

    def check_duplicates(self, where: str) -> None:
        """Raise `DataError` if a pair has several ratings and the policy is error."""
        if self.repeat is not None:
            row, first, user, item = self.repeat
            raise duplicate_error(user, item, (first, row), self.repeats, where)

    def check_levels(self, cleaner: Cleaner, where: str) -> None:
        """Raise `DataError` if a rating is on no level and the policy is error."""
        if self.unknown_at is not None and cleaner.scale is not None:
            row, rating = self.unknown_at
            # Rows are told as they are counted after duplicates.
            if self.repeats:
                row -= sum(cleaner.left_out_before(users, row) for users in cleaner.rows.ranges())
            raise unknown_level_error(rating, row, self.unknown, cleaner.scale, where)


def known_scale(metadata: dict[str, Any], settings: LevelSettings, where: str) -> Levels | int | None:
    """Return the levels, or the number of bins, that a file or the settings name; None where neither does."""
    named = Levels.from_metadata(metadata)
    if named is not None and named.edges is None and settings == LevelSettings():
        return named
    if settings == LevelSettings():
        return None
    return choose_levels(np.empty(0, np.float32), settings, where)


def mean_levels(metadata: dict[str, Any], seen: RatingCounts) -> Levels | None:
    """Return the levels that means of duplicates are put on: those of a file, or a few distinct ratings."""
    return Levels.from_metadata(metadata) or levels_of_means(seen)


def clean(
    read: RatingsTable, input_settings: InputSettings, level_settings: LevelSettings
) -> tuple[pa.Table, Levels | int, dict[str, int]]:
    """Return ratings that are in memory in the order of a file, their scale, and counts of what was left out.

    The scale is a number of bins where it is continuous.

    Raises
    ------
    DataError
        If a rating is on no level and the policy is error, or the scale is none to learn from.
    """
    scale = known_scale(read.metadata, level_settings, read.where)
    if scale is None:
        scale = choose_levels(read.table.column("rating").to_numpy(), level_settings, read.where)
    table, unknown = read.table, 0
    if isinstance(scale, Levels):
        table, _, unknown = assign_levels(table, scale, input_settings.unknown_level, read.where)
    counts = {
        "read": read.n_read,
        "bad": read.n_bad,
        "duplicate": read.n_duplicates,
        **counts_unknown(unknown, input_settings),
        "filtered": 0,
    }
    if not table.num_rows:
        raise nothing_left(read.where, read.n_read)
    return table.take(pa.array(PairCodes.of(table).order())).combine_chunks(), scale, counts


def nothing_left(where: str, n_read: int) -> DataError:
    """Return the error that tells that no ratings are left."""
    return DataError(
        f"{where}: no ratings are left of {n_read:,} read",
        hint="lower --min-user-ratings or --min-item-ratings",
    )


def counts_unknown(unknown: int, settings: InputSettings) -> dict[str, int]:
    """Return the counts of ratings on no level by what became of them."""
    return {
        "unknown_level": unknown if settings.unknown_level == "drop" else 0,
        "nearest_level": unknown if settings.unknown_level == "nearest" else 0,
    }


def tell_read(where: str, counts: dict[str, int], progress: Progress) -> None:
    """Tell how many rows were read, and what became of those that were left out or moved."""
    progress.info(f"{where}: {counts['read']:,} rows read")
    left_out = {
        "bad": "bad rows",
        "duplicate": "duplicates",
        "unknown_level": "on no level",
        "filtered": "of users or items with too few ratings",
    }
    for key, words in left_out.items():
        if counts[key]:
            progress.info(f"{counts[key]:,} left out: {words}")
    if counts["nearest_level"]:
        progress.info(f"{counts['nearest_level']:,} are on no level and count as the nearest one")

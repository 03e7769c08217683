"""The ratings that come with a question, of ranges of users: read when they are needed, never all at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from rbmcli.data.by_user import SortedFile
from rbmcli.data.duplicates import resolve_duplicates
from rbmcli.data.external_sort import SortedRows, UserRange
from rbmcli.data.ids import IdIndex
from rbmcli.data.levels import Levels
from rbmcli.data.unknown_levels import LevelAssigner
from rbmcli.errors import MismatchError
from rbmcli.models.day_bias import days_of
from rbmcli.models.histories import Histories
from rbmcli.models.rating_model import RatingModel
from rbmcli.pipeline.asking import with_types

RATINGS_AT_ONCE = 1 << 21
"""Ratings of the users who are asked for together, at most, but where one has more."""

NO_DUPLICATES = "none"
"""What becomes of a pair that comes twice, where none does."""


@dataclass(frozen=True)
class Terms:
    """The terms of a model that ratings are brought into.

    Attributes
    ----------
    user, item : pyarrow.DataType
        Types of its ids.
    levels : Levels
        Its scale.
    takes_days : bool
        Whether the days of ratings count.
    duplicates, unknown_level : str
        What becomes of a pair that comes twice, and of a rating that is on no level.
    where : str
        Name of the ratings, for messages.
    """

    user: pa.DataType
    item: pa.DataType
    levels: Levels
    takes_days: bool
    duplicates: str
    unknown_level: str
    where: str

    def typed(self, table: pa.Table) -> pa.Table:
        """Return a table with the model's types of ids."""
        return with_types(table, {"user": self.user, "item": self.item}, self.where)

    def assigner(self) -> LevelAssigner:
        """Return what puts ratings on levels, and counts those that are on none."""
        return LevelAssigner(self.levels, self.unknown_level, self.where, error=MismatchError)


@dataclass(frozen=True)
class HistoryByUser:
    """The ratings that come with a question, by user.

    Attributes
    ----------
    place : SortedRows or SortedFile
        Where they are.
    terms : Terms
        What they are brought into.
    users : IdIndex
        All who have rated anything.
    start : ndarray of int64, shape (users + 1,)
        About the first rating of each, in order.
    fingerprint : str
        Fingerprint of the ratings.
    metadata : dict
        The rbmcli metadata of their file.
    knows_item : bool
        Whether the model knows an item that is rated.
    has_days : bool
        Whether there are days that count.
    """

    place: SortedRows | SortedFile
    terms: Terms
    users: IdIndex
    start: np.ndarray
    fingerprint: str
    metadata: dict[str, Any]
    knows_item: bool
    has_days: bool

    @property
    def where(self) -> str:
        """Name of the ratings, for messages."""
        return self.terms.where

    @property
    def rows(self) -> int:
        """About how many ratings there are."""
        return int(self.start[-1])

    def read(self, users: UserRange = (None, None)) -> tuple[pa.Table, np.ndarray]:
        """Return the ratings of a range of users, and the level of each."""
        table = self.place.read(users)
        if self.terms.duplicates != NO_DUPLICATES:
            table, _ = resolve_duplicates(table, self.terms.duplicates, self.terms.levels, self.where)
        return self.terms.assigner().assign(self.terms.typed(table))

    def tables(self) -> Iterator[pa.Table]:
        """Yield all ratings, a range of users after the other."""
        for span in self.cut(self.users):
            yield self.read(span)[0]

    def pairs_of(self, users: IdIndex) -> pa.Table:
        """Return what some users have rated, `user` and `item`."""
        places = self.users.lookup(users.values)
        places = places[places >= 0]
        if not len(places):
            return pa.table({"user": pa.array([], self.terms.user), "item": pa.array([], self.terms.item)})
        table = self.read(self._range(int(places[0]), int(places[-1])))[0].select(["user", "item"])
        return table.filter(pa.array(users.lookup(table.column("user")) >= 0))

    def histories(self, model: RatingModel, users: IdIndex) -> Histories:
        """Return the ratings of some users in the terms of the model."""
        places = self.users.lookup(users.values)
        places = places[places >= 0]
        if not len(places):
            table = pa.table({"user": pa.array([], self.terms.user), "item": pa.array([], self.terms.item)})
            level, timestamp = np.empty(0, np.uint8), pa.chunked_array([pa.array([], pa.int64())])
        else:
            table, level = self.read(self._range(int(places[0]), int(places[-1])))
            timestamp = table.column("timestamp") if self.has_days else None
        day = days_of(timestamp) if self.has_days else None
        return Histories.build(model, users, table.column("user"), table.column("item"), level, day)

    def cut(self, users: IdIndex) -> list[UserRange]:
        """Return ranges of users, in order, with all of those given and bounded numbers of ratings."""
        return [self._bounds(users, first, end) for first, end in self.parts(users)]

    def parts(self, users: IdIndex, most_users: int | None = None) -> list[tuple[int, int]]:
        """Cut users into runs of bounded numbers of ratings; return the first of each, and the end."""
        places = self.users.lookup(users.values)
        # Who has no ratings stands where the one before does.
        known = np.maximum.accumulate(np.where(places >= 0, places, -1)) if len(places) else places
        begin, end = self.start[np.maximum(known, 0)], self.start[known + 1]
        runs, first = [], 0
        while first < len(places):
            last = int(np.searchsorted(end, begin[first] + RATINGS_AT_ONCE, side="right"))
            if most_users is not None:
                last = min(last, first + most_users)
            runs.append((first, max(last, first + 1)))
            first = runs[-1][1]
        return runs

    def _bounds(self, users: IdIndex, first: int, end: int) -> UserRange:
        values = users.values
        return values[first].as_py(), values[end].as_py() if end < len(values) else None

    def _range(self, first: int, last: int) -> UserRange:
        return self._bounds(self.users, first, last + 1)

"""The ratings that come with a question, of ranges of users: read when they are needed, never all at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from rbmcli.config import InputSettings
from rbmcli.data.ahead import ahead
from rbmcli.data.by_user import MARK_ROWS, SortedFile, UserRuns, local_parquet, sorted_file
from rbmcli.data.duplicates import RepeatedPairs, resolve_duplicates
from rbmcli.data.external_sort import SortedRows, UserRange, sorted_by_user
from rbmcli.data.fingerprints import LEVELS, Fingerprint
from rbmcli.data.ids import IdIndex
from rbmcli.data.intake import Source, read_ratings
from rbmcli.data.levels import Levels
from rbmcli.data.streaming import RatingsPieces, open_ratings
from rbmcli.data.unknown_levels import LevelAssigner
from rbmcli.errors import MismatchError
from rbmcli.models.day_bias import days_of
from rbmcli.models.histories import Histories
from rbmcli.models.rating_model import RatingModel
from rbmcli.pipeline.asking import with_types
from rbmcli.progress import HeldBack, Progress

RATINGS_AT_ONCE = 1 << 21
"""Ratings of the users who are asked for together, at most, but where one has more."""

_MOST_IN_MEMORY = 1 << 24
"""Ratings, in no order, that are sorted in memory."""

_NONE = "none"
"""What becomes of a pair that comes twice, where none does."""

_SORTING_BYTES = 1 << 30
_ROW = "row"
_COLUMNS = ("user", "item", "rating", "timestamp")


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
        if self.terms.duplicates != _NONE:
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


@contextmanager
def open_history(
    model: RatingModel, source: Source, settings: InputSettings, progress: Progress
) -> Iterator[HistoryByUser]:
    """Look through the ratings of those who ask; while the block lasts those of any users can be read.

    Raises
    ------
    DataError
        If they cannot be read, or for bad rows and duplicates where the settings say so.
    MismatchError
        If ids or levels are not those of the model.
    """
    with ExitStack() as stack:
        file = sorted_file(source, settings)
        if file is not None:
            told = HeldBack(progress)
            found = _of_file(model, file, source, settings, told)
            if found is not None:
                told.release()
                yield found
                return
        yield _of_rows(model, source, settings, progress, stack)


def _terms(model: RatingModel, where: str, settings: InputSettings) -> Terms:
    return Terms(
        model.user_ids.type,
        model.item_ids.type,
        model.levels,
        model.takes_days,
        settings.duplicates,
        settings.unknown_level,
        where,
    )


class _Survey:
    """What is to be known of all ratings before the first is used, from ratings by user and item."""

    def __init__(self, model: RatingModel, terms: Terms, progress: Progress) -> None:
        self._model, self._terms, self._progress = model, terms, progress
        self._fingerprint, self._assigner = Fingerprint(), terms.assigner()
        self._runs, self._knows_item, self._has_days = UserRuns(), False, False
        self.last = pa.table({})

    def add(self, table: pa.Table) -> bool:
        """Add further ratings; return whether they came in order."""
        self.last = table = self._terms.typed(table)
        if not self._runs.add(table):
            return False
        user, item = table.column("user"), table.column("item")
        unknown = self._assigner.unknown
        table, index = self._assigner.assign(table)
        if self._assigner.unknown > unknown:
            # What is on no level counts as one more level.
            user, item = table.column("user"), table.column("item")
            index = self._terms.levels.assign(table.column("rating").to_numpy())
        self._fingerprint.update(user, item, index)
        self._knows_item = self._knows_item or bool((self._model.item_ids.lookup(item) >= 0).any())
        self._has_days = "timestamp" in table.column_names
        return True

    def finish(self, place: SortedRows | SortedFile, metadata: dict[str, Any]) -> HistoryByUser:
        """Return the ratings, after all have been added."""
        terms, model = self._terms, self._model
        self._assigner.finish()
        if self._assigner.unknown:
            self._progress.warn(
                f"{terms.where}: {self._assigner.unknown:,} ratings are on no level of the model"
            )
        if model.takes_days and not self._has_days:
            self._progress.warn(
                f"{terms.where}: it has no timestamps, and the model was trained with the bias of a day: "
                "predictions are worse than they could be"
            )
        label = self._fingerprint.hexdigest(terms.user, terms.item, LEVELS)
        users, start = IdIndex(self._runs.users(terms.user)), self._runs.start()
        found = HistoryByUser(
            place, terms, users, start, label, metadata, self._knows_item, model.takes_days and self._has_days
        )
        if self._assigner.unknown and terms.unknown_level == "drop":
            return _with_those_left(found)
        return found


def _with_those_left(history: HistoryByUser) -> HistoryByUser:
    """Leave out users none of whose ratings are on a level."""
    left = [np.unique(history.users.lookup(table.column("user"))) for table in history.tables()]
    kept = np.concatenate([np.empty(0, np.int64), *left]).astype(np.int64)
    start = np.append(history.start[kept], history.start[-1])
    return replace(history, users=history.users.take(kept), start=start)


def _of_file(
    model: RatingModel, file: SortedFile, source: Source, settings: InputSettings, progress: Progress
) -> HistoryByUser | None:
    """Return the ratings of a file that is in order, as it turns out; None where it is not."""
    marks: list[Any] = []
    seen = 0
    # What is made ahead has come to its end before the file is closed.
    with (
        open_ratings(source, settings, progress) as opened,
        closing(ahead(opened.pieces)) as pieces,
    ):
        terms = replace(_terms(model, opened.where, settings), duplicates=_NONE)
        survey = _Survey(model, terms, progress)
        for piece in pieces:
            if not survey.add(piece) or opened.n_bad:
                return None
            places = np.arange(-seen % MARK_ROWS, piece.num_rows, MARK_ROWS)
            marks += survey.last.column("user").take(pa.array(places)).to_pylist()
            seen += piece.num_rows
        if opened.n_bad or seen != int(file.group_start[-1]):
            return None
        return survey.finish(replace(file, where=opened.where, first_users=tuple(marks)), opened.metadata)


def _of_rows(
    model: RatingModel, source: Source, settings: InputSettings, progress: Progress, stack: ExitStack
) -> HistoryByUser:
    """Return ratings that come in any order, sorted."""
    if local_parquet(source, settings) is not None:
        with open_ratings(source, settings, HeldBack(progress)) as opened:
            if opened.rows > _MOST_IN_MEMORY:
                return _of_many_rows(model, opened, settings, progress, stack)
    read = read_ratings(source, settings, progress, model.levels)
    terms = _terms(model, read.where, settings)
    assigner = terms.assigner()
    assigner.assign(read.table)
    assigner.finish()
    rows = stack.enter_context(_sorted(terms, iter([read.table]), read.table.schema))
    survey = _Survey(model, replace(terms, duplicates=_NONE), progress)
    for table in rows:
        survey.add(table)
    if not rows.rows:
        survey.add(rows.schema.empty_table())
    return survey.finish(rows, read.metadata)


def _sorted(terms: Terms, tables: Iterator[pa.Table], schema: pa.Schema) -> Any:
    kept = [name for name in (*_COLUMNS, _ROW) if name in schema.names]
    typed = terms.typed(schema.empty_table().select(kept)).schema
    return sorted_by_user((terms.typed(table.select(kept)) for table in tables), typed, _SORTING_BYTES)


def _of_many_rows(
    model: RatingModel, opened: RatingsPieces, settings: InputSettings, progress: Progress, stack: ExitStack
) -> HistoryByUser:
    terms = _terms(model, opened.where, settings)

    def numbered() -> Iterator[pa.Table]:
        """Yield the pieces, with the number of each row."""
        seen = 0
        for piece in opened.pieces:
            yield piece.append_column(_ROW, pa.array(np.arange(seen, seen + piece.num_rows)))
            seen += piece.num_rows

    schema = opened.schema.append(pa.field(_ROW, pa.int64()))
    with progress.step(f"sorting {opened.where}"):
        rows = stack.enter_context(_sorted(terms, numbered(), schema))
    survey, repeated = _Survey(model, terms, progress), RepeatedPairs(opened.where)
    dropped = 0
    for table in rows:
        if settings.duplicates == "error":
            repeated.add(table)
        else:
            table, some = resolve_duplicates(table, settings.duplicates, model.levels, opened.where)
            dropped += some
        if not repeated.count:
            survey.add(table)
    repeated.finish()
    if dropped:
        progress.info(
            f"{opened.where}: {dropped:,} duplicate ratings left out (--duplicates {settings.duplicates})"
        )
    terms = terms if dropped else replace(terms, duplicates=_NONE)
    return replace(survey.finish(rows, opened.metadata), terms=terms)

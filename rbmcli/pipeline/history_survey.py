"""Looking through the ratings that come with a question: their order, and what is known of all of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from rbmcli.config import InputSettings
from rbmcli.data.ahead import ahead
from rbmcli.data.by_user import MARK_ROWS, SortedFile, UserRuns, local_parquet, sorted_file
from rbmcli.data.duplicates import RepeatedPairs, resolve_duplicates
from rbmcli.data.external_sort import SortedRows, sorted_by_user
from rbmcli.data.fingerprints import LEVELS, Fingerprint
from rbmcli.data.ids import IdIndex
from rbmcli.data.intake import Source, read_ratings
from rbmcli.data.outputs import local_path
from rbmcli.data.streaming import RatingsPieces, open_ratings
from rbmcli.models.rating_model import RatingModel
from rbmcli.pipeline.history_by_user import NO_DUPLICATES, HistoryByUser, Terms
from rbmcli.progress import HeldBack, Progress

_MOST_IN_MEMORY = 1 << 24
"""Ratings, in no order, that are sorted in memory."""

_LARGE_FILE = 1 << 28
"""Bytes of a file that is not Parquet, which does not tell its rows."""

_SORTING_BYTES = 1 << 30
_ROW = "row"
_COLUMNS = ("user", "item", "rating", "timestamp")


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
        terms = replace(_terms(model, opened.where, settings), duplicates=NO_DUPLICATES)
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
    elif _is_large(source):
        with open_ratings(source, settings, progress) as opened:
            return _of_many_rows(model, opened, settings, progress, stack)
    read = read_ratings(source, settings, progress, model.levels)
    terms = _terms(model, read.where, settings)
    assigner = terms.assigner()
    assigner.assign(read.table)
    assigner.finish()
    rows = stack.enter_context(_sorted(terms, iter([read.table]), read.table.schema))
    survey = _Survey(model, replace(terms, duplicates=NO_DUPLICATES), progress)
    for table in rows:
        survey.add(table)
    if not rows.rows:
        survey.add(rows.schema.empty_table())
    return survey.finish(rows, read.metadata)


def _is_large(source: Source) -> bool:
    """Return whether an input is a file of this machine that is large, of whatever format."""
    path = local_path(source) if isinstance(source, str | os.PathLike) else None
    return path is not None and path.is_file() and path.stat().st_size > _LARGE_FILE


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
    terms = terms if dropped else replace(terms, duplicates=NO_DUPLICATES)
    return replace(survey.finish(rows, opened.metadata), terms=terms)

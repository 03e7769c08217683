"""The pairs that are asked for: in the row order of their input, and by user, some at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rbmcli.config import InputSettings
from rbmcli.data.by_user import local_parquet
from rbmcli.data.external_sort import SortedRows, sorted_by_user
from rbmcli.data.ids import IdIndex
from rbmcli.data.intake import Source, read_pairs
from rbmcli.data.streaming import open_pairs
from rbmcli.data.tables import PairsTable
from rbmcli.models.day_bias import days_of
from rbmcli.models.rating_model import RatingModel
from rbmcli.pipeline.asking import with_model_ids
from rbmcli.progress import SILENT, Progress

PAIRS_AT_ONCE = 1 << 18
"""Pairs of a task, at most."""

ROW, DAY = "row", "day"
_SORTING_BYTES = 1 << 30

Pieces = Callable[[Progress | None], Iterator[PairsTable]]


@dataclass(frozen=True)
class AskedPairs:
    """Pairs, with the model's types of ids.

    Attributes
    ----------
    first : PairsTable
        No pairs, but all that is known of their table.
    pieces : callable
        Returns all of them in the row order of their input, each time that it is called. It is given who is
        told of what is found, the first time, and after that None.
    rows : int
        How many there are.
    users : int
        How many users ask, as far as a user's pairs stand together.
    by_user : SortedRows or None
        The pairs by user, with their rows; None where they come so.
    knows_item, knows_user : bool
        Whether the model knows any of the items, and of the users.
    """

    first: PairsTable
    pieces: Pieces
    rows: int
    users: int
    by_user: SortedRows | None
    knows_item: bool
    knows_user: bool

    def questions(self, first: int = 0, end: int | None = None) -> Iterator[pa.Table]:
        """Yield pairs by user: `user`, `item`, perhaps `day`, and `row` where they come in another order.

        Parameters
        ----------
        first, end : int
            Which of them, as counted by user.
        """
        end = self.rows if end is None else end
        seen = 0
        for table in self._by_user():
            low, high = max(first - seen, 0), min(end - seen, table.num_rows)
            seen += table.num_rows
            for at in range(low, high, PAIRS_AT_ONCE):
                yield table.slice(at, min(PAIRS_AT_ONCE, high - at))
            if seen >= end:
                return

    def _by_user(self) -> Iterator[pa.Table]:
        if self.by_user is not None:
            yield from self.by_user
        else:
            yield from map(question_of, self.pieces(None))


def question_of(piece: PairsTable) -> pa.Table:
    """Return what is asked of pairs: `user`, `item` and, if timestamps count, `day`."""
    table = piece.table.select(["user", "item"])
    return table if piece.timestamp is None else table.append_column(DAY, pa.array(days_of(piece.timestamp)))


@contextmanager
def open_asked(
    model: RatingModel, pairs: Source, settings: InputSettings, progress: Progress, *, timestamps: bool
) -> Iterator[AskedPairs]:
    """Look through the pairs that are asked for; while the block lasts they can be read.

    Raises
    ------
    DataError
        If they cannot be read, or for bad rows where the settings say so.
    MismatchError
        If ids are not those of the model.
    """

    def with_ids(piece: PairsTable) -> PairsTable:
        """Return pairs with the model's types of ids."""
        table = with_model_ids(piece.table, model, piece.where)
        return PairsTable(table, piece.metadata, piece.where, piece.timestamp, piece.rating_name)

    if local_parquet(pairs, settings) is not None:
        # What is bad is told, and kept, the first time alone.
        again = settings if settings.on_error == "fail" else replace(settings, on_error="skip")

        def pieces(told: Progress | None) -> Iterator[PairsTable]:
            """Yield the pairs of a file."""
            way, listener = (again, SILENT) if told is None else (settings, told)
            with open_pairs(
                pairs, way, listener, timestamps=timestamps, rows_at_once=PAIRS_AT_ONCE
            ) as opened:
                yield from map(with_ids, opened.pieces)
    else:
        whole = with_ids(read_pairs(pairs, settings, progress, timestamps=timestamps))

        def pieces(told: Progress | None) -> Iterator[PairsTable]:
            """Yield the pairs of a table."""
            yield from _cut(whole)

    with ExitStack() as stack:
        yield _surveyed(model, pieces, progress, stack)


def _cut(whole: PairsTable) -> Iterator[PairsTable]:
    for first in range(0, max(whole.table.num_rows, 1), PAIRS_AT_ONCE):
        timestamp = None if whole.timestamp is None else whole.timestamp.slice(first, PAIRS_AT_ONCE)
        table = whole.table.slice(first, PAIRS_AT_ONCE)
        yield PairsTable(table, whole.metadata, whole.where, timestamp, whole.rating_name)


def _surveyed(model: RatingModel, pieces: Pieces, progress: Progress, stack: ExitStack) -> AskedPairs:
    first, last, rows, users = None, None, 0, 0
    in_order, knows_item, knows_user = True, False, False
    for piece in pieces(progress):
        user, item = piece.table.column("user"), piece.table.column("item")
        if first is None:
            first = _empty(piece)
        if not piece.table.num_rows:
            continue
        knows_item = knows_item or bool((model.item_ids.lookup(item) >= 0).any())
        knows_user = knows_user or bool((model.user_ids.lookup(user) >= 0).any())
        before, after = user.slice(0, len(user) - 1), user.slice(1)
        in_order = in_order and (last is None or user[0].as_py() >= last)
        in_order = in_order and bool(pc.all(pc.less_equal(before, after), min_count=0).as_py())
        users += int(pc.sum(pc.not_equal(before, after)).as_py() or 0) + (user[0].as_py() != last)
        last = user[len(user) - 1].as_py()
        rows += len(user)
    assert first is not None
    by_user = None if in_order else stack.enter_context(_sorted(pieces, first))
    if by_user is not None:
        users = sum(len(IdIndex.of(table.column("user"))) for table in by_user)
    return AskedPairs(first, pieces, rows, users, by_user, knows_item, knows_user)


def _empty(piece: PairsTable) -> PairsTable:
    timestamp = None if piece.timestamp is None else piece.timestamp.slice(0, 0)
    table = piece.table.slice(0, 0)
    return PairsTable(table, piece.metadata, piece.where, timestamp, piece.rating_name)


def _sorted(pieces: Pieces, first: PairsTable) -> Any:
    def numbered() -> Iterator[pa.Table]:
        """Yield what is asked, with the row of each pair."""
        seen = 0
        for piece in pieces(None):
            table = question_of(piece)
            yield table.append_column(ROW, pa.array(np.arange(seen, seen + table.num_rows)))
            seen += table.num_rows

    schema = question_of(first).schema.append(pa.field(ROW, pa.int64()))
    return sorted_by_user(numbered(), schema, _SORTING_BYTES)


def every_item(model: RatingModel, users: IdIndex, metadata: dict[str, Any], where: str) -> AskedPairs:
    """Return every item of a model for every one of some users."""
    items = model.item_ids.values
    at_once = max(1, PAIRS_AT_ONCE // max(len(items), 1))

    def pieces(told: Progress | None) -> Iterator[PairsTable]:
        """Yield the pairs of some users after the other."""
        for first in range(0, max(len(users), 1), at_once):
            some = users.values.slice(first, at_once)
            user = np.repeat(np.arange(len(some)), len(items))
            item = np.tile(np.arange(len(items)), len(some))
            table = pa.table({"user": some.take(pa.array(user)), "item": items.take(pa.array(item))})
            yield PairsTable(table, {}, where)

    first = PairsTable(pa.table({"user": users.values.slice(0, 0), "item": items.slice(0, 0)}), {}, where)
    knows_user = bool((model.user_ids.lookup(users.values) >= 0).any())
    rows = len(users) * len(items)
    return AskedPairs(first, pieces, rows, len(users), None, bool(rows), knows_user)

"""What a model says of the pairs of a task, and the answers to all of them in the row order of the pairs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from rbmcli.config import PredictSettings
from rbmcli.data.ids import IdIndex
from rbmcli.data.temporary import temporary_folder
from rbmcli.kernels.scoring import NOT_OWN
from rbmcli.models.also_rated import AlsoRated
from rbmcli.models.kinds import predictor_of
from rbmcli.models.predictor import Answers
from rbmcli.pipeline.asked_pairs import DAY, ROW
from rbmcli.pipeline.history_by_user import HistoryByUser
from rbmcli.pipeline.model_handle import ModelHandle

PREDICTION, SOURCE, OWN, PROBABILITY = "prediction", "source", "own", "probability"
_IN_MEMORY = 1 << 22
"""Answers that are put in order in memory, at most."""


@dataclass(frozen=True)
class Question:
    """What is asked of every pair; a task is the pairs.

    Attributes
    ----------
    model : ModelHandle
        The model.
    history : HistoryByUser
        The ratings of all who ask.
    also_rated : AlsoRated or None
        What is known to have been rated besides.
    settings : PredictSettings
        What to predict.
    """

    model: ModelHandle
    history: HistoryByUser
    also_rated: AlsoRated | None
    settings: PredictSettings


def answer_schema(settings: PredictSettings, levels: int, *, with_rows: bool) -> pa.Schema:
    """Return the columns of answers: codes of sources, and whether a pair stood in the history."""
    fields = [(PREDICTION, pa.float32()), (SOURCE, pa.uint8()), (OWN, pa.bool_())]
    if settings.probabilities:
        fields.append((PROBABILITY, pa.list_(pa.float32(), levels)))
    return pa.schema([*fields, (ROW, pa.int64())] if with_rows else fields)


def answer(question: Question, pairs: pa.Table) -> pa.Table:
    """Return what the model says of pairs, row by row; the pairs come by user."""
    model = question.model.model
    users = IdIndex.of(pairs.column("user"))
    code = users.lookup(pairs.column("user"))
    schema = answer_schema(question.settings, len(model.levels), with_rows=ROW in pairs.column_names)
    parts = []
    for first, end in question.history.parts(users):
        low, high = (int(np.searchsorted(code, each)) for each in (first, end))
        some = IdIndex(users.values.slice(first, end - first))
        parts.append(_answered(question, pairs.slice(low, high - low), some, code[low:high] - first, schema))
    return pa.concat_tables([schema.empty_table(), *parts])


def _answered(
    question: Question, pairs: pa.Table, users: IdIndex, user: np.ndarray, schema: pa.Schema
) -> pa.Table:
    said, own = _said(question, pairs, users, user)
    columns = {
        PREDICTION: pa.array(said.prediction.astype(np.float32)),
        SOURCE: pa.array(said.source, pa.uint8()),
        OWN: pa.array(own != NOT_OWN),
    }
    if question.settings.probabilities:
        columns[PROBABILITY] = pa.FixedSizeListArray.from_arrays(
            pa.array(said.probability.ravel()), said.probability.shape[1]
        )
    if ROW in pairs.column_names:
        columns[ROW] = pairs.column(ROW)
    return pa.table(columns, schema=schema)


def _said(
    question: Question, pairs: pa.Table, users: IdIndex, user: np.ndarray
) -> tuple[Answers, np.ndarray]:
    model = question.model.model
    histories = question.history.histories(model, users)
    unrated = None if question.also_rated is None else question.also_rated.of(users)
    predictor = predictor_of(model, histories, exact=question.settings.exact(), also_rated=unrated)
    item = model.item_ids.lookup(pairs.column("item"))
    own = np.full(len(user), NOT_OWN, np.uint8)
    if not question.settings.keep_own:
        own = histories.own_level(user, histories.items.lookup(pairs.column("item")))
    day = pairs.column(DAY).to_numpy() if DAY in pairs.column_names else None
    return predictor.answers(user, item, own, day), own


def count_own(history: HistoryByUser, pairs: pa.Table) -> int:
    """Return how many of some pairs, which come by user, stand in the history."""
    users, count = IdIndex.of(pairs.column("user")), 0
    code = users.lookup(pairs.column("user"))
    for first, end in history.parts(users):
        low, high = (int(np.searchsorted(code, each)) for each in (first, end))
        some = IdIndex(users.values.slice(first, end - first))
        rated = history.pairs_of(some)
        asked = pairs.slice(low, high - low)
        items = IdIndex.of(rated.column("item"))
        keys = some.lookup(rated.column("user")).astype(np.int64) * len(items) + items.lookup(
            rated.column("item")
        )
        item = items.lookup(asked.column("item"))
        wanted = (code[low:high] - first).astype(np.int64) * len(items) + item
        count += int(np.count_nonzero(np.isin(wanted, keys) & (item >= 0)))
    return count


class Answered:
    """Answers that come some at a time, and are asked for others at a time."""

    def __init__(self, tables: Iterator[pa.Table], schema: pa.Schema) -> None:
        self._tables, self._left = tables, schema.empty_table()

    def take(self, rows: int) -> pa.Table:
        """Return the next so many answers."""
        parts, count = [self._left], self._left.num_rows
        while count < rows:
            parts.append(next(self._tables))
            count += parts[-1].num_rows
        table = pa.concat_tables(parts)
        self._left = table.slice(rows)
        return table.slice(0, rows)


@contextmanager
def in_row_order(tables: Iterator[pa.Table], rows: int, schema: pa.Schema) -> Iterator[Iterator[pa.Table]]:
    """Put answers that come with their rows into the order of these; while the block lasts they are there."""
    with temporary_folder() as folder:
        columns = {
            field.name: _room(folder / field.name, field.type, rows) for field in schema if field.name != ROW
        }
        for table in tables:
            row = table.column(ROW).to_numpy()
            for name, room in columns.items():
                room[row] = _values(table.column(name))
        yield _tables(columns, rows, schema)
        columns.clear()


def _room(path: Path, kind: pa.DataType, rows: int) -> np.ndarray:
    """Return an array for so many answers, in a file where they are many."""
    shape = (rows, kind.list_size) if pa.types.is_fixed_size_list(kind) else (rows,)
    dtype = np.dtype((kind.value_type if len(shape) > 1 else kind).to_pandas_dtype())
    if rows <= _IN_MEMORY:
        return np.empty(shape, dtype)
    return np.memmap(path, dtype, "w+", shape=shape)


def _values(column: pa.ChunkedArray) -> np.ndarray:
    if pa.types.is_fixed_size_list(column.type):
        flat = np.concatenate([chunk.flatten().to_numpy() for chunk in column.chunks])
        return flat.reshape(-1, column.type.list_size)
    return column.to_numpy()


def _tables(columns: dict[str, np.ndarray], rows: int, schema: pa.Schema) -> Iterator[pa.Table]:
    kept = pa.schema([field for field in schema if field.name != ROW])
    for first in range(0, rows, 1 << 18):
        arrays = []
        for field in kept:
            values = np.array(columns[field.name][first : first + (1 << 18)])
            if values.ndim > 1:
                arrays.append(pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1]))
            else:
                arrays.append(pa.array(values, field.type))
        yield pa.table(arrays, schema=kept)

"""Ratings of Parquet files as small integers, read piece by piece, so that they take nine bytes each.

Ids get numbers as they come, and are put in their order at the end. Ratings get numbers too, since a scale
has few different ones.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rbmcli.config import InputSettings
from rbmcli.data.blocks import blocks
from rbmcli.data.ids import IdIndex
from rbmcli.data.intake import check_same_run
from rbmcli.data.readers.opening import Source
from rbmcli.data.streaming import RatingsPieces, open_ratings
from rbmcli.errors import DataError
from rbmcli.progress import Progress

MOST_VALUES = 128
"""Different ratings that are numbered; those of more are measurements rather than a scale."""

SECOND = 128
"""What is added to the number of a rating of the second input."""

_ROWS_AT_ONCE = 1 << 21
_MAGIC = b"PAR1"


@dataclass
class CodedRatings:
    """Ratings of one input, or of two, those of the second after those of the first.

    Attributes
    ----------
    users, items : IdIndex
        Distinct ids of both.
    user, item : ndarray of int32
        Position of the user and of the item of each rating.
    value : ndarray of uint8
        Position of each rating in `values`, plus `SECOND` for those of the second input.
    values : ndarray of float32
        The distinct ratings, increasing.
    read : list of RatingsPieces
        The inputs, which are read.
    """

    users: IdIndex
    items: IdIndex
    user: np.ndarray
    item: np.ndarray
    value: np.ndarray
    values: np.ndarray
    read: list[RatingsPieces]

    def take(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return user, item and value, which are no longer kept here, so that they may go."""
        taken = self.user, self.item, self.value
        self.user, self.item, self.value = (array[:0].copy() for array in taken)
        return taken


def read_coded(sources: Sequence[Source], settings: InputSettings, progress: Progress) -> CodedRatings | None:
    """Read ratings of Parquet files of this machine.

    Parameters
    ----------
    sources : sequence of one or two paths
        The inputs.
    settings : InputSettings
        As for `rbmcli.data.intake.read_ratings`.
    progress : Progress
        Told how far they are read.

    Returns
    -------
    CodedRatings or None
        None where something needs the whole table: another format, bad rows, ids of two types, more different
        ratings than `MOST_VALUES`. Whoever reads the table then says what it is. Pairs may stand there twice.

    Raises
    ------
    MismatchError
        If the inputs are of two runs of prepare.
    """
    if not all(_is_parquet(source) for source in sources):
        return None
    try:
        with ExitStack() as stack:
            strict = dataclasses.replace(settings, on_error="fail")
            read = [stack.enter_context(open_ratings(source, strict, progress)) for source in sources]
            check_same_run(*((each.metadata, each.where) for each in read))
            kinds = [[each.schema.field(name).type for name in ("user", "item")] for each in read]
            if kinds[0] != kinds[-1] or not read[0].rows:
                return None
            return _coded(read)
    except DataError:
        return None


def _is_parquet(source: Source) -> bool:
    if not isinstance(source, str | os.PathLike):
        return False
    path = Path(source)
    if path.is_dir():
        return True
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


class _Numbers:
    """Numbers for the different values of a column that comes in pieces, in the order that they come in."""

    def __init__(self, kind: pa.DataType) -> None:
        self.values = pa.array([], kind)

    def of(self, column: pa.ChunkedArray) -> np.ndarray:
        """Return the number of each value of the next piece, int32."""
        encoded = column.combine_chunks().dictionary_encode()
        if isinstance(encoded, pa.ChunkedArray):
            encoded = encoded.combine_chunks()
        found = pc.index_in(encoded.dictionary, value_set=self.values)
        new = encoded.dictionary.filter(found.is_null())
        number = np.asarray(found.fill_null(-1), dtype=np.int32).copy()
        number[number < 0] = len(self.values) + np.arange(len(new), dtype=np.int32)
        self.values = pa.concat_arrays([self.values, new])
        return number[encoded.indices.to_numpy()]

    def in_order(self) -> tuple[pa.Array, np.ndarray]:
        """Return the values, increasing, and the place of each number among them, int32."""
        order = pc.sort_indices(self.values)
        place = np.empty(len(order), np.int32)
        place[order.to_numpy()] = np.arange(len(order), dtype=np.int32)
        return self.values.take(order), place


def _larger(pieces: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Join pieces, since numbering one costs as much as there are ids besides, however small it is."""
    gathered: list[pa.Table] = []
    for piece in pieces:
        gathered.append(piece)
        if sum(each.num_rows for each in gathered) >= _ROWS_AT_ONCE:
            yield pa.concat_tables(gathered)
            gathered = []
    if gathered:
        yield pa.concat_tables(gathered)


def _coded(read: list[RatingsPieces]) -> CodedRatings | None:
    rows, schema = sum(each.rows for each in read), read[0].schema
    user, item = np.empty(rows, np.int32), np.empty(rows, np.int32)
    value, second = np.empty(rows, np.uint8), rows
    users, items, values = (_Numbers(schema.field(name).type) for name in ("user", "item", "rating"))
    at = 0
    for place, each in enumerate(read):
        second = at if place else second
        for piece in _larger(each.pieces):
            taken = slice(at, at + piece.num_rows)
            user[taken], item[taken] = users.of(piece.column("user")), items.of(piece.column("item"))
            number = values.of(piece.column("rating"))
            if len(values.values) > MOST_VALUES:
                return None
            value[taken], at = number, taken.stop
    if at != rows:
        return None
    known = []
    for numbers, codes in ((users, user), (items, item), (values, value)):
        ordered, place_of = numbers.in_order()
        known.append(ordered)
        for block in blocks(rows):
            codes[block] = place_of[codes[block]]
    value[second:] += SECOND
    ratings = known[2].to_numpy()
    if np.any(np.diff(ratings) <= 0):
        return None
    return CodedRatings(IdIndex(known[0]), IdIndex(known[1]), user, item, value, ratings, read)

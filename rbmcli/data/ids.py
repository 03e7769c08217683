"""User and item ids: int64 or string, kept as the user wrote them; dense indices live in memory only.

Ids of either type have one order (integers by value, strings by their UTF-8 bytes), so that an index,
and with it every file that is written, does not depend on the order of the input.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rbmcli.errors import DataError, MismatchError


def round_trips(column: pa.Array | pa.ChunkedArray) -> bool:
    """Return whether every string is the decimal text of an int64, as Python would print it."""
    try:
        numbers = pc.cast(column, pa.int64())
    except pa.ArrowInvalid:
        return False
    return bool(pc.all(pc.equal(pc.cast(numbers, pa.string()), column), min_count=0).as_py())


def normalise_ids(
    column: pa.ChunkedArray, name: str, where: str, *, id_type: str = "auto", from_text: bool = False
) -> pa.ChunkedArray:
    """Return a column of ids as int64 or string.

    Parameters
    ----------
    column : pyarrow.ChunkedArray
        Integers of any width, integral floats, strings, or dictionaries of these.
    name, where : str
        Column and file, for messages.
    id_type : {"auto", "int", "string"}
        Type to force.
    from_text : bool
        Whether the column was read from text, where '12' may be meant as a number.

    Raises
    ------
    DataError
        If an id is null, or no id at all.
    """
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if column.null_count:
        row = int(np.flatnonzero(np.asarray(pc.is_null(column)))[0]) + 1
        raise DataError(f"{where}: column '{name}' has no id in row {row}, expected one in every row")
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        column = _as_int64(column, name, where)
    elif (
        pa.types.is_string(column.type)
        or pa.types.is_large_string(column.type)
        or (pa.types.is_string_view(column.type))
    ):
        column = column.cast(pa.string())
        if from_text and id_type == "auto" and round_trips(column):
            column = column.cast(pa.int64())
    else:
        raise DataError(f"{where}: column '{name}' is {column.type}, expected ids: integers or strings")
    if id_type == "string":
        return column.cast(pa.string())
    if id_type == "int" and pa.types.is_string(column.type):
        if not round_trips(column):
            raise DataError(f"{where}: column '{name}' has ids that are no integers, against --id-type int")
        return column.cast(pa.int64())
    return column


def _as_int64(column: pa.ChunkedArray, name: str, where: str) -> pa.ChunkedArray:
    try:
        return column.cast(pa.int64())
    except pa.ArrowInvalid:
        raise DataError(
            f"{where}: column '{name}' ({column.type}) has values that are no 64-bit integers",
            hint="ids are integers or strings",
        ) from None


def merged_ids(ids: pa.Array, column: pa.ChunkedArray) -> pa.Array:
    """Return distinct ids, and those of a column that are not among them, in no order."""
    return pc.unique(pa.chunked_array([ids, *column.chunks], ids.type))


def align_ids(column: pa.ChunkedArray, target: pa.DataType, name: str, where: str) -> pa.ChunkedArray:
    """Return ids in the type of the ids that they will be joined with.

    A string column whose values all round-trip joins int64 ids.

    Raises
    ------
    MismatchError
        For any other difference of types.
    """
    if column.type == target or len(column) == 0:
        # Of a table without rows nothing tells what its ids would be.
        return column.cast(target)
    if pa.types.is_int64(target) and round_trips(column):
        return column.cast(pa.int64())
    raise MismatchError(
        f"{where}: column '{name}' is {column.type}, but the ids it is joined with are {target}",
        hint="read both with the same --id-type",
    )


def as_id(value: str | int, target: pa.DataType) -> pa.Scalar | None:
    """Return one id in the type of the ids that it is looked for among; None if it can be none of them.

    Parameters
    ----------
    value : str or int
        As a user gives it.
    target : pyarrow.DataType
        int64 or string.
    """
    text = str(value)
    if pa.types.is_int64(target) and not round_trips(pa.array([text])):
        return None
    return pa.scalar(text).cast(target)


_FEW = 4
"""An index has to be so many times as long as what is looked for, for a part of it to be cut out first."""


@dataclass(frozen=True)
class IdIndex:
    """The distinct ids of one side, in order; the position of an id is its dense index.

    Attributes
    ----------
    values : pyarrow.Array
        Distinct int64 or string values, increasing.
    """

    values: pa.Array

    @classmethod
    def of(cls, column: pa.ChunkedArray | pa.Array) -> IdIndex:
        """Index the distinct ids of a column."""
        distinct = pc.unique(column)
        return cls(distinct.take(pc.sort_indices(distinct)))

    def __len__(self) -> int:
        return len(self.values)

    @property
    def type(self) -> pa.DataType:
        """Arrow type of the ids."""
        return self.values.type

    def lookup(self, column: pa.ChunkedArray | pa.Array) -> np.ndarray:
        """Return the dense index of each id, int32; -1 for an id that is not in the index.

        The column must have the type of the index (see `align_ids`).
        """
        first, values = 0, self.values
        if _FEW * len(column) < len(values):
            # What is looked for often lies close together: the index of a few users is not made of all.
            first, values = self._between(column)
        found = np.asarray(pc.fill_null(pc.index_in(column, value_set=values), -1), dtype=np.int32)
        return np.where(found >= 0, found + np.int32(first), found) if first else found

    def _between(self, column: pa.ChunkedArray | pa.Array) -> tuple[int, pa.Array]:
        """Return the ids from the least to the largest of a column, and the position of the first."""
        ends = pc.min_max(column)
        if not ends["min"].is_valid:
            return 0, self.values.slice(0, 0)
        places = range(len(self.values))
        first = bisect_left(places, ends["min"].as_py(), key=lambda place: self.values[place].as_py())
        end = bisect_right(places, ends["max"].as_py(), key=lambda place: self.values[place].as_py())
        return first, self.values.slice(first, end - first)

    def take(self, places: np.ndarray) -> IdIndex:
        """Return an index of the ids at some increasing positions."""
        return IdIndex(self.values.take(pa.array(places)))

    def column(self, places: np.ndarray) -> pa.ChunkedArray:
        """Return the ids at positions, in any order and as often as they come, as a column."""
        return pa.chunked_array([self.values.take(pa.array(places))])

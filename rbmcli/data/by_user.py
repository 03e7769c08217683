"""Ratings of ranges of users, from a Parquet file that is in order: read by row groups, never whole."""

from __future__ import annotations

import dataclasses
import os
from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rbmcli.config import InputSettings
from rbmcli.data.columns import find_roles
from rbmcli.data.external_sort import UserRange
from rbmcli.data.intake import Source, part_of
from rbmcli.data.outputs import local_path
from rbmcli.data.readers.parquet import raw_from_table
from rbmcli.data.rejections import Rejections
from rbmcli.data.storage import read_footer, read_group
from rbmcli.errors import DataError
from rbmcli.progress import SILENT

MARK_ROWS = 1 << 14
"""Rows between those whose user is kept in mind."""

_LARGEST_GROUP = 1 << 22
"""Rows of a row group, at most, for reading by row groups to be worth it."""

_CACHED_GROUPS = 3


class UserRuns:
    """The users of rows that come sorted, and how many rows each has."""

    def __init__(self) -> None:
        self._users: list[pa.Array] = []
        self._starts: list[np.ndarray] = []
        self._last: tuple[Any, Any] | None = None
        self.rows = 0

    def add(self, table: pa.Table) -> bool:
        """Add further rows; return whether they come by user, then item, no pair twice."""
        if not table.num_rows:
            return True
        user, item = (_whole(table.column(name)) for name in ("user", "item"))
        later, same = _steps(user)
        item_later, _ = _steps(item)
        in_order = bool((later | (same & item_later)).all())
        first, last = ((user[at].as_py(), item[at].as_py()) for at in (0, len(user) - 1))
        starts = np.flatnonzero(np.append(True, ~same))
        if self._last is not None:
            in_order = in_order and first > self._last
            if first[0] == self._last[0]:
                starts = starts[1:]
        if in_order:
            self._users.append(user.take(pa.array(starts)))
            self._starts.append(starts + self.rows)
            self._last = last
            self.rows += len(user)
        return in_order

    def users(self, kind: pa.DataType) -> pa.Array:
        """Return the distinct users, increasing."""
        return pa.concat_arrays([pa.array([], kind), *self._users])

    def start(self) -> np.ndarray:
        """Return the first row of each user, and the number of rows, int64 (users + 1,)."""
        return np.concatenate([np.empty(0, np.int64), *self._starts, [self.rows]]).astype(np.int64)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _steps(column: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Return of each value but the first whether it is larger than the one before, and whether equal."""
    if pa.types.is_int64(column.type):
        values = column.to_numpy()
        return values[1:] > values[:-1], values[1:] == values[:-1]
    after, before = column.slice(1), column.slice(0, len(column) - 1)
    return tuple(compare(after, before).to_numpy(zero_copy_only=False) for compare in (pc.greater, pc.equal))


@dataclass(frozen=True)
class SortedFile:
    """A Parquet file of ratings that is in order, of which ranges of users can be read.

    Attributes
    ----------
    path : Path
        The file.
    where : str
        Its name, for messages.
    settings : InputSettings
        How it is read.
    columns : tuple of str
        Names of the columns of users, items, ratings and, if there are any, timestamps.
    group_start : ndarray of int64, shape (groups + 1,)
        First row of each row group, and the number of rows.
    stamp : tuple of int
        What tells the file from a later one at the same place.
    first_users : tuple
        User of every so many-th row; empty until the rows have been looked at.
    """

    path: Path
    where: str
    settings: InputSettings
    columns: tuple[str, ...]
    group_start: np.ndarray
    stamp: tuple[int, ...]
    first_users: tuple[Any, ...] = ()

    def read(self, users: UserRange = (None, None)) -> pa.Table:
        """Return the ratings of a range of users: `user`, `item`, `rating` and perhaps `timestamp`."""
        first, last = users
        # A user may begin behind the mark before the first one that begins with them.
        begin = 0 if first is None else max(0, bisect_left(self.first_users, first) - 1)
        end = len(self.first_users) if last is None else bisect_left(self.first_users, last)
        table = self._rows(begin * MARK_ROWS, min(end * MARK_ROWS, int(self.group_start[-1])))
        low = 0 if first is None else _place_of(first, table)
        high = table.num_rows if last is None else _place_of(last, table)
        return table.slice(low, high - low)

    def _rows(self, first: int, last: int) -> pa.Table:
        if stamp_of(self.path) != self.stamp:
            raise DataError(f"{self.where}: has changed while it was read", hint="run again")
        low = int(np.searchsorted(self.group_start, first, side="right")) - 1
        high = int(np.searchsorted(self.group_start, last, side="left"))
        groups = [
            _group(self.path, self.where, self.settings, self.columns, self.stamp, index)
            for index in range(low, max(high, low + 1))
        ]
        return pa.concat_tables(groups).slice(first - int(self.group_start[low]), last - first)


def _place_of(user: Any, table: pa.Table) -> int:
    column = table.column("user")
    return bisect_left(range(table.num_rows), user, key=lambda row: column[row].as_py())


def stamp_of(path: Path) -> tuple[int, ...]:
    """Return what tells a file from another one at the same place."""
    told = path.stat()
    return told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns


@lru_cache(maxsize=_CACHED_GROUPS)
def _group(
    path: Path,
    where: str,
    settings: InputSettings,
    columns: tuple[str, ...],
    stamp: tuple[int, ...],
    index: int,
) -> pa.Table:
    """Return a row group; ranges that follow each other often share one, so that the last few are kept."""
    table = read_group(path, index, list(columns), name=where)
    raw = raw_from_table(table, where)
    part = part_of(raw, settings, Rejections(settings.on_error, SILENT), SILENT, needs_rating=True)
    roles = ("user", "item", "rating", "timestamp")
    return part.table.select([name for name in roles if name in part.table.column_names])


def sorted_file(source: Source, settings: InputSettings) -> SortedFile | None:
    """Return a file of ratings that may be in order, which nobody has looked at yet; None where it is none.

    Raises
    ------
    DataError
        If it is a Parquet file that cannot be read, or has no such columns.
    """
    path = local_parquet(source, settings)
    if path is None or path.is_dir():
        return None
    where = str(path)
    stamp = stamp_of(path)
    schema, _, footer = read_footer(path, name=where)
    sizes = [footer.row_group(index).num_rows for index in range(footer.num_row_groups)]
    if not sizes or max(sizes) > _LARGEST_GROUP or len(set(schema.names)) < len(schema.names):
        return None
    roles = find_roles(
        schema.names, settings, where, needs_rating=True, needs_item=True, timestamps=False, headerless=False
    )
    columns = {role: schema.names[index] for role, index in roles.items()}
    if any(name.isdecimal() for name in columns.values()):
        return None
    # By name, since positions are other ones where only these columns are read.
    named = {f"{role}_column": columns.get(role, "") for role in ("user", "item", "rating", "timestamp")}
    settings = dataclasses.replace(settings, **named)
    start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return SortedFile(path, where, settings, tuple(columns.values()), start, stamp)


def local_parquet(source: Source, settings: InputSettings) -> Path | None:
    """Return the path of an input that comes in pieces and can be read again: Parquet of this machine."""
    if not isinstance(source, str | os.PathLike) or settings.input_format not in {"auto", "parquet"}:
        return None
    path = local_path(source)
    if path is None or not (path.is_dir() or (path.is_file() and _is_parquet(path))):
        return None
    return path


def _is_parquet(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PAR1"
    except OSError:
        return False

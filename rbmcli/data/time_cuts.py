"""The split by time of ratings that do not fit into memory: found by counting, not by sorting them all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_DIGIT_BITS = 16
_DIGITS = 1 << _DIGIT_BITS

Tables = Callable[[Sequence[str]], Iterable[pa.Table]]
"""Gives some columns of all ratings, sorted by user and item, table by table, as often as it is called."""


@dataclass(frozen=True)
class TimeCut:
    """A place in the order of ratings by timestamp, item and user: that of the first rating behind it.

    Attributes
    ----------
    timestamp : int
        Seconds of that rating.
    item, user : int or str
        Its item and its user.
    """

    timestamp: int
    item: Any
    user: Any

    def behind(self, table: pa.Table) -> np.ndarray:
        """Return which ratings of a table stand behind the cut, bool."""
        timestamps = table.column("timestamp").to_numpy()
        behind = timestamps > self.timestamp
        equal = np.flatnonzero(timestamps == self.timestamp)
        if len(equal):
            tied = table.select(["user", "item"]).take(pa.array(equal))
            item, user = (pa.scalar(value, tied.schema.field(name).type) for name, value in self._pair())
            later = pc.or_(
                pc.greater(tied.column("item"), item),
                pc.and_(pc.equal(tied.column("item"), item), pc.greater_equal(tied.column("user"), user)),
            )
            behind[equal] = later.to_numpy()
        return behind

    def _pair(self) -> tuple[tuple[str, Any], tuple[str, Any]]:
        return ("item", self.item), ("user", self.user)


def find_cut(tables: Tables, rank: int) -> TimeCut:
    """Return the cut that so many ratings stand before; there have to be more.

    The timestamp is found digit by digit; among ratings of one timestamp the item, and then the user, by
    counting too, so that memory does not grow with the ratings.
    """
    timestamp, rank = _timestamp_at(tables, rank)
    counts: Counter[Any] = Counter()
    for table in tables(["item", "timestamp"]):
        tied = table.filter(pc.equal(table.column("timestamp"), timestamp))
        for found in pc.value_counts(tied.column("item")).to_pylist():
            counts[found["values"]] += found["counts"]
    for item in sorted(counts):
        if rank < counts[item]:
            break
        rank -= counts[item]
    for table in tables(["user", "item", "timestamp"]):
        at_once = pc.and_(
            pc.equal(table.column("timestamp"), timestamp),
            pc.equal(table.column("item"), pa.scalar(item, table.schema.field("item").type)),
        )
        users = table.column("user").filter(at_once)
        if rank < len(users):
            break
        rank -= len(users)
    return TimeCut(timestamp, item, users[rank].as_py())


def _timestamp_at(tables: Tables, rank: int) -> tuple[int, int]:
    """Return the timestamp at a rank, and the rank of that rating among those of this timestamp."""
    prefix = 0
    for shift in range(64 - _DIGIT_BITS, -1, -_DIGIT_BITS):
        counts = np.zeros(_DIGITS, np.int64)
        for table in tables(["timestamp"]):
            # The sign turned over, so that the order is that of numbers without one.
            keys = table.column("timestamp").to_numpy().view(np.uint64) ^ np.uint64(1 << 63)
            if shift + _DIGIT_BITS < 64:
                keys = keys[keys >> np.uint64(shift + _DIGIT_BITS) == np.uint64(prefix)]
            digits = (keys >> np.uint64(shift)) & np.uint64(_DIGITS - 1)
            counts += np.bincount(digits.astype(np.int64), minlength=_DIGITS)
        ends = np.cumsum(counts)
        digit = int(np.searchsorted(ends, rank, side="right"))
        rank -= int(ends[digit] - counts[digit])
        prefix = (prefix << _DIGIT_BITS) | digit
    return prefix - (1 << 63), rank

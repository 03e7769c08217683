"""The parts of a run of prepare: ratings that were put by, what is counted of them, how they are written."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

from rbmcli.config import PrepareSettings
from rbmcli.data.filtering import well_rated_rows
from rbmcli.data.fingerprints import LEVELS, Fingerprint
from rbmcli.data.ids import IdIndex, merged_ids
from rbmcli.data.levels import Levels
from rbmcli.data.metadata import described
from rbmcli.data.ordering import user_starts
from rbmcli.data.rating_counts import RatingCounts
from rbmcli.data.row_store import RowStore
from rbmcli.data.schemas import RATINGS
from rbmcli.data.splits import PARTS, TimeCuts, split_users
from rbmcli.data.writing import table_writer

WHOLE = "ratings"
"""Name of the one part that there is without a split."""


@dataclass(frozen=True)
class Splitter:
    """What cuts the ratings of some users into parts; it can go to another machine.

    Attributes
    ----------
    settings : PrepareSettings
        Split, shares, filters.
    items : IdIndex or None
        Items that have enough ratings; None for all.
    cuts : TimeCuts or None
        Those of the split by time.
    """

    settings: PrepareSettings
    items: IdIndex | None = None
    cuts: TimeCuts | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parts that the settings ask for."""
        if self.settings.split == "none":
            return (WHOLE,)
        shares = {"train": 1.0, "valid": self.settings.valid_fraction, "test": self.settings.test_fraction}
        return tuple(name for name in PARTS if shares[name] > 0)

    @property
    def filters(self) -> bool:
        """Whether any ratings may have to be left out."""
        return self.items is not None or self.settings.min_user_ratings > 1

    def keep(self, table: pa.Table) -> pa.Table:
        """Return the ratings of users and items that have enough of them."""
        if not self.filters:
            return table
        return table.filter(pa.array(well_rated_rows(table, self.items, self.settings.min_user_ratings)))

    def split(self, table: pa.Table) -> dict[str, pa.Table]:
        """Return the parts of ratings that are kept."""
        if self.settings.split == "none":
            return {WHOLE: table}
        part_of_each = split_users(table, self.settings, self.cuts)
        return {name: table.filter(pa.array(part_of_each == PARTS.index(name))) for name in self.names}


class PreparedPart:
    """The ratings of one part.

    Parameters
    ----------
    name : str
        Its name.
    schema : pyarrow.Schema
        Columns of the ratings.
    memory : int
        Bytes of them that stay in memory.
    stack : ExitStack
        What removes temporary files.
    """

    def __init__(self, name: str, schema: pa.Schema, memory: int, stack: ExitStack) -> None:
        self.name, self.store = name, RowStore(schema, memory, stack)
        self._users = 0
        self._items = pa.array([], schema.field("item").type)
        self._levels: Levels | None = None
        self._shared: Mapping[str, Any] = {}
        self._fingerprint: str | None = None

    @property
    def rows(self) -> int:
        """How many ratings it has."""
        return self.store.rows

    def append(self, table: pa.Table) -> None:
        """Add the ratings of further users."""
        self._users += len(user_starts(table))
        self._items = merged_ids(self._items, table.column("item"))
        self.store.append(table)

    def rating_counts(self) -> RatingCounts:
        """Return how often each rating occurs."""
        counted = RatingCounts()
        for table in self.store.tables(["rating"]):
            counted.update(table.column("rating").to_numpy())
        return counted

    def describe(self, levels: Levels, shared: Mapping[str, Any]) -> None:
        """Tell the part its levels, and the metadata that it shares with the others."""
        self._levels, self._shared = levels, shared

    def write(self, file: BinaryIO, file_format: str = "parquet", where: str = "the table") -> None:
        """Write the ratings, with their metadata last."""
        hashed = Fingerprint()
        with table_writer(file, self.store.schema, file_format, where=where) as writer:
            for table in self.store.tables():
                writer.write(table)
                self._hash(table, hashed)
            self._fingerprint = self._digest(hashed)
            writer.finish(RATINGS, self.metadata())

    def metadata(self) -> dict[str, Any]:
        """Return what a file says of the ratings."""
        assert self._levels is not None, "not described yet"
        if self._fingerprint is None:
            hashed = Fingerprint()
            for table in self.store.tables(["user", "item", "rating"]):
                self._hash(table, hashed)
            self._fingerprint = self._digest(hashed)
        return {
            **self._shared,
            **self._levels.as_metadata(),
            "counts": {"ratings": self.rows, "users": self._users, "items": len(self._items)},
            "split": self.name,
            "fingerprint": self._fingerprint,
        }

    def table(self) -> pa.Table:
        """Return the ratings as a table with their metadata."""
        return described(self.store.table(), RATINGS, self.metadata())

    def _hash(self, table: pa.Table, hashed: Fingerprint) -> None:
        assert self._levels is not None, "not described yet"
        index: np.ndarray = self._levels.assign(table.column("rating").to_numpy())
        hashed.update(table.column("user"), table.column("item"), index)

    def _digest(self, hashed: Fingerprint) -> str:
        schema = self.store.schema
        return hashed.hexdigest(schema.field("user").type, schema.field("item").type, LEVELS)

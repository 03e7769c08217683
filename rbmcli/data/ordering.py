"""The order of every file: by user, then item, integers by value and strings by their UTF-8 bytes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rbmcli.data.ids import IdIndex

_KEY_BITS = 63
"""Bits of an int64 that is not negative."""


@dataclass(frozen=True)
class PairCodes:
    """Users and items of a table as positions in the ordered lists of their distinct ids.

    Attributes
    ----------
    users, items : IdIndex
        Distinct ids, increasing.
    user_codes, item_codes : ndarray of int32, shape (rows,)
        Position of the user and of the item of each row.
    """

    users: IdIndex
    items: IdIndex
    user_codes: np.ndarray
    item_codes: np.ndarray

    @classmethod
    def of(cls, table: pa.Table) -> PairCodes:
        """Index the columns `user` and `item` of a table."""
        users, items = IdIndex.of(table.column("user")), IdIndex.of(table.column("item"))
        return cls(users, items, users.lookup(table.column("user")), items.lookup(table.column("item")))

    def keys(self) -> np.ndarray:
        """Return one int64 for each row that is equal for equal pairs and orders them by user, then item."""
        return self.user_codes.astype(np.int64) * len(self.items) + self.item_codes

    def order(self) -> np.ndarray:
        """Return the rows in the order of a file, int64; equal pairs stay as they stand."""
        return np.argsort(self.keys(), kind="stable")


def pair_order(table: pa.Table, *, in_runs: bool = False) -> np.ndarray:
    """Return the rows of a table in the order of a file, int64; equal pairs stay as they stand.

    Parameters
    ----------
    table : pyarrow.Table
        Columns `user` and `item`.
    in_runs : bool
        Whether the table is made of a few parts that are in order already, which is faster to sort then.
    """
    users, items = table.column("user"), table.column("item")
    if pa.types.is_int64(users.type) and pa.types.is_int64(items.type):
        order = _packed_order(users.to_numpy(), items.to_numpy(), in_runs=in_runs)
        if order is not None:
            return order
    codes = PairCodes.of(table)
    order = _packed_order(codes.user_codes, codes.item_codes, in_runs=in_runs)
    return codes.order() if order is None else order


def _packed_order(users: np.ndarray, items: np.ndarray, *, in_runs: bool) -> np.ndarray | None:
    """Sort integers that hold user, item and row, which takes half the time of a sort of rows by keys.

    Returns None where the three are too wide for one integer.
    """
    count = len(users)
    if count < 2:
        return np.arange(count)
    item_bits = (int(items.max()) - int(items.min())).bit_length()
    user_bits = (int(users.max()) - int(users.min())).bit_length()
    row_bits = (count - 1).bit_length()
    if user_bits + item_bits + row_bits > _KEY_BITS:
        return None
    keys = users.astype(np.int64)
    keys -= int(users.min())
    keys <<= item_bits
    keys += items
    keys -= int(items.min())
    keys <<= row_bits
    keys |= np.arange(count)
    # No two are equal: which sort it is matters for the time alone.
    keys.sort(kind="stable" if in_runs else None)
    keys &= (1 << row_bits) - 1
    return keys


def user_starts(table: pa.Table) -> np.ndarray:
    """Return the first row of each user of a table that is sorted by user, int64."""
    users, rest = table.column("user"), table.num_rows - 1
    if rest < 1:
        return np.arange(table.num_rows)
    changes = pc.not_equal(users.slice(1), users.slice(0, rest)).to_numpy()
    return np.append(0, np.flatnonzero(changes) + 1)

"""The order of every file: by user, then item, integers by value and strings by their UTF-8 bytes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from rbmcli.data.ids import IdIndex


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

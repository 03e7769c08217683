"""Joins pairs with ratings by user and item, on dense indices of the ratings' users and items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from rbmcli.data.ids import IdIndex, align_ids


@dataclass(frozen=True)
class PairJoin:
    """Asked pairs and known ratings on common dense indices.

    Attributes
    ----------
    asked_user, asked_item : ndarray of int32, shape (n,)
        Indices of the asked pairs; -1 for a user or item without a rating.
    known_user, known_item : ndarray of int32, shape (m,)
        Indices of the ratings.
    n_users, n_items : int
        Users and items that have ratings.
    """

    asked_user: np.ndarray
    asked_item: np.ndarray
    known_user: np.ndarray
    known_item: np.ndarray
    n_users: int
    n_items: int

    @classmethod
    def of(cls, asked: pa.Table, asked_where: str, known: pa.Table, known_where: str) -> PairJoin:
        """Index the columns user and item of two tables.

        Parameters
        ----------
        asked, known : pyarrow.Table
            Each with columns user and item, int64 or string.
        asked_where, known_where : str
            Their names, for messages.

        Raises
        ------
        MismatchError
            If ids are integers on one side and text on the other.
        """
        users, asked_user, known_user = _on_one_index(
            asked["user"], asked_where, known["user"], known_where, "user"
        )
        items, asked_item, known_item = _on_one_index(
            asked["item"], asked_where, known["item"], known_where, "item"
        )
        return cls(asked_user, asked_item, known_user, known_item, len(users), len(items))

    def known_row(self) -> np.ndarray:
        """Return the row, from 0, of each asked pair's rating, int64; -1 where there is none."""
        asked, known = self.asked_key(), self.known_key()
        if len(known) == 0:
            return np.full(len(asked), -1)
        order = np.argsort(known, kind="stable")
        row = order[np.minimum(np.searchsorted(known[order], asked), len(order) - 1)]
        return np.where((asked >= 0) & (known[row] == asked), row, -1)

    def asked_key(self) -> np.ndarray:
        """Return one int64 for each asked pair; -1 where its user or item has no rating."""
        known = (self.asked_user >= 0) & (self.asked_item >= 0)
        return np.where(known, self.asked_user.astype(np.int64) * self.n_items + self.asked_item, -1)

    def known_key(self) -> np.ndarray:
        """Return one int64 for each rating; its order is that of user, then item."""
        return self.known_user.astype(np.int64) * self.n_items + self.known_item


def _on_one_index(
    asked: pa.ChunkedArray, asked_where: str, known: pa.ChunkedArray, known_where: str, name: str
) -> tuple[IdIndex, np.ndarray, np.ndarray]:
    if pa.types.is_int64(asked.type):
        known = align_ids(known, asked.type, name, known_where)
    asked = align_ids(asked, known.type, name, asked_where)
    index = IdIndex.of(known)
    return index, index.lookup(asked), index.lookup(known)

"""What `rbmcli.data.intake` makes of its inputs: ratings, pairs and users, named as everywhere in rbmcli."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa


@dataclass(frozen=True)
class RatingsTable:
    """Ratings as every command uses them.

    Attributes
    ----------
    table : pyarrow.Table
        `user` and `item` (int64 or string), `rating` (float32), `timestamp` (int64 seconds) if the input
        has one, then its further columns; in the row order of the input.
    metadata : dict
        The rbmcli metadata, where the input is one ratings file of rbmcli; of several files of one run of
        prepare, what they have in common; empty otherwise.
    where : str
        Name of the input, for messages.
    n_read, n_bad, n_duplicates : int
        Rows read, rows left out as bad, rows left out as duplicates.
    """

    table: pa.Table
    metadata: dict[str, Any]
    where: str
    n_read: int
    n_bad: int
    n_duplicates: int


@dataclass(frozen=True)
class PairsTable:
    """Pairs of user and item to predict.

    Attributes
    ----------
    table : pyarrow.Table
        The columns and rows of the input in their order, those of user and item named `user` and `item`
        (int64 or string), that of a rating, if one is recognised, `rating`.
    metadata : dict
        The rbmcli metadata; empty for a file of another tool.
    where : str
        Name of the input, for messages.
    timestamp : pyarrow.ChunkedArray of int64, or None
        Seconds of each pair, null where there are none; None where no timestamps were asked for or found.
    rating_name : str or None
        What the column `rating` is named in the input; None where none is recognised.
    """

    table: pa.Table
    metadata: dict[str, Any]
    where: str
    timestamp: pa.ChunkedArray | None = None
    rating_name: str | None = None


@dataclass(frozen=True)
class UsersTable:
    """Users to recommend to.

    Attributes
    ----------
    table : pyarrow.Table
        One column `user` (int64 or string), in the order of the input.
    where : str
        Name of the input, for messages.
    """

    table: pa.Table
    where: str

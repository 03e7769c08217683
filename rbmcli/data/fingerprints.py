"""Fingerprints of ratings: equal for equal ratings in any order, whatever file they came from."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rbmcli.data.blocks import blocks
from rbmcli.data.levels import Levels
from rbmcli.data.metadata import digest
from rbmcli.data.ordering import PairCodes

LEVELS = b"levels"
"""Label of fingerprints over levels."""


def ratings_fingerprint(table: pa.Table, levels: Levels) -> str:
    """Return the blake2b hash over the sorted user, item and level columns.

    Parameters
    ----------
    table : pyarrow.Table
        Columns `user`, `item` and `rating`, rows in any order.
    levels : Levels
        The scale; a rating that is on no level counts as one more level.
    """
    index = levels.assign(table.column("rating").to_numpy())
    return _fingerprint(table, index, LEVELS)


def run_fingerprint(table: pa.Table, settings: dict[str, Any]) -> str:
    """Return the blake2b hash over the sorted user, item and rating columns, and the settings of a run.

    Parameters
    ----------
    table : pyarrow.Table
        All ratings of the run, rows in any order.
    settings : dict
        What else decides which files the run makes.
    """
    return _fingerprint(table, table.column("rating").to_numpy(), run_label(settings))


def run_label(settings: dict[str, Any]) -> bytes:
    """Return what the fingerprint of a run says of its settings."""
    return json.dumps(settings, sort_keys=True, allow_nan=False).encode()


def column_fingerprint(table: pa.Table, name: str) -> str:
    """Return the blake2b hash over the sorted user and item columns and a column of numbers, as float64.

    Parameters
    ----------
    table : pyarrow.Table
        Columns `user`, `item` and the named one, rows in any order; a pair may repeat.
    name : str
        Column of numbers.
    """
    return _fingerprint(table, np.asarray(table.column(name), dtype=np.float64), name.encode())


def fingerprint_in_order(
    codes: PairCodes, values: np.ndarray, label: bytes, chosen: np.ndarray | None = None
) -> str:
    """Return the fingerprint of ratings that stand in the order of a file, no pair twice.

    Parameters
    ----------
    codes : PairCodes
        Users and items.
    values : ndarray, shape (rows,)
        Levels, or ratings.
    label : bytes
        `LEVELS`, or what `run_label` returns.
    chosen : ndarray of bool, shape (rows,), optional
        Which ratings; all by default.
    """
    state = Fingerprint()
    for block in blocks(len(values)):
        pick = slice(None) if chosen is None else chosen[block]
        user, item = codes.user_codes[block][pick], codes.item_codes[block][pick]
        state.update(codes.users.column(user), codes.items.column(item), values[block][pick])
    return state.hexdigest(codes.users.type, codes.items.type, label)


class Fingerprint:
    """The blake2b hash over the sorted user and item columns and one of values, which may come in pieces."""

    def __init__(self) -> None:
        self._states = [hashlib.blake2b(digest_size=16) for _ in range(5)]
        self._rows = 0

    def update(self, user: pa.ChunkedArray, item: pa.ChunkedArray, values: np.ndarray) -> None:
        """Add the next rows in the order of a file: by user, item and value."""
        self._rows += len(values)
        for place, column in ((0, user), (2, item)):
            for state, part in zip(self._states[place:], _id_bytes(column), strict=False):
                state.update(part)
        self._states[4].update(np.ascontiguousarray(values).tobytes())

    def hexdigest(self, user: pa.DataType, item: pa.DataType, label: bytes) -> str:
        """Return the hash of all rows so far.

        Parameters
        ----------
        user, item : pyarrow.DataType
            Types of the ids.
        label : bytes
            What is said of all rows together.
        """
        told = f"{user} {item} {self._rows}".encode()
        return digest(label, told, *(state.digest() for state in self._states))


def _fingerprint(table: pa.Table, values: np.ndarray, label: bytes) -> str:
    codes = PairCodes.of(table)
    keys = codes.keys()
    users, items = table.column("user"), table.column("item")
    if not np.all(keys[1:] > keys[:-1]):
        # The value is a third key, for tables in which a pair repeats.
        order = np.lexsort((values, keys))
        users, items, values = users.take(pa.array(order)), items.take(pa.array(order)), values[order]
    state = Fingerprint()
    state.update(users, items, values)
    return state.hexdigest(users.type, items.type, label)


def _id_bytes(column: pa.ChunkedArray) -> tuple[Any, bytes]:
    """Return numbers, and texts, that tell ids apart, whatever chunks the column is in."""
    if pa.types.is_int64(column.type):
        return column.to_numpy(), b""
    lengths = pc.binary_length(column).to_numpy().astype(np.int64)
    return lengths, b"".join(_text_bytes(chunk) for chunk in column.chunks)


def _text_bytes(chunk: pa.StringArray) -> bytes:
    _, offsets, data = chunk.buffers()
    if data is None:
        return b""
    bounds = np.frombuffer(offsets, np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
    return data.slice(int(bounds[0]), int(bounds[-1] - bounds[0])).to_pybytes()

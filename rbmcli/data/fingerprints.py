"""Fingerprints of ratings: equal for equal ratings in any order, whatever file they came from."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rbmcli.data.levels import Levels
from rbmcli.data.ordering import PairCodes
from rbmcli.data.storage import digest


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
    return _fingerprint(table, index, b"levels")


def run_fingerprint(table: pa.Table, settings: dict[str, Any]) -> str:
    """Return the blake2b hash over the sorted user, item and rating columns, and the settings of a run.

    Parameters
    ----------
    table : pyarrow.Table
        All ratings of the run, rows in any order.
    settings : dict
        What else decides which files the run makes.
    """
    text = json.dumps(settings, sort_keys=True, allow_nan=False)
    return _fingerprint(table, table.column("rating").to_numpy(), text.encode())


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


def _fingerprint(table: pa.Table, values: np.ndarray, label: bytes) -> str:
    codes = PairCodes.of(table)
    keys = codes.keys()
    users, items = table.column("user"), table.column("item")
    if not np.all(keys[1:] > keys[:-1]):
        # The value is a third key, for tables in which a pair repeats.
        order = np.lexsort((values, keys))
        users, items, values = users.take(pa.array(order)), items.take(pa.array(order)), values[order]
    return digest(label, *_id_bytes(users), *_id_bytes(items), values.tobytes())


def _id_bytes(column: pa.ChunkedArray) -> list[bytes]:
    """Return bytes that tell ids apart, whatever chunks the column is in."""
    if pa.types.is_int64(column.type):
        return [b"int64", column.to_numpy().tobytes()]
    lengths = pc.binary_length(column).to_numpy().astype(np.int64)
    texts = b"".join(_text_bytes(chunk) for chunk in column.chunks)
    return [b"string", lengths.tobytes(), texts]


def _text_bytes(chunk: pa.StringArray) -> bytes:
    _, offsets, data = chunk.buffers()
    if data is None:
        return b""
    bounds = np.frombuffer(offsets, np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
    return data.slice(int(bounds[0]), int(bounds[-1] - bounds[0])).to_pybytes()

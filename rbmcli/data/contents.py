"""A hash over all that a table holds, which shows every damage that Parquet's own checksums do not.

They cover the pages of a file, but neither page headers nor the footer, which tell what the pages mean.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_Part = Callable[[pa.Array], Any]


class ContentHash:
    """The blake2b hash (16 bytes, hexadecimal) of a table's columns: names, types and values.

    The table may come in pieces. The hash does not depend on where they are cut, nor on what stands behind a
    null.

    Parameters
    ----------
    schema : pyarrow.Schema
        Columns of the table.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._schema, self._rows = schema, 0
        self._parts = [
            [(part, hashlib.blake2b(digest_size=16)) for part in _parts(field.type)] for field in schema
        ]

    def update(self, table: pa.Table) -> None:
        """Add the rows of the next piece."""
        self._rows += table.num_rows
        for column, parts in zip(table.columns, self._parts, strict=True):
            for part, state in parts:
                for chunk in column.chunks:
                    state.update(part(chunk))

    def hexdigest(self) -> str:
        """Return the hash of all rows so far."""
        whole = hashlib.blake2b(digest_size=16)
        for field, parts in zip(self._schema, self._parts, strict=True):
            whole.update(_head(field, self._rows))
            for _, state in parts:
                whole.update(state.digest())
        return whole.hexdigest()


def content_hash(table: pa.Table) -> str:
    """Return the hash of a table in memory."""
    state = ContentHash(table.schema)
    state.update(table)
    return state.hexdigest()


def columns_hash(schema: pa.Schema, rows: int) -> str:
    """Return the hash of what a file says of its columns before any is read: names, types, rows."""
    state = hashlib.blake2b(digest_size=16)
    for field in schema:
        state.update(_head(field, rows))
    return state.hexdigest()


def _head(field: pa.Field, rows: int) -> bytes:
    return f"{len(field.name)}:{field.name}:{_plain_name(field.type)}:{rows}:".encode()


def storable(table: pa.Table) -> pa.Table:
    """Return a table whose types come back as they are from a Parquet file, which knows no seconds."""
    for index, field in enumerate(table.schema):
        kind = field.type
        if pa.types.is_timestamp(kind) and kind.unit == "s":
            kind = pa.timestamp("ms", kind.tz)
        elif pa.types.is_time32(kind) and kind.unit == "s":
            kind = pa.time32("ms")
        elif pa.types.is_date64(kind):
            kind = pa.date32()
        if kind != field.type:
            table = table.set_column(index, field.with_type(kind), table.column(index).cast(kind))
    return table


def _plain_name(kind: pa.DataType) -> str:
    # Parquet readers give the values of lists and the keys of maps other names than the writer had.
    return re.sub(r" \('\w+'\)", "", str(kind).replace("<item:", "<element:"))


class _Nulls:
    """Where the nulls are among all values of a column, which comes chunk by chunk."""

    def __init__(self) -> None:
        self._seen = 0

    def __call__(self, chunk: pa.Array) -> np.ndarray:
        """Return the places of the nulls of the next chunk."""
        first, self._seen = self._seen, self._seen + len(chunk)
        if not chunk.null_count:
            return np.empty(0, np.int64)
        return np.flatnonzero(_flags(chunk.is_null())) + first


def _parts(kind: pa.DataType) -> Iterator[_Part]:
    """Yield what to take from each chunk of a column, so that it does not matter where a chunk ends."""
    yield _Nulls()
    if pa.types.is_dictionary(kind):
        yield from _after(lambda chunk: chunk.cast(kind.value_type), _parts(kind.value_type))
    elif pa.types.is_boolean(kind):
        yield lambda chunk: _flags(chunk.fill_null(False))
    elif pa.types.is_primitive(kind):
        same_width = {8: pa.int8(), 16: pa.int16(), 32: pa.int32(), 64: pa.int64()}[kind.bit_width]
        yield lambda chunk: chunk.view(same_width).fill_null(0).to_numpy()
    elif pa.types.is_large_string(kind) or pa.types.is_large_binary(kind):
        yield lambda chunk: pc.binary_length(chunk).fill_null(0).to_numpy().astype(np.int64)
        yield _characters
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        yield lambda chunk: pc.list_value_length(chunk).fill_null(0).to_numpy().astype(np.int64)
        yield from _after(lambda chunk: chunk.flatten(), _parts(kind.value_type))
    elif pa.types.is_struct(kind):
        for index, field in enumerate(kind):
            yield from _after(partial(_child, index), _parts(field.type))
    elif pa.types.is_string(kind) or pa.types.is_binary(kind):
        wide = pa.large_string() if pa.types.is_string(kind) else pa.large_binary()
        yield from _after(lambda chunk: chunk.cast(wide), _parts(wide))
    else:
        # Rare types, such as decimals and maps.
        yield lambda chunk: "".join(f"{value!r};" for value in chunk.to_pylist()).encode()


def _after(change: _Part, parts: Iterator[_Part]) -> Iterator[_Part]:
    for part in parts:
        yield partial(_composed, change, part)


def _composed(change: _Part, part: _Part, chunk: pa.Array) -> Any:
    return part(change(chunk))


def _child(index: int, chunk: pa.StructArray) -> pa.Array:
    return chunk.flatten()[index]


def _flags(flags: pa.BooleanArray) -> np.ndarray:
    return flags.to_numpy(zero_copy_only=False)


def _characters(chunk: pa.Array) -> pa.Buffer:
    """Return the texts of a chunk, one after the other; a null has none."""
    if chunk.null_count:
        chunk = chunk.drop_null()
    _, offsets, data = chunk.buffers()
    if data is None or not len(chunk):
        return pa.py_buffer(b"")
    bounds = np.frombuffer(offsets, np.int64)[chunk.offset : chunk.offset + len(chunk) + 1]
    return data.slice(int(bounds[0]), int(bounds[-1] - bounds[0]))

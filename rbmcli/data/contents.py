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


def content_hash(table: pa.Table) -> str:
    """Return the blake2b hash (16 bytes, hexadecimal) of a table's columns: names, types and values.

    It does not depend on how the columns are cut into chunks, nor on what stands behind a null.
    """
    state = hashlib.blake2b(digest_size=16)
    for field, column in zip(table.schema, table.columns, strict=True):
        state.update(_head(field, len(column)))
        for part in _parts(column.type, column.null_count > 0):
            for chunk in column.chunks:
                state.update(part(chunk))
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


def _parts(kind: pa.DataType, has_nulls: bool) -> Iterator[_Part]:
    """Yield what to take from each chunk of a column, one after the other, so that chunks do not matter."""
    if has_nulls:
        yield lambda chunk: _bytes_of(chunk.is_valid())
    if pa.types.is_dictionary(kind):
        yield from _after(lambda chunk: chunk.cast(kind.value_type), _parts(kind.value_type, False))
    elif pa.types.is_boolean(kind):
        yield lambda chunk: _bytes_of(chunk.fill_null(False))
    elif pa.types.is_primitive(kind):
        same_width = {8: pa.int8(), 16: pa.int16(), 32: pa.int32(), 64: pa.int64()}[kind.bit_width]
        yield lambda chunk: chunk.view(same_width).fill_null(0).to_numpy()
    elif pa.types.is_large_string(kind) or pa.types.is_large_binary(kind):
        yield lambda chunk: pc.binary_length(chunk).fill_null(0).to_numpy().astype(np.int64)
        yield _characters
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        yield lambda chunk: pc.list_value_length(chunk).fill_null(0).to_numpy().astype(np.int64)
        # A column of lists does not count the nulls inside of them.
        yield from _after(lambda chunk: chunk.flatten(), _parts(kind.value_type, True))
    elif pa.types.is_struct(kind):
        for index, field in enumerate(kind):
            yield from _after(partial(_child, index), _parts(field.type, True))
    elif pa.types.is_string(kind) or pa.types.is_binary(kind):
        wide = pa.large_string() if pa.types.is_string(kind) else pa.large_binary()
        yield from _after(lambda chunk: chunk.cast(wide), _parts(wide, False))
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


def _bytes_of(flags: pa.BooleanArray) -> np.ndarray:
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

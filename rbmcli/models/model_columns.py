"""Arrays in the columns of a model file, and back."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from rbmcli.data.ids import IdIndex


def lists_of(array: np.ndarray) -> pa.Array:
    """Return the rows of an array as lists of float32."""
    flat = np.ascontiguousarray(array, np.float32).reshape(len(array), -1)
    starts = np.arange(len(flat) + 1, dtype=np.int32) * flat.shape[1]
    return pa.ListArray.from_arrays(pa.array(starts, pa.int32()), pa.array(flat.ravel()))


def array_of(part: pa.Table, name: str, *shape: int) -> np.ndarray:
    """Return a list column as float32 of shape (rows, *shape)."""
    column = part.column(name).combine_chunks().cast(pa.list_(pa.float32()))
    if column.null_count:
        raise ValueError(f"column '{name}' has nulls")
    return np.array(column.flatten().to_numpy(), np.float32).reshape(part.num_rows, *shape)


def ids_of(part: pa.Table, type_name: str) -> IdIndex:
    """Return the column of ids, which is text, in their own type."""
    types = {"int64": pa.int64(), "string": pa.string()}
    return IdIndex(part.column("id").combine_chunks().cast(types[type_name]))


def integers_of(part: pa.Table, name: str) -> np.ndarray:
    """Return a column of integers as int64."""
    return np.array(part.column(name).combine_chunks().to_numpy(zero_copy_only=False), np.int64)

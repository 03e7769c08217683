"""A checkpoint as one Parquet file: arrays by name, and small figures in the metadata.

docs/files.md describes the columns.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from rbmcli.data.metadata import digest
from rbmcli.data.schemas import CHECKPOINT
from rbmcli.data.storage import read_parquet
from rbmcli.data.writing import write_table
from rbmcli.errors import DataError
from rbmcli.models.checkpoint import Key
from rbmcli.models.fit_state import FitState
from rbmcli.progress import EpochReport

PART_BYTES = 1 << 26
"""Most bytes of an array in one row."""

_SMALL = [entry.name for entry in dataclasses.fields(FitState) if entry.name not in {"arrays", "reports"}]
_FIGURES = ("loss", "valid_rmse", "valid_nll", "is_best")
_DAMAGED = "delete it, or give --checkpoint another name, to start anew"

Saved = list[tuple[Key, FitState]]


def save_checkpoint(path: Path, description: Mapping[str, Any], states: Saved, *, is_complete: bool) -> None:
    """Write the trainings of a run to a file, whole or not at all.

    Parameters
    ----------
    path : Path
        The file.
    description : mapping
        What tells the run from others, JSON-ready.
    states : list of pairs of a key and a state
        The trainings.
    is_complete : bool
        Whether the run is over.
    """
    arrays = {
        f"{number}/{name}": np.ascontiguousarray(array)
        for number, (_, state) in enumerate(states)
        for name, array in state.arrays.items()
    }
    metadata = {
        **description,
        "command": "train",
        "complete": is_complete,
        "fits": [{"key": key, **_as_figures(state)} for key, state in states],
        "fingerprint": _fingerprint(arrays),
    }
    write_table(_as_table(arrays), path, CHECKPOINT, metadata, rows_are_large=True)


def load_checkpoint(path: Path) -> tuple[Saved, dict[str, Any]]:
    """Read the trainings of a run, and the metadata, from a file.

    Raises
    ------
    DataError
        If the file is damaged.
    MismatchError
        If it is no checkpoint, or one of a newer version.
    """
    try:
        table, metadata = read_parquet(path, CHECKPOINT)
        arrays = _from_table(table)
        if metadata["fingerprint"] != _fingerprint(arrays):
            raise ValueError("its fingerprint does not agree")
        states = [
            (dict(figures["key"]), _from_figures(figures, arrays, f"{number}/"))
            for number, figures in enumerate(metadata["fits"])
        ]
    except DataError as error:
        raise DataError(error.message, hint=_DAMAGED) from None
    except (LookupError, TypeError, ValueError, AttributeError, pa.ArrowException) as error:
        raise DataError(f"{path}: the checkpoint is damaged: {error}", hint=_DAMAGED) from None
    return states, metadata


def _as_figures(state: FitState) -> dict[str, Any]:
    """Return all but the arrays of a state, JSON-ready."""
    reports = [{name: _to_json(getattr(report, name)) for name in _FIGURES} for report in state.reports]
    return {**{name: _to_json(getattr(state, name)) for name in _SMALL}, "reports": reports}


def _to_json(value: Any) -> Any:
    """Return a figure, or as text one that JSON does not know."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _from_json(value: Any) -> Any:
    return float(value) if isinstance(value, str) else value


def _from_figures(figures: Mapping[str, Any], arrays: Mapping[str, np.ndarray], prefix: str) -> FitState:
    small = {name: _from_json(figures[name]) for name in _SMALL}
    if small["failure"] is not None:
        small["failure"] = tuple(small["failure"])
    # A generator takes its state only if it makes sense.
    np.random.default_rng().bit_generator.state = small["order"]
    count = len(figures["reports"])
    return FitState(
        **small,
        reports=[
            EpochReport(
                epoch=number,
                epochs=count,
                **{name: _from_json(report[name]) for name in _FIGURES},
                ratings_per_second=0.0,
                seconds_left=0.0,
            )
            for number, report in enumerate(figures["reports"], 1)
        ],
        arrays={name[len(prefix) :]: array for name, array in arrays.items() if name.startswith(prefix)},
    )


def _as_table(arrays: Mapping[str, np.ndarray]) -> pa.Table:
    names, types, shapes, parts = [], [], [], []
    for name, array in arrays.items():
        for part in _parts(array):
            names.append(name)
            types.append(array.dtype.str)
            shapes.append(list(array.shape))
            parts.append(part)
    return pa.table(
        {
            "name": pa.array(names, pa.string()),
            "type": pa.array(types, pa.string()),
            "shape": pa.array(shapes, pa.list_(pa.int64())),
            # A chunk for each, because one holds at most 2 GiB.
            "data": pa.chunked_array(parts, pa.binary()),
        }
    )


def _parts(array: np.ndarray) -> Iterator[pa.BinaryArray]:
    """Yield the bytes of an array, cut into parts, without a copy."""
    content = _bytes_of(array)
    for start in range(0, max(len(content), 1), PART_BYTES):
        part = content[start : start + PART_BYTES]
        ends = pa.py_buffer(np.array([0, len(part)], np.int32))
        yield pa.Array.from_buffers(pa.binary(), 1, [None, ends, pa.py_buffer(part)])


def _from_table(table: pa.Table) -> dict[str, np.ndarray]:
    """Return the arrays of a table, joined from their parts."""
    found: dict[str, tuple[np.dtype, list[int], list[pa.Buffer]]] = {}
    columns = (table.column(name).to_pylist() for name in ("name", "type", "shape"))
    for name, type_, shape, part in zip(*columns, table.column("data"), strict=True):
        found.setdefault(name, (np.dtype(type_), shape, []))[2].append(part.as_buffer())
    return {
        name: np.frombuffer(bytearray().join(parts), type_).reshape(shape)
        for name, (type_, shape, parts) in found.items()
    }


def _fingerprint(arrays: Mapping[str, np.ndarray]) -> str:
    parts: list[bytes | memoryview] = []
    for name, array in arrays.items():
        parts += [f"{name} {array.dtype.str} {array.shape}".encode(), _bytes_of(array)]
    return digest(*parts)


def _bytes_of(array: np.ndarray) -> memoryview:
    return array.reshape(-1).view(np.uint8).data

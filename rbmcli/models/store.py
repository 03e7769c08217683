"""A model as one Parquet file: a line for each visible group and each row, and one for each shared array.

docs/files.md describes the columns. Arrays are stored without the padding that they have in memory.
"""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rbmcli.config import ResolvedSettings
from rbmcli.data.ids import IdIndex
from rbmcli.data.levels import Levels
from rbmcli.data.outputs import Target
from rbmcli.data.readers.sources import local_copy
from rbmcli.data.schemas import MODEL
from rbmcli.data.storage import digest, read_parquet, write_table
from rbmcli.errors import DataError, MismatchError, UsageError
from rbmcli.kernels.arrays import Parameters
from rbmcli.kernels.scoring import RowStates
from rbmcli.models.calibration import Calibration
from rbmcli.models.form import form_of
from rbmcli.models.rbm import Rbm

_KIND = "rbm"
_VISIBLE, _ROW, _SHARED = "visible", "row", "shared"
_HIDDEN_BIAS, _FACTORS = "hidden_bias", "factors"
_CALIBRATION = "calibration"
_LISTS = ("prior", "bias", "weights", "conditional", "activation", "count", "base", "spread", "values")


def save_model(model: Rbm, target: Target) -> None:
    """Write a model to a Parquet file, whole or not at all; '-' is standard output."""
    metadata = {**_describe(model), "fingerprint": fingerprint(model)}
    write_table(_as_table(model), target, MODEL, metadata)


def load_model(path: str | os.PathLike[str]) -> Rbm:
    """Read a model from a Parquet file, of this machine or a remote store; '-' is standard input.

    Raises
    ------
    DataError
        If the file is damaged.
    MismatchError
        If it is no model, or one of a kind or version that this program does not know.
    """
    with local_copy(path) as (copy, where):
        table, metadata = read_parquet(copy, MODEL, name=where)
    if metadata.get("kind") != _KIND:
        raise MismatchError(
            f"{where}: a model of kind '{metadata.get('kind')}', expected '{_KIND}'",
            hint="read it with the version of rbmcli that wrote it, or a newer one",
        )
    try:
        model = _from_table(table, metadata)
    except (LookupError, TypeError, ValueError, pa.ArrowException, UsageError) as error:
        raise DataError(f"{where}: the model is damaged: {error}") from None
    if metadata.get("fingerprint") != fingerprint(model):
        raise DataError(f"{where}: the model is damaged: its fingerprint does not agree")
    return model


def fingerprint(model: Rbm) -> str:
    """Return the blake2b hash over the arrays and the settings of a model."""
    hidden = model.settings.hidden
    arrays = [
        model.parameters.weights[:, :, : model.form.factors or hidden],
        model.parameters.conditional[:, :hidden],
        model.parameters.visible_bias,
        model.parameters.hidden_bias[:hidden],
        model.parameters.factors[: model.form.factors, :hidden],
        model.row_prior,
        model.column_prior,
        model.row_ratings,
        model.column_ratings,
        model.user_hash,
        *([] if model.states is None else [model.states.activation[:, :hidden], *model.states[1:]]),
    ]
    ids = [json.dumps(index.values.to_pylist()).encode() for index in (model.row_ids, model.column_ids)]
    text = json.dumps(_describe(model), sort_keys=True, allow_nan=False).encode()
    return digest(text, *ids, *(np.ascontiguousarray(array).tobytes() for array in arrays))


def _describe(model: Rbm) -> dict[str, Any]:
    return {
        "command": "train",
        "kind": _KIND,
        "orientation": model.settings.by,
        "K": len(model.levels),
        "F": model.settings.hidden,
        **model.levels.as_metadata(),
        "global_prior": [float(share) for share in model.global_prior],
        "settings": model.settings.as_dict(),
        "seed": model.settings.seed,
        "visible_id_type": str(model.column_ids.type),
        "row_id_type": str(model.row_ids.type),
        **({} if model.calibration is None else {_CALIBRATION: model.calibration.as_dict()}),
        **model.record,
    }


_DESCRIBED = frozenset(
    ("format", "format_version", "fingerprint", "command", "kind", "orientation", "K", "F", "levels", "edges")
) | frozenset(("global_prior", "settings", "seed", "visible_id_type", "row_id_type", _CALIBRATION))


def _lists(array: np.ndarray) -> pa.Array:
    """Return the rows of an array as lists of float32."""
    flat = np.ascontiguousarray(array, np.float32).reshape(len(array), -1)
    starts = np.arange(len(flat) + 1, dtype=np.int32) * flat.shape[1]
    return pa.ListArray.from_arrays(pa.array(starts, pa.int32()), pa.array(flat.ravel()))


def _as_table(model: Rbm) -> pa.Table:
    hidden, parameters = model.settings.hidden, model.parameters
    visible = {
        "part": pa.array([_VISIBLE] * len(model.column_ids), pa.string()),
        "id": model.column_ids.values.cast(pa.string()),
        "n_ratings": pa.array(model.column_ratings, pa.int64()),
        "prior": _lists(model.column_prior),
        "bias": _lists(parameters.visible_bias),
        "weights": _lists(parameters.weights[:, :, : model.form.factors or hidden]),
        "conditional": _lists(parameters.conditional[:, :hidden]),
    }
    rows = {
        "part": pa.array([_ROW] * len(model.row_ids), pa.string()),
        "id": model.row_ids.values.cast(pa.string()),
        "n_ratings": pa.array(model.row_ratings, pa.int64()),
        "prior": _lists(model.row_prior),
    }
    if model.states is not None:
        rows["activation"] = _lists(model.states.activation[:, :hidden])
        rows["count"] = _lists(model.states.counts)
        rows["base"] = _lists(model.states.base)
        rows["spread"] = _lists(model.states.spread)
    (rows if model.by_user else visible)["ratings_hash"] = pa.array(model.user_hash.view(np.int64))
    shared = _shared_arrays(model)
    schema = pa.schema(
        [
            ("part", pa.string()),
            ("id", pa.string()),
            ("name", pa.string()),
            ("n_ratings", pa.int64()),
            ("ratings_hash", pa.int64()),
            *((name, pa.list_(pa.float32())) for name in _LISTS),
            ("shape", pa.list_(pa.int32())),
        ]
    )
    parts = []
    for columns in (visible, rows, shared):
        count = len(columns["part"])
        arrays = [
            columns[field.name].cast(field.type) if field.name in columns else pa.nulls(count, field.type)
            for field in schema
        ]
        parts.append(pa.Table.from_arrays(arrays, schema=schema))
    return pa.concat_tables(parts).combine_chunks()


def _shared_arrays(model: Rbm) -> dict[str, pa.Array]:
    """Return the arrays that all rows share, one a line: hidden biases and, where there are any, factors."""
    hidden, factors = model.settings.hidden, model.form.factors
    arrays = {_HIDDEN_BIAS: model.parameters.hidden_bias[:hidden]}
    if factors:
        arrays[_FACTORS] = model.parameters.factors[:factors, :hidden]
    values = [np.ascontiguousarray(array, np.float32).ravel() for array in arrays.values()]
    return {
        "part": pa.array([_SHARED] * len(arrays)),
        "name": pa.array(list(arrays)),
        "values": pa.array(values, pa.list_(pa.float32())),
        "shape": pa.array([list(array.shape) for array in arrays.values()], pa.list_(pa.int32())),
    }


def _shared_array(shared: pa.Table, name: str, *shape: int) -> np.ndarray:
    """Return an array that all rows share."""
    names = shared.column("name").to_pylist()
    if name not in names:
        raise ValueError(f"it has no {name}")
    return _array(shared.slice(names.index(name), 1), "values", *shape)[0]


def _array(part: pa.Table, name: str, *shape: int) -> np.ndarray:
    """Return a list column as float32 of shape (rows, *shape)."""
    column = part.column(name).combine_chunks().cast(pa.list_(pa.float32()))
    if column.null_count:
        raise ValueError(f"column '{name}' has nulls")
    return np.array(column.flatten().to_numpy(), np.float32).reshape(part.num_rows, *shape)


def _padded(array: np.ndarray, width: int) -> np.ndarray:
    out = np.zeros((*array.shape[:-1], width), np.float32)
    out[..., : array.shape[-1]] = array
    return out


def _from_table(table: pa.Table, metadata: dict[str, Any]) -> Rbm:
    settings = ResolvedSettings(**metadata["settings"])
    levels = Levels.from_metadata(metadata)
    if levels is None:
        raise ValueError("it names no levels")
    part = table.column("part").combine_chunks()
    visible, rows, shared = (table.filter(pc.equal(part, name)) for name in (_VISIBLE, _ROW, _SHARED))
    count, hidden = len(levels), settings.hidden
    form = form_of(settings, levels.values)
    empty = Parameters.zeros(0, count, form)
    functions, width = form.basis.shape[1], empty.hidden_bias.shape[0]
    weights = _array(visible, "weights", functions, form.factors or hidden)
    factors = np.zeros_like(empty.factors)
    if form.factors:
        factors[: form.factors, :hidden] = _shared_array(shared, _FACTORS, form.factors, hidden)
    parameters = Parameters(
        _padded(weights, empty.weights.shape[2]),
        _padded(_array(visible, "conditional", hidden), width),
        _array(visible, "bias", count),
        _padded(_shared_array(shared, _HIDDEN_BIAS, hidden), width),
        factors,
    )
    states = None
    if settings.by == "item":
        activation = _padded(_array(rows, "activation", hidden), width)
        spread = _array(rows, "spread", 1)[:, 0]
        states = RowStates(activation, _array(rows, "count", count), _array(rows, "base", count), spread)
    users = rows if settings.by == "user" else visible
    calibration = metadata.get(_CALIBRATION)
    return Rbm(
        settings,
        levels,
        _ids(rows, metadata["row_id_type"]),
        _ids(visible, metadata["visible_id_type"]),
        _integers(rows, "n_ratings"),
        _integers(visible, "n_ratings"),
        _array(rows, "prior", count),
        _array(visible, "prior", count),
        np.asarray(metadata["global_prior"], np.float32),
        parameters,
        states,
        _integers(users, "ratings_hash").view(np.uint64),
        {key: value for key, value in metadata.items() if key not in _DESCRIBED},
        None if calibration is None else Calibration.from_dict(calibration, count),
    )


def _ids(part: pa.Table, type_name: str) -> IdIndex:
    types = {"int64": pa.int64(), "string": pa.string()}
    return IdIndex(part.column("id").combine_chunks().cast(types[type_name]))


def _integers(part: pa.Table, name: str) -> np.ndarray:
    return np.array(part.column(name).combine_chunks().to_numpy(zero_copy_only=False), np.int64)

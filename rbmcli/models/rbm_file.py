"""A Restricted Boltzmann Machine as a model file: a line for each visible group, row and shared array.

docs/files.md describes the columns. Arrays are stored without the padding that they have in memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rbmcli.config import ResolvedSettings
from rbmcli.data.ids import IdIndex
from rbmcli.data.levels import Levels
from rbmcli.kernels.arrays import Form, Parameters
from rbmcli.kernels.scoring import RowStates
from rbmcli.models.calibration import Calibration
from rbmcli.models.form import form_of
from rbmcli.models.model_columns import array_of, integers_of, lists_of
from rbmcli.models.model_columns import ids_of as read_ids
from rbmcli.models.rbm import Rbm

_VISIBLE, _ROW, _SHARED = "visible", "row", "shared"
_HIDDEN_BIAS, _FACTORS = "hidden_bias", "factors"
_UPPER_WEIGHTS, _DECODING_WEIGHTS, _DECODING_BIAS = "weights", "decoding_weights", "decoding_bias"
_LISTS = ("prior", "bias", "weights", "conditional", "activation", "count", "base", "spread", "values")


KIND = "rbm"
FACTS = ("orientation", "F", "visible_id_type", "row_id_type")
"""Keys of its metadata beside those of every model."""


def arrays_of(model: Rbm) -> list[np.ndarray]:
    """Return all arrays of a machine, without padding: what its fingerprint is made of."""
    hidden = model.settings.hidden
    return [
        model.parameters.weights[:, :, : model.form.factors or hidden],
        model.parameters.conditional[:, :hidden],
        model.parameters.visible_bias,
        model.parameters.hidden_bias[:hidden],
        model.parameters.factors[: model.form.factors, :hidden],
        *_upper_arrays(model.parameters, model.form).values(),
        model.row_prior,
        model.column_prior,
        model.row_ratings,
        model.column_ratings,
        model.user_hash,
        *([] if model.states is None else [model.states.activation[:, :hidden], *model.states[1:]]),
    ]


def ids_of(model: Rbm) -> list[IdIndex]:
    """Return the ids of its rows and of its columns."""
    return [model.row_ids, model.column_ids]


def facts_of(model: Rbm) -> dict[str, Any]:
    """Return what its metadata says under `FACTS`."""
    return {
        "orientation": model.settings.by,
        "F": model.settings.hidden,
        "visible_id_type": str(model.column_ids.type),
        "row_id_type": str(model.row_ids.type),
    }


def as_table(model: Rbm) -> pa.Table:
    """Return the rows of a model file."""
    hidden, parameters = model.settings.hidden, model.parameters
    visible = {
        "part": pa.array([_VISIBLE] * len(model.column_ids), pa.string()),
        "id": model.column_ids.values.cast(pa.string()),
        "n_ratings": pa.array(model.column_ratings, pa.int64()),
        "prior": lists_of(model.column_prior),
        "bias": lists_of(parameters.visible_bias),
        "weights": lists_of(parameters.weights[:, :, : model.form.factors or hidden]),
        "conditional": lists_of(parameters.conditional[:, :hidden]),
    }
    rows = {
        "part": pa.array([_ROW] * len(model.row_ids), pa.string()),
        "id": model.row_ids.values.cast(pa.string()),
        "n_ratings": pa.array(model.row_ratings, pa.int64()),
        "prior": lists_of(model.row_prior),
    }
    if model.states is not None:
        rows["activation"] = lists_of(model.states.activation[:, :hidden])
        rows["count"] = lists_of(model.states.counts)
        rows["base"] = lists_of(model.states.base)
        rows["spread"] = lists_of(model.states.spread)
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
    """Return the arrays that all rows share, one a line: hidden biases, and any factors and upper layers."""
    hidden, factors = model.settings.hidden, model.form.factors
    arrays = {_HIDDEN_BIAS: model.parameters.hidden_bias[:hidden]}
    if factors:
        arrays[_FACTORS] = model.parameters.factors[:factors, :hidden]
    arrays |= _upper_arrays(model.parameters, model.form)
    values = [np.ascontiguousarray(array, np.float32).ravel() for array in arrays.values()]
    return {
        "part": pa.array([_SHARED] * len(arrays)),
        "name": pa.array(list(arrays)),
        "values": pa.array(values, pa.list_(pa.float32())),
        "shape": pa.array([list(array.shape) for array in arrays.values()], pa.list_(pa.int32())),
    }


def _upper_arrays(parameters: Parameters, form: Form) -> dict[str, np.ndarray]:
    """Return views of the arrays of the upper layers without padding, by name; layers are counted from 1."""
    arrays, below = {}, form.hidden
    for layer, above in enumerate(form.upper):
        arrays[f"{_UPPER_WEIGHTS}_{layer + 2}"] = parameters.upper_weights[layer, :above, :below]
        arrays[f"{_HIDDEN_BIAS}_{layer + 2}"] = parameters.upper_bias[layer, :above]
        arrays[f"{_DECODING_WEIGHTS}_{layer + 1}"] = parameters.decoding_weights[layer, :above, :below]
        arrays[f"{_DECODING_BIAS}_{layer + 1}"] = parameters.decoding_bias[layer, :below]
        below = int(above)
    return arrays


def _shared_array(shared: pa.Table, name: str, *shape: int) -> np.ndarray:
    """Return an array that all rows share."""
    names = shared.column("name").to_pylist()
    if name not in names:
        raise ValueError(f"it has no {name}")
    return array_of(shared.slice(names.index(name), 1), "values", *shape)[0]


def _padded(array: np.ndarray, width: int) -> np.ndarray:
    out = np.zeros((*array.shape[:-1], width), np.float32)
    out[..., : array.shape[-1]] = array
    return out


def from_table(table: pa.Table, metadata: dict[str, Any], record: dict[str, Any]) -> Rbm:
    """Return the machine of a table and its metadata, with the record of its training."""
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
    weights = array_of(visible, "weights", functions, form.factors or hidden)
    factors = np.zeros_like(empty.factors)
    if form.factors:
        factors[: form.factors, :hidden] = _shared_array(shared, _FACTORS, form.factors, hidden)
    parameters = empty._replace(
        weights=_padded(weights, empty.weights.shape[2]),
        conditional=_padded(array_of(visible, "conditional", hidden), width),
        visible_bias=array_of(visible, "bias", count),
        hidden_bias=_padded(_shared_array(shared, _HIDDEN_BIAS, hidden), width),
        factors=factors,
    )
    for name, array in _upper_arrays(parameters, form).items():
        array[...] = _shared_array(shared, name, *array.shape)
    states = None
    if settings.by == "item":
        activation = _padded(array_of(rows, "activation", hidden), width)
        spread = array_of(rows, "spread", 1)[:, 0]
        states = RowStates(activation, array_of(rows, "count", count), array_of(rows, "base", count), spread)
    users = rows if settings.by == "user" else visible
    calibration = metadata.get("calibration")
    return Rbm(
        settings,
        levels,
        read_ids(rows, metadata["row_id_type"]),
        read_ids(visible, metadata["visible_id_type"]),
        integers_of(rows, "n_ratings"),
        integers_of(visible, "n_ratings"),
        array_of(rows, "prior", count),
        array_of(visible, "prior", count),
        np.asarray(metadata["global_prior"], np.float32),
        parameters,
        states,
        integers_of(users, "ratings_hash").view(np.uint64),
        record,
        None if calibration is None else Calibration.from_dict(calibration, count),
    )

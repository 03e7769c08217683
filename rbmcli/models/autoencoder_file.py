"""An autoencoder as a model file: weights of its columns, sums of its rows if they are items, and layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from rbmcli.config.autoencoder import AutoencoderSettings
from rbmcli.kernels.autoencoder_arrays import Centring, Weights
from rbmcli.kernels.autoencoder_scoring import RowSums
from rbmcli.models import mean_file
from rbmcli.models.autoencoder import Autoencoder, AutoencoderModel
from rbmcli.models.mean_file import ids_of
from rbmcli.models.model_columns import array_of

__all__ = ["FACTS", "KIND", "arrays_of", "as_table", "facts_of", "from_table", "ids_of"]

KIND = "autoencoder"
FACTS = (*mean_file.FACTS, "mean", "row_penalty", "variance")
"""Keys of its metadata beside those of every model."""


def arrays_of(model: AutoencoderModel) -> list[np.ndarray]:
    """Return all arrays of a model: what its fingerprint is made of."""
    parts = _of_columns(model) | _of_rows(model) | _shared(model)
    arrays = (array.astype(np.float32) for array in parts.values())
    return [*arrays, *mean_file.arrays_of(model)]


def facts_of(model: AutoencoderModel) -> dict[str, Any]:
    """Return what its metadata says under `FACTS`."""
    network = model.network
    numbers = {"mean": network.mean, "row_penalty": float(network.centring.penalty)}
    return {**mean_file.facts_of(model), **numbers, "variance": model.variance}


def as_table(model: AutoencoderModel) -> pa.Table:
    """Return the rows of a model file."""
    columns, rows = _of_columns(model), _of_rows(model)
    if model.rows == "user":
        return mean_file.as_table(model, columns, _shared(model))
    return mean_file.as_table(model, rows, _shared(model), of_users=columns)


def from_table(table: pa.Table, metadata: dict[str, Any], record: dict[str, Any]) -> AutoencoderModel:
    """Return the model of a table and its metadata, with the record of its training."""
    settings = AutoencoderSettings(**metadata["settings"])
    parts = mean_file.common_parts(table, metadata, record)
    items, users, shared = mean_file.parts_of(table)
    columns = items if settings.rows == "user" else users
    sizes, mean = settings.sizes, float(metadata["mean"])
    first, last, widest = sizes[0], sizes[-1], max(sizes)
    weights = Weights.zeros(columns.num_rows, sizes)
    weights.given[:, :first] = array_of(columns, "given", first)
    weights.rated[:, :first] = array_of(columns, "rated", first)
    weights.output[:, :last] = array_of(columns, "output", last)
    weights.bias[:] = array_of(columns, "bias", 1)
    weights.hidden_bias[:, :widest] = mean_file.shared_array(shared, "hidden_bias")
    weights.dense[:, :widest, :widest] = mean_file.shared_array(shared, "dense")
    centring = Centring(
        (parts["levels"].values - mean).astype(np.float32),
        array_of(columns, "effect", 1)[:, 0],
        np.float32(metadata["row_penalty"]),
    )
    sums = None
    if settings.rows == "item":
        sums = RowSums.zeros(items.num_rows, weights.given.shape[1])
        sums.inputs[:, :first] = array_of(items, "inputs", first)
        sums.given[:, :first] = array_of(items, "given_sum", first)
        sums.total[:] = array_of(items, "total", 1)[:, 0]
        sums.rated[:] = parts["item_ratings"]
    return AutoencoderModel(
        settings=settings,
        network=Autoencoder(sizes, weights, mean, centring),
        sums=sums,
        variance=float(metadata["variance"]),
        **parts,
    )


def _of_columns(model: AutoencoderModel) -> dict[str, np.ndarray]:
    weights, sizes = model.network.weights, model.network.sizes
    return {
        "given": weights.given[:, : sizes[0]],
        "rated": weights.rated[:, : sizes[0]],
        "output": weights.output[:, : sizes[-1]],
        "bias": weights.bias,
        "effect": model.network.centring.effect[:, None],
    }


def _of_rows(model: AutoencoderModel) -> dict[str, np.ndarray]:
    if model.sums is None:
        return {}
    first = model.network.sizes[0]
    return {
        "inputs": model.sums.inputs[:, :first],
        "given_sum": model.sums.given[:, :first],
        "total": model.sums.total[:, None],
    }


def _shared(model: AutoencoderModel) -> dict[str, np.ndarray]:
    weights, widest = model.network.weights, max(model.network.sizes)
    return {
        "hidden_bias": weights.hidden_bias[:, :widest],
        "dense": weights.dense[:, :widest, :widest],
    }

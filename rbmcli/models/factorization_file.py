"""A matrix factorization as a model file: of each item its numbers in all samples, of users their priors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from rbmcli.config.factorization import FactorizationSettings
from rbmcli.kernels.factor_folding import ItemSamples
from rbmcli.models import mean_file
from rbmcli.models.factorization import FactorizationModel
from rbmcli.models.mean_file import ids_of
from rbmcli.models.model_columns import array_of

__all__ = ["FACTS", "KIND", "arrays_of", "as_table", "facts_of", "from_table", "ids_of"]

KIND = "mf"
FACTS = (*mean_file.FACTS, "mean")
"""Keys of its metadata beside those of every model."""

_OF_USERS = ("mean", "precision", "alpha")


def arrays_of(model: FactorizationModel) -> list[np.ndarray]:
    """Return all arrays of a model: what its fingerprint is made of."""
    return [*(array.astype(np.float32) for array in model.samples), *mean_file.arrays_of(model)]


def facts_of(model: FactorizationModel) -> dict[str, Any]:
    """Return what its metadata says under `FACTS`."""
    return {**mean_file.facts_of(model), "mean": model.mean}


def as_table(model: FactorizationModel) -> pa.Table:
    """Return the rows of a model file."""
    samples = model.samples
    # Of the factors the last is 1 throughout.
    of_items = {
        "factors": samples.features[:, :, :-1].swapaxes(0, 1),
        "implicit": samples.implicit.swapaxes(0, 1),
        "bias": samples.bias.T,
    }
    shared = {f"user_{name}": getattr(samples, name) for name in _OF_USERS}
    shared |= {"unknown_factors": of_items["factors"][-1], "unknown_bias": samples.bias[:, -1]}
    return mean_file.as_table(model, {name: array[:-1] for name, array in of_items.items()}, shared)


def from_table(table: pa.Table, metadata: dict[str, Any], record: dict[str, Any]) -> FactorizationModel:
    """Return the model of a table and its metadata, with the record of its training."""
    settings = FactorizationSettings(**metadata["settings"])
    parts = mean_file.common_parts(table, metadata, record)
    items, _, shared = mean_file.parts_of(table)
    size, count = settings.latent_factors, settings.samples
    of_users = {name: mean_file.shared_array(shared, f"user_{name}") for name in _OF_USERS}
    if of_users["mean"].shape != (count, size + 1) or of_users["alpha"].shape != (count,):
        raise ValueError(f"it does not hold {count} samples of {size} factors")
    features = np.ones((count, items.num_rows + 1, size + 1), np.float32)
    features[:, :-1, :-1] = array_of(items, "factors", count, size).swapaxes(0, 1)
    features[:, -1, :-1] = mean_file.shared_array(shared, "unknown_factors").reshape(count, size)
    implicit = np.zeros_like(features)
    implicit[:, :-1] = array_of(items, "implicit", count, size + 1).swapaxes(0, 1)
    bias = np.empty((count, items.num_rows + 1), np.float32)
    bias[:, :-1] = array_of(items, "bias", count).T
    bias[:, -1] = mean_file.shared_array(shared, "unknown_bias").reshape(count)
    samples = ItemSamples(
        features, implicit, bias, *(of_users[name].astype(np.float64) for name in _OF_USERS)
    )
    return FactorizationModel(settings=settings, mean=float(metadata["mean"]), samples=samples, **parts)

"""A matrix factorization as a model file: of each item its numbers in all samples, of users their priors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from rbmcli.config.factorization import FactorizationSettings
from rbmcli.kernels.factor_folding import ItemSamples
from rbmcli.kernels.normal_equations import padded
from rbmcli.models import mean_file
from rbmcli.models.factorization import FactorizationModel
from rbmcli.models.mean_file import ids_of
from rbmcli.models.model_columns import array_of

__all__ = ["FACTS", "KIND", "arrays_of", "as_table", "facts_of", "from_table", "ids_of"]

KIND = "mf"
FACTS = (*mean_file.FACTS, "mean")
"""Keys of its metadata beside those of every model."""


def arrays_of(model: FactorizationModel) -> list[np.ndarray]:
    """Return all arrays of a model: what its fingerprint is made of."""
    return [*(array.astype(np.float32) for array in model.samples), *mean_file.arrays_of(model)]


def facts_of(model: FactorizationModel) -> dict[str, Any]:
    """Return what its metadata says under `FACTS`."""
    return {**mean_file.facts_of(model), "mean": model.mean}


def as_table(model: FactorizationModel) -> pa.Table:
    """Return the rows of a model file."""
    assert isinstance(model.settings, FactorizationSettings)
    samples, used = model.samples, model.settings.latent_factors + 1
    factors = samples.factors[:, :, :used].swapaxes(0, 1)
    of_items = {
        "factors": factors[:, :, 1:],
        "implicit": samples.implicit[:, :, :used].swapaxes(0, 1),
        "bias": factors[:, :, 0],
        "noise_precision": samples.noise_precision.T,
    }
    shared = {
        "user_mean": samples.mean[:, :used],
        "user_precision": samples.precision[:, :used],
        "user_alpha": samples.alpha,
        "unknown_factors": factors[-1, :, 1:],
        "unknown_bias": factors[-1, :, 0],
    }
    return mean_file.as_table(model, {name: array[:-1] for name, array in of_items.items()}, shared)


def from_table(table: pa.Table, metadata: dict[str, Any], record: dict[str, Any]) -> FactorizationModel:
    """Return the model of a table and its metadata, with the record of its training."""
    settings = FactorizationSettings(**metadata["settings"])
    parts = mean_file.common_parts(table, metadata, record)
    items, _, shared = mean_file.parts_of(table)
    size, count = settings.latent_factors, settings.kept
    mean, precision, alpha, *unknown = (
        mean_file.shared_array(shared, name)
        for name in ("user_mean", "user_precision", "user_alpha", "unknown_factors", "unknown_bias")
    )
    if mean.shape != (count, size + 1) or alpha.shape != (count,):
        raise ValueError(f"it does not hold {count} samples of {size} factors")
    factors = np.zeros((count, items.num_rows + 1, padded(size + 1)), np.float32)
    factors[:, :-1, 0] = array_of(items, "bias", count).T
    factors[:, :-1, 1 : size + 1] = array_of(items, "factors", count, size).swapaxes(0, 1)
    factors[:, -1, 1 : size + 1], factors[:, -1, 0] = unknown
    implicit = np.zeros_like(factors)
    implicit[:, :-1, : size + 1] = array_of(items, "implicit", count, size + 1).swapaxes(0, 1)
    means, precisions = np.zeros((count, factors.shape[2])), np.ones((count, factors.shape[2]))
    means[:, : size + 1], precisions[:, : size + 1] = mean, precision
    noise_precision = np.ones((count, items.num_rows + 1), np.float32)
    noise_precision[:, :-1] = array_of(items, "noise_precision", count).T
    samples = ItemSamples(factors, implicit, means, precisions, noise_precision, alpha.astype(np.float64))
    return FactorizationModel(settings=settings, mean=float(metadata["mean"]), samples=samples, **parts)

"""User and item effects as a model file: the effect of each item, and the rest as metadata."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from rbmcli.config.effects import BiasSettings
from rbmcli.models import mean_file
from rbmcli.models.effects import BiasModel, Effects
from rbmcli.models.mean_file import ids_of
from rbmcli.models.model_columns import array_of

__all__ = ["FACTS", "KIND", "arrays_of", "as_table", "facts_of", "from_table", "ids_of"]

KIND = "bias"
FACTS = (*mean_file.FACTS, "effects")
"""Keys of its metadata beside those of every model."""

_NUMBERS = ("mean", "user_penalty", "item_penalty", "variance")


def arrays_of(model: BiasModel) -> list[np.ndarray]:
    """Return all arrays of a model: what its fingerprint is made of."""
    return [model.effects.item.astype(np.float32), *mean_file.arrays_of(model)]


def facts_of(model: BiasModel) -> dict[str, Any]:
    """Return what its metadata says under `FACTS`."""
    effects = {name: getattr(model.effects, name) for name in _NUMBERS}
    return {**mean_file.facts_of(model), "effects": effects}


def as_table(model: BiasModel) -> pa.Table:
    """Return the rows of a model file."""
    return mean_file.as_table(model, {"bias": model.effects.item})


def from_table(table: pa.Table, metadata: dict[str, Any], record: dict[str, Any]) -> BiasModel:
    """Return the model of a table and its metadata, with the record of its training."""
    parts = mean_file.common_parts(table, metadata, record)
    items, _, _ = mean_file.parts_of(table)
    effects = Effects(
        item=array_of(items, "bias", 1)[:, 0].astype(np.float64),
        item_count=parts["item_ratings"],
        **{name: float(metadata["effects"][name]) for name in _NUMBERS},
    )
    return BiasModel(settings=BiasSettings(**metadata["settings"]), effects=effects, **parts)

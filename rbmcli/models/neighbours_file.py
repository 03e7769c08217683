"""Neighbours as a model file: those of each item and their weights, and the base beneath."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from rbmcli.config.neighbours import NeighboursSettings
from rbmcli.models import folding_file
from rbmcli.models.folding_file import ids_of
from rbmcli.models.model_columns import array_of
from rbmcli.models.neighbourhood import Neighbourhood
from rbmcli.models.neighbours import NeighboursModel
from rbmcli.models.rating_model import RatingModel

__all__ = ["FACTS", "KIND", "arrays_of", "as_table", "facts_of", "from_table", "ids_of"]

KIND = "neighbours"
FACTS = (*folding_file.FACTS, "neighbourhood")
"""Keys of its metadata beside those of every model."""

_NUMBERS = ("gain", "pull", "sharpness")
_MOST_ITEMS = 1 << 24
"""Indices up to this are float32 without rounding."""


def arrays_of(model: NeighboursModel) -> list[np.ndarray]:
    """Return all arrays of a model but for its base's: what its fingerprint is made of."""
    near = model.neighbourhood
    return [near.neighbour, near.weight, *folding_file.arrays_of(model)]


def facts_of(model: NeighboursModel) -> dict[str, Any]:
    """Return what its metadata says under `FACTS`."""
    numbers = {name: getattr(model.neighbourhood, name) for name in _NUMBERS}
    return {
        **folding_file.facts_of(model),
        "neighbourhood": {**numbers, "most": model.neighbourhood.neighbour.shape[1]},
    }


def as_table(model: NeighboursModel) -> pa.Table:
    """Return the rows of a model file that are its own."""
    near = model.neighbourhood
    assert len(near.neighbour) <= _MOST_ITEMS
    return folding_file.as_table(model, {"neighbour": near.neighbour, "weight": near.weight})


def from_table(
    table: pa.Table, metadata: dict[str, Any], record: dict[str, Any], members: tuple[RatingModel, ...] = ()
) -> NeighboursModel:
    """Return the model of a table and its metadata, with the record of its training and its base."""
    if len(members) != 1:
        raise ValueError("it has no base")
    parts = folding_file.common_parts(table, metadata, record)
    items, _, _ = folding_file.parts_of(table)
    facts = metadata["neighbourhood"]
    most = int(facts["most"])
    neighbour = array_of(items, "neighbour", most).astype(np.int32)
    weight = array_of(items, "weight", most)
    is_there = neighbour >= 0
    if not (
        np.all(neighbour < len(items))
        and np.all(np.diff(is_there.astype(np.int8), axis=1) <= 0)
        and np.all(np.diff(neighbour, axis=1)[is_there[:, 1:]] > 0)
        and np.all((weight > 0) == is_there)
    ):
        raise ValueError("its neighbours are no items in order, with their weights")
    numbers = {name: float(facts[name]) for name in _NUMBERS}
    if not (numbers["gain"] >= 0 and numbers["pull"] > 0 and numbers["sharpness"] > 0):
        raise ValueError(f"its neighbours count by {numbers}")
    return NeighboursModel(
        settings=NeighboursSettings(**metadata["settings"]),
        neighbourhood=Neighbourhood(neighbour, weight, **numbers),
        members=members,
        **parts,
    )

"""A blend as a model file: the weights of its members as shared arrays, and the members beneath."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from rbmcli.config import BlendSettings, EnsembleSettings, Member
from rbmcli.models import folding_file
from rbmcli.models.blend import BlendModel
from rbmcli.models.boosting import Trees
from rbmcli.models.combination import Combination
from rbmcli.models.folding_file import ids_of, parts_of, shared_array
from rbmcli.models.rating_model import RatingModel

__all__ = ["FACTS", "KINDS", "arrays_of", "as_table", "facts_of", "from_table", "ids_of"]

KINDS = ("blend", "ensemble")
FACTS = (*folding_file.FACTS, "centre", "trees")
"""Keys of its metadata beside those of every model."""

_SETTINGS = {"blend": BlendSettings, "ensemble": EnsembleSettings}
_OF_TREES = "tree_"
_ARRAYS = ("user_knots", "item_knots", "weights", "pool")


def _shared(model: BlendModel) -> dict[str, np.ndarray]:
    how = model.combination
    arrays = {name: getattr(how, name) for name in _ARRAYS}
    if len(how.trees.value):
        arrays |= {_OF_TREES + name: array for name, array in how.trees._asdict().items()}
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def arrays_of(model: BlendModel) -> list[np.ndarray]:
    """Return all arrays of a blend but for its members': what its fingerprint is made of."""
    return [*_shared(model).values(), *folding_file.arrays_of(model)]


def facts_of(model: BlendModel) -> dict[str, Any]:
    """Return what its metadata says under `FACTS`."""
    how = model.combination
    return {**folding_file.facts_of(model), "centre": how.centre, "trees": len(how.trees.value)}


def as_table(model: BlendModel) -> pa.Table:
    """Return the rows of a model file that are the blend's own."""
    return folding_file.as_table(model, {}, _shared(model))


def from_table(
    table: pa.Table, metadata: dict[str, Any], record: dict[str, Any], members: tuple[RatingModel, ...] = ()
) -> BlendModel:
    """Return the blend of a table and its metadata, with the record of its training and its members."""
    parts = folding_file.common_parts(table, metadata, record)
    _, _, shared = parts_of(table)
    arrays = {name: shared_array(shared, name).astype(np.float64) for name in _ARRAYS}
    expected = (len(arrays["user_knots"]), len(arrays["item_knots"]), len(members))
    if not members or arrays["weights"].shape != expected or arrays["pool"].shape != (len(members),):
        raise ValueError(f"its weights are not those of {len(members)} members")
    trees = Trees.none()
    if metadata["trees"]:
        trees = Trees(*(shared_array(shared, _OF_TREES + name) for name in Trees._fields))
        trees = trees._replace(feature=trees.feature.astype(np.int64)).as_stored()
    given = {**metadata["settings"]}
    given["members"] = tuple(Member.from_dict(each) for each in given["members"])
    return BlendModel(
        settings=_SETTINGS[metadata["kind"]](**given),
        combination=Combination(float(metadata["centre"]), **arrays, trees=trees),
        members=members,
        **parts,
    )

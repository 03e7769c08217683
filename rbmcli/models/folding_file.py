"""What files of models that fold users in have in common: a line for each item and each user."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rbmcli.data.ids import IdIndex
from rbmcli.data.levels import Levels
from rbmcli.models.calibration import Calibration
from rbmcli.models.folding_model import FoldingModel
from rbmcli.models.model_columns import array_of, integers_of, lists_of
from rbmcli.models.model_columns import ids_of as read_ids

FACTS = ("orientation", "visible_id_type", "row_id_type")
"""Keys of the metadata beside those of every model."""

_VISIBLE, _ROW, _SHARED = "visible", "row", "shared"
_LISTS = pa.list_(pa.float32())
_FIRST = [("part", pa.string()), ("id", pa.string()), ("name", pa.string())]
_COUNTS = [("n_ratings", pa.int64()), ("ratings_hash", pa.int64())]
_SHARED_COLUMNS = [("values", _LISTS), ("shape", pa.list_(pa.int32()))]


def arrays_of(model: FoldingModel) -> list[np.ndarray]:
    """Return the arrays that all such models have."""
    return [model.item_prior, model.item_ratings, model.user_ratings, model.user_hash]


def ids_of(model: FoldingModel) -> list[IdIndex]:
    """Return the ids of the users and of the items."""
    return [model.user_ids, model.item_ids]


def facts_of(model: FoldingModel) -> dict[str, Any]:
    """Return what the metadata says under `FACTS`."""
    return {
        "orientation": "user",
        "visible_id_type": str(model.item_ids.type),
        "row_id_type": str(model.user_ids.type),
    }


def as_table(
    model: FoldingModel,
    of_items: dict[str, np.ndarray],
    shared: dict[str, np.ndarray] | None = None,
    of_users: dict[str, np.ndarray] | None = None,
) -> pa.Table:
    """Return the rows of a model file.

    Parameters
    ----------
    model : FoldingModel
        The model.
    of_items : dict of str to ndarray, shape (M, ...)
        Further columns of items.
    shared : dict of str to ndarray, optional
        Arrays that have a line of their own.
    of_users : dict of str to ndarray, shape (U, ...), optional
        Further columns of users, by other names.
    """
    columns_of_users = of_users or {}
    names = [(name, _LISTS) for name in (*of_items, *columns_of_users)]
    schema = pa.schema([*_FIRST, *_COUNTS, ("prior", _LISTS), *names, *_SHARED_COLUMNS])
    items = {
        "part": pa.array([_VISIBLE] * len(model.item_ids), pa.string()),
        "id": model.item_ids.values.cast(pa.string()),
        "n_ratings": pa.array(model.item_ratings, pa.int64()),
        "prior": lists_of(model.item_prior),
        **{name: lists_of(array) for name, array in of_items.items()},
    }
    users = {
        "part": pa.array([_ROW] * len(model.user_ids), pa.string()),
        "id": model.user_ids.values.cast(pa.string()),
        "n_ratings": pa.array(model.user_ratings, pa.int64()),
        "ratings_hash": pa.array(model.user_hash.view(np.int64)),
        **{name: lists_of(array) for name, array in columns_of_users.items()},
    }
    arrays = shared or {}
    whole = {
        "part": pa.array([_SHARED] * len(arrays), pa.string()),
        "name": pa.array(list(arrays), pa.string()),
        "values": pa.array([array.astype(np.float32).ravel() for array in arrays.values()], _LISTS),
        "shape": pa.array([list(array.shape) for array in arrays.values()], pa.list_(pa.int32())),
    }
    return pa.concat_tables([_filled(part, schema) for part in (items, users, whole)]).combine_chunks()


def _filled(columns: dict[str, pa.Array], schema: pa.Schema) -> pa.Table:
    count = len(columns["part"])
    arrays = [columns.get(field.name, pa.nulls(count, field.type)) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def parts_of(table: pa.Table) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Return the lines of items, of users, and of whole arrays."""
    part = table.column("part").combine_chunks()
    items, users, shared = (table.filter(pc.equal(part, name)) for name in (_VISIBLE, _ROW, _SHARED))
    return items, users, shared


def shared_array(shared: pa.Table, name: str) -> np.ndarray:
    """Return an array that has a line of its own, float32 in its shape."""
    names = shared.column("name").to_pylist()
    if name not in names:
        raise ValueError(f"it has no {name}")
    line = shared.slice(names.index(name), 1)
    shape = line.column("shape")[0].as_py()
    return array_of(line, "values", *shape)[0]


def common_parts(table: pa.Table, metadata: dict[str, Any], record: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of `FoldingModel` but for settings and members, by their names."""
    levels = Levels.from_metadata(metadata)
    if levels is None:
        raise ValueError("it names no levels")
    items, users, _ = parts_of(table)
    calibration = metadata.get("calibration")
    return {
        "levels": levels,
        "user_ids": read_ids(users, metadata["row_id_type"]),
        "item_ids": read_ids(items, metadata["visible_id_type"]),
        "user_ratings": integers_of(users, "n_ratings"),
        "item_ratings": integers_of(items, "n_ratings"),
        "item_prior": array_of(items, "prior", len(levels)),
        "global_prior": np.asarray(metadata["global_prior"], np.float32),
        "user_hash": integers_of(users, "ratings_hash").view(np.uint64),
        "record": record,
        "calibration": None if calibration is None else Calibration.from_dict(calibration, len(levels)),
    }

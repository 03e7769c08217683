"""User and item effects as a model file: a line for each item and each user, and the rest as metadata."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rbmcli.config.effects import BiasSettings
from rbmcli.data.ids import IdIndex
from rbmcli.data.levels import Levels
from rbmcli.models.calibration import Calibration
from rbmcli.models.effects import BiasModel, Effects
from rbmcli.models.model_columns import array_of, integers_of, lists_of
from rbmcli.models.model_columns import ids_of as read_ids
from rbmcli.models.ordinal_link import OrdinalLink

KIND = "bias"
FACTS = ("orientation", "visible_id_type", "row_id_type", "effects", "link")
"""Keys of its metadata beside those of every model."""

_VISIBLE, _ROW = "visible", "row"
_SCHEMA = pa.schema(
    [
        ("part", pa.string()),
        ("id", pa.string()),
        ("name", pa.string()),
        ("n_ratings", pa.int64()),
        ("ratings_hash", pa.int64()),
        ("prior", pa.list_(pa.float32())),
        ("bias", pa.list_(pa.float32())),
        ("values", pa.list_(pa.float32())),
        ("shape", pa.list_(pa.int32())),
    ]
)


def arrays_of(model: BiasModel) -> list[np.ndarray]:
    """Return all arrays of a model: what its fingerprint is made of."""
    return [
        model.effects.item.astype(np.float32),
        model.item_prior,
        model.item_ratings,
        model.user_ratings,
        model.user_hash,
    ]


def ids_of(model: BiasModel) -> list[IdIndex]:
    """Return the ids of its users and of its items."""
    return [model.user_ids, model.item_ids]


def facts_of(model: BiasModel) -> dict[str, Any]:
    """Return what its metadata says under `FACTS`."""
    effects = model.effects
    return {
        "orientation": "user",
        "visible_id_type": str(model.item_ids.type),
        "row_id_type": str(model.user_ids.type),
        "effects": {
            "mean": effects.mean,
            "user_penalty": effects.user_penalty,
            "item_penalty": effects.item_penalty,
            "variance": effects.variance,
        },
        "link": model.link.as_dict(),
    }


def as_table(model: BiasModel) -> pa.Table:
    """Return the rows of a model file."""
    items = {
        "part": pa.array([_VISIBLE] * len(model.item_ids), pa.string()),
        "id": model.item_ids.values.cast(pa.string()),
        "n_ratings": pa.array(model.item_ratings, pa.int64()),
        "prior": lists_of(model.item_prior),
        "bias": lists_of(model.effects.item),
    }
    users = {
        "part": pa.array([_ROW] * len(model.user_ids), pa.string()),
        "id": model.user_ids.values.cast(pa.string()),
        "n_ratings": pa.array(model.user_ratings, pa.int64()),
        "ratings_hash": pa.array(model.user_hash.view(np.int64)),
    }
    return pa.concat_tables([_filled(items), _filled(users)]).combine_chunks()


def _filled(columns: dict[str, pa.Array]) -> pa.Table:
    count = len(columns["part"])
    arrays = [
        columns[field.name] if field.name in columns else pa.nulls(count, field.type) for field in _SCHEMA
    ]
    return pa.Table.from_arrays(arrays, schema=_SCHEMA)


def from_table(table: pa.Table, metadata: dict[str, Any], record: dict[str, Any]) -> BiasModel:
    """Return the model of a table and its metadata, with the record of its training."""
    levels = Levels.from_metadata(metadata)
    if levels is None:
        raise ValueError("it names no levels")
    part = table.column("part").combine_chunks()
    items, users = (table.filter(pc.equal(part, name)) for name in (_VISIBLE, _ROW))
    facts = metadata["effects"]
    counts = integers_of(items, "n_ratings")
    effects = Effects(
        mean=float(facts["mean"]),
        item=array_of(items, "bias", 1)[:, 0].astype(np.float64),
        item_count=counts,
        user_penalty=float(facts["user_penalty"]),
        item_penalty=float(facts["item_penalty"]),
        variance=float(facts["variance"]),
    )
    calibration = metadata.get("calibration")
    return BiasModel(
        settings=BiasSettings(**metadata["settings"]),
        levels=levels,
        user_ids=read_ids(users, metadata["row_id_type"]),
        item_ids=read_ids(items, metadata["visible_id_type"]),
        user_ratings=integers_of(users, "n_ratings"),
        item_ratings=counts,
        item_prior=array_of(items, "prior", len(levels)),
        global_prior=np.asarray(metadata["global_prior"], np.float32),
        user_hash=integers_of(users, "ratings_hash").view(np.uint64),
        effects=effects,
        link=OrdinalLink.from_dict(metadata["link"], len(levels)),
        record=record,
        calibration=None if calibration is None else Calibration.from_dict(calibration, len(levels)),
    )

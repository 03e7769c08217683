"""A model as one Parquet file, whatever its kind; docs/files.md describes the columns."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np
import pyarrow as pa

from rbmcli.data.metadata import digest
from rbmcli.data.outputs import Target
from rbmcli.data.readers.sources import local_copy
from rbmcli.data.schemas import MODEL
from rbmcli.data.storage import read_parquet
from rbmcli.data.writing import write_table
from rbmcli.errors import DataError, MismatchError, UsageError
from rbmcli.models import (
    autoencoder_file,
    blend_file,
    effects_file,
    factorization_file,
    neighbours_file,
    rbm_file,
)
from rbmcli.models.member_tables import joined, parted
from rbmcli.models.rating_model import RatingModel

_FILES: dict[str, Any] = {
    **{
        file.KIND: file
        for file in (rbm_file, factorization_file, autoencoder_file, neighbours_file, effects_file)
    },
    **dict.fromkeys(blend_file.KINDS, blend_file),
}
"""What reads and writes the arrays of each kind."""

_DESCRIBED = frozenset(
    ("format", "format_version", "fingerprint", "command", "kind", "K", "levels", "edges", "global_prior")
) | frozenset(("settings", "seed", "calibration", "members"))


def save_model(model: RatingModel, target: Target) -> None:
    """Write a model to a Parquet file, whole or not at all; '-' is standard output."""
    metadata = {**describe(model), "fingerprint": fingerprint(model)}
    write_table(_as_table(model), target, MODEL, metadata)


def load_model(path: str | os.PathLike[str]) -> RatingModel:
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
    for kind in _kinds_of(metadata):
        if kind not in _FILES:
            raise MismatchError(
                f"{where}: a model of kind '{kind}', expected {' or '.join(map(repr, _FILES))}",
                hint="read it with the version of rbmcli that wrote it, or a newer one",
            )
    try:
        model = _from_table(table, metadata)
    except (LookupError, TypeError, ValueError, pa.ArrowException, UsageError) as error:
        raise DataError(f"{where}: the model is damaged: {error}") from None
    if metadata.get("fingerprint") != fingerprint(model):
        raise DataError(f"{where}: the model is damaged: its fingerprint does not agree")
    return model


def fingerprint(model: RatingModel) -> str:
    """Return the blake2b hash over the arrays and the settings of a model."""
    file = _FILES[model.kind]
    ids = [json.dumps(index.values.to_pylist()).encode() for index in file.ids_of(model)]
    text = json.dumps(describe(model), sort_keys=True, allow_nan=False).encode()
    members = [fingerprint(member).encode() for member in model.members]
    arrays = (np.ascontiguousarray(array).tobytes() for array in file.arrays_of(model))
    return digest(text, *ids, *arrays, *members)


def bytes_of(model: RatingModel) -> int:
    """Return about the bytes of the file of a model."""
    own = sum(array.nbytes for array in _FILES[model.kind].arrays_of(model))
    return own + sum(bytes_of(member) for member in model.members)


def _as_table(model: RatingModel) -> pa.Table:
    own: pa.Table = _FILES[model.kind].as_table(model)
    return joined(own, [_as_table(member) for member in model.members])


def _kinds_of(metadata: dict[str, Any]) -> list[Any]:
    """Return the kinds of a model and of all that it is made of."""
    inner = [kind for member in metadata.get("members", []) for kind in _kinds_of(member)]
    return [metadata.get("kind"), *inner]


def describe(model: RatingModel) -> dict[str, Any]:
    """Return what the metadata of the file of a model says of it, but for its fingerprint and the format."""
    return {
        "command": "train",
        "kind": model.kind,
        "K": len(model.levels),
        **model.levels.as_metadata(),
        "global_prior": [float(share) for share in model.global_prior],
        "settings": model.settings.as_dict(),
        "seed": model.settings.as_dict()["seed"],
        **_FILES[model.kind].facts_of(model),
        **({} if model.calibration is None else {"calibration": model.calibration.as_dict()}),
        **({"members": [describe(member) for member in model.members]} if model.members else {}),
        **model.record,
    }


def _from_table(table: pa.Table, metadata: dict[str, Any]) -> RatingModel:
    file = _FILES[metadata["kind"]]
    record = {key: value for key, value in metadata.items() if key not in _DESCRIBED | frozenset(file.FACTS)}
    described = metadata.get("members", [])
    own, tables = parted(table, len(described))
    members = [_from_table(*each) for each in zip(tables, described, strict=True)]
    model: RatingModel = file.from_table(own, metadata, record, *([tuple(members)] if members else []))
    return model

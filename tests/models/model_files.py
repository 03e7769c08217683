"""What tests of model files share: comparing models, and writing files that no checksum finds fault with."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rbmcli.data.metadata import encode_metadata
from rbmcli.data.schemas import METADATA_KEY, MODEL
from rbmcli.data.storage import read_parquet
from rbmcli.models.rbm import Rbm


def arrays_of(model: Rbm) -> dict[str, np.ndarray]:
    """Return every array of a model, padding included."""
    fields = {entry.name: getattr(model, entry.name) for entry in dataclasses.fields(model)}
    found = {name: value for name, value in fields.items() if isinstance(value, np.ndarray)}
    found |= {f"parameters.{name}": value for name, value in model.parameters._asdict().items()}
    if model.states is not None:
        found |= {f"states.{name}": value for name, value in model.states._asdict().items()}
    return found


def assert_same_model(left: Rbm, right: Rbm) -> None:
    """Check that two models are equal, to the last bit and the last type."""
    assert left.settings == right.settings
    assert left.record == right.record
    assert left.levels.as_metadata() == right.levels.as_metadata()
    assert left.row_ids.values.equals(right.row_ids.values)
    assert left.column_ids.values.equals(right.column_ids.values)
    assert (left.states is None) == (right.states is None)
    expected = arrays_of(right)
    for name, array in arrays_of(left).items():
        assert array.dtype == expected[name].dtype, name
        np.testing.assert_array_equal(array, expected[name], err_msg=name)


def rewrite(
    path: Path,
    metadata_changes: dict | None = None,
    table_change: Callable[[pa.Table], pa.Table] = lambda table: table,
) -> None:
    """Write a model file anew with changes that no checksum can notice."""
    table, metadata = read_parquet(path, MODEL)
    encoded = encode_metadata(MODEL, {**metadata, **(metadata_changes or {})})
    changed = table_change(table).replace_schema_metadata({METADATA_KEY: encoded})
    pq.write_table(changed, path, write_page_checksum=True)

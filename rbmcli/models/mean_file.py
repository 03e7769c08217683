"""What files of models of an expected rating have in common: what makes probabilities of it."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from rbmcli.models import folding_file
from rbmcli.models.folding_file import arrays_of, as_table, ids_of, parts_of, shared_array
from rbmcli.models.level_habits import LevelHabits
from rbmcli.models.mean_model import MeanModel
from rbmcli.models.ordinal_link import OrdinalLink

__all__ = ["FACTS", "arrays_of", "as_table", "common_parts", "facts_of", "ids_of", "parts_of", "shared_array"]

FACTS = (*folding_file.FACTS, "link", "habits")
"""Keys of the metadata beside those of every model."""


def facts_of(model: MeanModel) -> dict[str, Any]:
    """Return what the metadata says under `FACTS`."""
    return {**folding_file.facts_of(model), "link": model.link.as_dict(), "habits": model.habits.as_dict()}


def common_parts(table: pa.Table, metadata: dict[str, Any], record: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of `MeanModel` but for the settings, by their names."""
    parts = folding_file.common_parts(table, metadata, record)
    levels = len(parts["levels"])
    link = OrdinalLink.from_dict(metadata["link"], levels)
    return {**parts, "link": link, "habits": LevelHabits.from_dict(metadata["habits"], levels)}

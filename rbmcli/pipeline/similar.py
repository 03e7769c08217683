"""A model and an item -> the items that are most alike to it, as far as the model knows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rbmcli.config import CatalogueSettings, SimilarSettings
from rbmcli.data.catalogue import read_catalogue
from rbmcli.data.formats import format_of
from rbmcli.data.outputs import Target, check_target, local_path, told_target
from rbmcli.data.readers.opening import Source
from rbmcli.data.schemas import NEIGHBOURS
from rbmcli.data.writing import write_table
from rbmcli.errors import MismatchError
from rbmcli.models.kinds import has_vectors
from rbmcli.models.similarity import nearest
from rbmcli.models.store import fingerprint
from rbmcli.pipeline.asking import Model, find_item, open_model, titles_of
from rbmcli.progress import SILENT, Progress

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class SimilarResult:
    """The neighbours of an item.

    Attributes
    ----------
    item : int or str
        The item.
    title : str or None
        Its title, where a catalogue gives one.
    n_ratings : int
        Its ratings in training.
    table : pyarrow.Table
        `item`, `rank` (from 1), `neighbour`, `similarity` (from -1 to 1), `n_ratings` of the neighbour in
        training, and with a catalogue its `title`, null where it has none.
    path : Path or None
        The file, if one was written.
    metadata : dict
        The rbmcli metadata of the file.
    """

    item: int | str
    title: str | None
    n_ratings: int
    table: pa.Table
    path: Path | None
    metadata: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Return the result as plain values, ready for JSON."""
        neighbours = self.table.drop_columns("item").to_pylist()
        return {
            "item": self.item,
            "title": self.title,
            "n_ratings": self.n_ratings,
            "neighbours": neighbours,
        }

    def to_pandas(self) -> pd.DataFrame:
        """Return the neighbours as a pandas frame."""
        return self.table.to_pandas()


def similar(
    model: Model,
    item: str | int,
    output: Target | None = None,
    *,
    output_format: str = "auto",
    items: Source | None = None,
    settings: SimilarSettings = SimilarSettings(),  # noqa: B008
    catalogue_settings: CatalogueSettings = CatalogueSettings(),  # noqa: B008
    progress: Progress = SILENT,
) -> SimilarResult:
    """Find the items that are most alike to one, by the cosine of what the model holds of them.

    A cosine counts by the ratings of both items; `rbmcli.models.similarity` has the formula.

    Parameters
    ----------
    model : RatingModel or path
        The model.
    item : str or int
        Id of the item.
    output : path, '-' or address, optional
        Where to write the neighbours; '-' is standard output.
    output_format : {"auto", "parquet", "arrow", "csv", "jsonl"}
        Format of the output; auto goes by the ending of its name.
    items : path or table, optional
        Catalogue with the titles of items.
    settings : SimilarSettings
        How many neighbours, with how many ratings.
    catalogue_settings : CatalogueSettings
        How the catalogue is read.
    progress : Progress
        Told what is done.

    Raises
    ------
    UsageError
        If the neighbours may not be written there.
    DataError
        If the catalogue cannot be used.
    MismatchError
        If the model does not know the item.
    """
    check_target(output, [model, items])
    model = open_model(model)
    if not has_vectors(model):
        raise MismatchError(
            f"a model of kind '{model.kind}' holds nothing of items that could be alike",
            hint="ask a model of another kind, such as rbmcli train --model rbm",
        )
    place = find_item(model, item)
    catalogue = None if items is None else read_catalogue(items, catalogue_settings, progress)
    found, alike = nearest(model, place, settings.top, settings.min_support)
    if len(found) < settings.top:
        progress.warn(
            f"{len(found):,} neighbours: the model knows no more items with {settings.min_support:,} ratings"
        )
    ids = model.item_ids.values
    one, neighbours = ids.take(pa.array([place])), ids.take(pa.array(found))
    columns: dict[str, Any] = {
        "item": ids.take(pa.array(np.full(len(found), place))),
        "rank": pa.array(np.arange(1, len(found) + 1), pa.int32()),
        "neighbour": neighbours,
        "similarity": pa.array(alike, pa.float32()),
        "n_ratings": pa.array(model.item_ratings[found], pa.int64()),
    }
    title = None
    if catalogue is not None:
        title, *titles = titles_of(catalogue, pa.concat_arrays([one, neighbours]), progress)
        columns["title"] = pa.array(titles, pa.string())
    table = pa.table(columns)
    metadata = {
        "command": "similar",
        "settings": settings.as_dict(),
        "model_fingerprint": fingerprint(model),
    }
    if output is not None:
        with progress.step(f"writing {told_target(output)}"):
            write_table(table, output, NEIGHBOURS, metadata, format_of(output_format, output))
        progress.info(f"{told_target(output)}: {table.num_rows:,} neighbours of item {item}")
    support = int(model.item_ratings[place])
    return SimilarResult(one[0].as_py(), title, support, table, local_path(output), metadata)

"""A catalogue of items: the titles that their ids stand for.

It is read for people's eyes alone, so an id joins whatever its type: all are compared as text.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from rbmcli.config import CatalogueSettings, InputSettings
from rbmcli.data.columns import check_distinct, find_catalogue_columns
from rbmcli.data.ids import normalise_ids
from rbmcli.data.readers.opening import Source, open_raw
from rbmcli.data.readers.rows import check_rows
from rbmcli.data.rejections import Rejections
from rbmcli.errors import DataError
from rbmcli.progress import SILENT, Progress


@dataclass(frozen=True)
class Catalogue:
    """Items with titles.

    Attributes
    ----------
    ids, titles : pyarrow.ChunkedArray of string
        Id and title of each; a title may be null. Of an id that comes twice the first title counts.
    where : str
        Name of the input, for messages.
    """

    ids: pa.ChunkedArray
    titles: pa.ChunkedArray
    where: str

    def titles_of(self, ids: pa.Array) -> list[str | None]:
        """Return the titles of items, None for those that have none here.

        Parameters
        ----------
        ids : pyarrow.Array
            Ids, int64 or string.
        """
        place = pc.index_in(ids.cast(pa.string()), value_set=self.ids.combine_chunks())
        found: list[str | None] = self.titles.take(place).to_pylist()
        return found


def read_catalogue(
    source: Source,
    settings: CatalogueSettings = CatalogueSettings(),  # noqa: B008
    progress: Progress = SILENT,
) -> Catalogue:
    """Read the titles of items from a table in any format that ratings may have.

    Rows without an id are left out, and that is told.

    Parameters
    ----------
    source : path or table
        As for `rbmcli.data.intake.read_ratings`.
    settings : CatalogueSettings
        Its columns.
    progress : Progress
        Hears of what is read and left out.

    Raises
    ------
    DataError
        If it cannot be read, or a column not be found.
    """
    reading = InputSettings(item_column=settings.id_column, on_error="skip")
    rejections = Rejections(reading.on_error, progress)
    with open_raw(source, reading, progress, min_columns=2) as raw:
        names = raw.table.column_names
        check_distinct(names, raw.where)
        item, title = find_catalogue_columns(names, settings, raw.where, headerless=raw.headerless)
        progress.detail(f"{raw.where}: item is '{names[item]}', title is '{names[title]}'")
        checked = check_rows(raw, {"item": item}, reading)
        rejections.add(raw.where, raw.unit, checked.bad)
        ids = normalise_ids(checked.table.column(item), names[item], raw.where).cast(pa.string())
        titles = _as_titles(checked.table.column(title), names[title], raw.where)
    rejections.finish()
    return Catalogue(ids, titles, raw.where)


def _as_titles(column: pa.ChunkedArray, name: str, where: str) -> pa.ChunkedArray:
    """Return trimmed text; null where there is none."""
    try:
        titles = pc.utf8_trim_whitespace(column.cast(pa.string()))
    except pa.ArrowException:
        raise DataError(f"{where}: column '{name}' is {column.type}, expected titles: text") from None
    return pc.if_else(pc.equal(titles, ""), pa.scalar(None, pa.string()), titles)

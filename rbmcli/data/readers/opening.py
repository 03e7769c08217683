"""Any input as a raw table: the reader that suits its format, or a table in memory as it is."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa

from rbmcli.config import InputSettings
from rbmcli.data.metadata import decode_metadata
from rbmcli.data.readers.jsonl import read_jsonl
from rbmcli.data.readers.parquet import raw_from_table, read_arrow_input, read_parquet_input
from rbmcli.data.readers.raw import RawTable
from rbmcli.data.readers.sources import open_input
from rbmcli.data.readers.text import read_text
from rbmcli.errors import DataError
from rbmcli.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

Source: TypeAlias = "str | os.PathLike[str] | pa.Table | pd.DataFrame"
"""A path, '-' for standard input, or a table in memory: Arrow, pandas, or what else gives Arrow data."""

_IN_MEMORY = "the table"


@contextmanager
def open_raw(
    source: Source, settings: InputSettings, progress: Progress, *, min_columns: int
) -> Iterator[RawTable]:
    """Yield the columns of an input as they stand there; while the block lasts they can be read again.

    Parameters
    ----------
    source : path or table
        As for `rbmcli.data.intake.read_ratings`.
    settings : InputSettings
        Format and layout.
    progress : Progress
        Told how far it is read.
    min_columns : int
        Columns needed at least, for the detection of a separator.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    if not isinstance(source, str | os.PathLike):
        yield raw_of_memory(source)
        return
    with (
        open_input(source, settings.input_format) as found,
        progress.step(f"reading {found.where}", found.size) as step,
    ):
        file = dataclasses.replace(found, advance=step.advance)
        if file.input_format == "parquet":
            yield read_parquet_input(file)
        elif file.input_format == "arrow":
            yield read_arrow_input(file)
        elif file.input_format == "jsonl":
            yield read_jsonl(file)
        else:
            yield read_text(file, settings, min_columns=min_columns)


def raw_of_memory(source: Any) -> RawTable:
    """Return a table in memory as a raw one."""
    try:
        # What is no Arrow table becomes one: pandas and other frames, dictionaries of columns.
        table = source if isinstance(source, pa.Table) else pa.table(source)
    except (TypeError, ValueError, pa.ArrowException) as error:
        raise DataError(
            f"the {type(source).__name__} given is no table: {error}",
            hint="give a path, an Arrow table or a pandas frame",
        ) from None
    return raw_from_table(table, _IN_MEMORY, decode_metadata(table.schema.metadata, _IN_MEMORY))

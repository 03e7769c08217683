"""Any input as raw tables one after the other, so that none of them needs much memory."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from rbmcli.config import InputSettings
from rbmcli.data.readers.jsonl import jsonl_pieces
from rbmcli.data.readers.layout import TextLayout, find_layout
from rbmcli.data.readers.opening import Source, raw_of_memory
from rbmcli.data.readers.parquet import (
    arrow_pieces,
    common_schema,
    files_below,
    in_schema,
    partition_of,
    raw_from_table,
)
from rbmcli.data.readers.raw import RawTable
from rbmcli.data.readers.sources import InputFile, open_input
from rbmcli.data.readers.text import read_text
from rbmcli.data.readers.text_pieces import text_pieces
from rbmcli.data.storage import open_parquet
from rbmcli.progress import Progress

_MOST_LINES = 1 << 16
"""Lines of JSON at once: their values take much memory before they are columns."""


@dataclass(frozen=True)
class RawPieces:
    """An input in pieces.

    Attributes
    ----------
    first : RawTable
        The first piece, which may have no rows, but shows the columns of all.
    rows : int
        Rows of all pieces.
    rest : iterator of RawTable
        The other pieces, in order.
    again : callable or None
        Of a text in several pieces: gives all of them anew, for what only the whole of it can tell. Its rows
        are not known then, and told as none.
    """

    first: RawTable
    rows: int
    rest: Iterator[RawTable]
    again: Callable[[], Iterator[RawTable]] | None = None


@contextmanager
def open_pieces(
    source: Source,
    settings: InputSettings,
    progress: Progress,
    *,
    min_columns: int,
    rows_at_once: int,
    text_in_pieces: bool = False,
) -> Iterator[RawPieces]:
    """Open an input to read it piece by piece.

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
    rows_at_once : int
        Rows of a piece, at most, where the input comes in pieces.
    text_in_pieces : bool
        Whether a text may come in pieces too; who reads it has to find out the types of its columns.

    Raises
    ------
    DataError
        If it cannot be read; while it is read, too.
    """
    if not isinstance(source, str | os.PathLike):
        yield _whole(raw_of_memory(source))
        return
    with ExitStack() as stack:
        found = stack.enter_context(open_input(source, settings.input_format))
        step = stack.enter_context(progress.step(f"reading {found.where}", _size(found.path)))
        file = dataclasses.replace(found, advance=step.advance)
        if file.input_format == "text" and text_in_pieces:
            yield _of_text(file, find_layout(file, settings, min_columns), rows_at_once)
        elif file.input_format == "text":
            yield _whole(read_text(file, settings, min_columns))
        elif file.input_format == "jsonl":
            lines = min(rows_at_once, _MOST_LINES)
            looking = partial(progress.step, f"looking through {found.where}")
            rows, pieces = jsonl_pieces(file, lines, looking)
            yield RawPieces(next(pieces), rows, pieces)
        elif file.input_format == "arrow":
            first, rows, tables = arrow_pieces(file, rows_at_once, stack)
            yield RawPieces(first, rows, _numbered(tables, file.where, first.metadata))
        elif file.path.is_dir():
            yield _of_folder(file, rows_at_once)
        else:
            yield _of_file(file, rows_at_once, stack)


def _whole(raw: RawTable) -> RawPieces:
    return RawPieces(raw, raw.table.num_rows, iter(()))


def _of_file(source: InputFile, rows_at_once: int, stack: ExitStack) -> RawPieces:
    opened = open_parquet(source.path, name=source.where, rows_at_once=rows_at_once, advance=source.advance)
    file = stack.enter_context(opened)
    first = raw_from_table(file.schema.empty_table(), source.where, file.metadata)
    return RawPieces(first, file.rows, _numbered(file.pieces, source.where, file.metadata))


def _of_text(source: InputFile, layout: TextLayout, rows_at_once: int) -> RawPieces:
    pieces = text_pieces(source, layout, rows_at_once)
    first = next(pieces)
    if first.table.num_rows < rows_at_once:
        return RawPieces(first, first.table.num_rows, pieces)
    silent = dataclasses.replace(source, advance=lambda count: None)
    return RawPieces(first, 0, pieces, lambda: text_pieces(silent, layout, rows_at_once))


def _of_folder(source: InputFile, rows_at_once: int) -> RawPieces:
    paths = files_below(source.path, source.where)
    schema, rows = common_schema(source.path, paths, source.where)
    first = raw_from_table(schema.empty_table(), source.where)
    pieces = _of_files(source, paths, schema, rows_at_once)
    return RawPieces(first, rows, _numbered(pieces, source.where, {}))


def _of_files(
    source: InputFile, paths: list[Path], schema: pa.Schema, rows_at_once: int
) -> Iterator[pa.Table]:
    for path in paths:
        inside = path.relative_to(source.path)
        name = f"{source.where}/{inside}"
        with open_parquet(path, name=name, rows_at_once=rows_at_once, advance=source.advance) as file:
            for piece in file.pieces:
                yield in_schema(piece, partition_of(inside), schema, name)


def _numbered(pieces: Iterator[pa.Table], where: str, metadata: dict[str, Any]) -> Iterator[RawTable]:
    first = 1
    for piece in pieces:
        raw = raw_from_table(piece, where, metadata)
        yield dataclasses.replace(raw, positions=np.arange(first, first + piece.num_rows))
        first += piece.num_rows


def _size(path: Path) -> int:
    files = path.rglob("*.parquet") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files)

"""Reading text line by line: slower, but it knows the number of each line and what is wrong with it.

On a text without a bad row it gives the same table as the fast reader.
"""

from __future__ import annotations

import csv
import sys
from collections import deque
from collections.abc import Iterator
from itertools import islice

import numpy as np
import pyarrow as pa

from rbmcli.data.readers.layout import TextLayout
from rbmcli.data.readers.lines import MOST_CHARACTERS, TOO_LONG, numbered_lines
from rbmcli.data.readers.raw import BadRow, RawTable
from rbmcli.data.readers.sources import InputFile

_CHUNK_ROWS = 1 << 12
# A quote that is not closed within so many lines is taken as one that should not be there.
_MOST_LINES_OF_A_ROW = 50
_SHOWN_CHARACTERS = 1000
_END = "end"


def read_carefully(source: InputFile, layout: TextLayout) -> RawTable:
    """Read a text, keeping the number of each line and setting aside the rows that cannot be split.

    Parameters
    ----------
    source : InputFile
        The text.
    layout : TextLayout
        Its separator and columns.
    """
    return next(careful_pieces(source, layout, 0, iter([sys.maxsize])))


def careful_pieces(
    source: InputFile, layout: TextLayout, rows_before: int, sizes: Iterator[int]
) -> Iterator[RawTable]:
    """Yield a text in pieces, each with the rows that could not be split; there is one piece at least.

    Parameters
    ----------
    source : InputFile
        The text.
    layout : TextLayout
        Its separator and columns.
    rows_before : int
        Good rows that are left out at the start.
    sizes : iterator of int
        Good rows of each piece, at most.
    """
    bad: list[BadRow] = []
    with source.errors_named(), source.open() as stream:
        numbered = islice(numbered_lines(stream), layout.skipped_lines, None)
        rows = islice(_good_rows(numbered, layout, bad), rows_before, None)
        for number, size in enumerate(sizes):
            piece = _piece(islice(rows, size), bad, source, layout)
            bad.clear()
            if number and not piece.table.num_rows and not piece.bad:
                return
            yield piece


def _piece(
    rows: Iterator[tuple[int, list[str]]], bad: list[BadRow], source: InputFile, layout: TextLayout
) -> RawTable:
    positions: list[int] = []
    chunks: list[pa.Table] = []
    schema = pa.schema([(name, pa.string()) for name in layout.names])
    while chunk := list(islice(rows, _CHUNK_ROWS)):
        numbers, values = zip(*chunk, strict=True)
        positions.extend(numbers)
        columns = [pa.array(column, pa.string()) for column in zip(*values, strict=True)]
        chunks.append(pa.Table.from_arrays(columns, schema=schema))
    return RawTable(
        pa.concat_tables(chunks) if chunks else schema.empty_table(),
        source.where,
        lambda row: layout.join([str(value) for value in row.values()]),
        "line",
        positions=np.asarray(positions, dtype=np.int64),
        bad=list(bad),
        from_text=True,
        headerless=not layout.has_header,
    )


def _good_rows(
    numbered: Iterator[tuple[int, str]], layout: TextLayout, bad: list[BadRow]
) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of its first line and the values of each good row; append the others to `bad`."""
    waiting: deque[tuple[int, str]] = deque()
    quoted = layout.quoted
    while True:
        number, line = waiting.popleft() if waiting else next(numbered, (0, ""))
        if not number:
            return
        if not line.strip():
            continue
        if len(line) > MOST_CHARACTERS:
            bad.append(BadRow(number, TOO_LONG, _printable(line[:_SHOWN_CHARACTERS])))
            continue
        values: list[str] | None
        if quoted and '"' in line:
            values = _quoted_values(line, layout.separator, numbered, waiting)
        else:
            values = layout.split(line.rstrip("\r\n"))
        reason = _problem(values, layout)
        if reason or values is None:
            bad.append(BadRow(number, reason, _printable(line.rstrip("\r\n"))))
        else:
            yield number, values


def _quoted_values(
    line: str, separator: str, numbered: Iterator[tuple[int, str]], waiting: deque[tuple[int, str]]
) -> list[str] | None:
    """Return the values of a row with quotes, which may go on over further lines; None if it never ends.

    Lines looked at in vain wait to be read as rows of their own, so that a stray quote costs one row.
    """
    values = _closed_values(line, separator)
    taken: list[tuple[int, str]] = []
    text = line
    while values is None and len(taken) < _MOST_LINES_OF_A_ROW:
        following = waiting.popleft() if waiting else next(numbered, None)
        if following is None:
            break
        taken.append(following)
        text += following[1]
        try:
            values = next(csv.reader([text.rstrip("\r\n")], delimiter=separator, strict=True))
        except csv.Error as error:
            if "unexpected end of data" not in str(error):
                break
    if values is None:
        waiting.extendleft(reversed(taken))
    return values


def _closed_values(line: str, separator: str) -> list[str] | None:
    """Return the values of one line, quotes in odd places read as Arrow reads them; None if one is open."""
    try:
        # In an open quote the end that is added is no value of its own.
        *values, end = next(csv.reader([line.rstrip("\r\n") + separator + _END], delimiter=separator))
    except csv.Error:
        return None
    return values if end == _END else None


def _problem(values: list[str] | None, layout: TextLayout) -> str:
    if values is None:
        return "a double quote is not closed"
    if len(values) != len(layout.names):
        return f"{len(values)} columns, expected {len(layout.names)}"
    if not "".join(values).isascii():
        for column, value in enumerate(values):
            if _printable(value) != value:
                return f"bytes that are no UTF-8, in column {column + 1} ('{layout.names[column]}')"
    return ""


def _printable(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")

"""Reading text at full speed: Arrow's CSV reader takes all columns as strings.

It names no row that is wrong. When it meets one it gives up, and so does whoever finds a bad value in
what it read: the careful reader then goes over the same text again, line by line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from rbmcli.config import InputSettings
from rbmcli.data.readers.careful import read_carefully
from rbmcli.data.readers.layout import WHITESPACE, TextLayout, find_layout
from rbmcli.data.readers.lines import MOST_CHARACTERS
from rbmcli.data.readers.raw import RawTable
from rbmcli.data.readers.sources import InputFile

# Stands for a separator that Arrow cannot cut at; it is no character that a text of ratings holds.
_STAND_IN = b"\x1f"
_BLOCK_BYTES = 4 << 20


def read_text(source: InputFile, settings: InputSettings, min_columns: int) -> RawTable:
    """Read a delimited text.

    Parameters
    ----------
    source : InputFile
        The text.
    settings : InputSettings
        Separator and header, where the user gave them.
    min_columns : int
        Columns needed at least, for the detection of the separator.

    Raises
    ------
    DataError
        If the text is empty, cannot be decompressed, or has no separator.
    """
    layout = find_layout(source, settings, min_columns)

    def careful() -> RawTable:
        """Read it line by line."""
        return read_carefully(source, layout)

    table = read_fast(source, layout)
    if table is None:
        return careful()
    return RawTable(
        table,
        source.where,
        lambda row: layout.join(list(row.values())),
        "line",
        reread=careful,
        from_text=True,
        headerless=not layout.has_header,
    )


class GivenUpError(Exception):
    """A row is other than expected."""


def read_fast(source: InputFile, layout: TextLayout) -> pa.Table | None:
    """Return all columns of a text as strings; None if any row is other than expected.

    Parameters
    ----------
    source : InputFile
        The text.
    layout : TextLayout
        Its separator and columns.
    """
    try:
        with source.open() as stream:
            table = pa_csv.read_csv(*_reading(stream, layout))
    except (pa.ArrowInvalid, OSError):
        return None
    return None if _may_be_joined(table, layout) else table


def fast_batches(source: InputFile, layout: TextLayout) -> Iterator[pa.Table]:
    """Yield what `read_fast` returns block by block, as far as all rows are as expected.

    Raises
    ------
    GivenUpError
        If one is not.
    """
    try:
        with source.open() as stream, pa_csv.open_csv(*_reading(stream, layout)) as reader:
            for batch in reader:
                table = pa.Table.from_batches([batch])
                if _may_be_joined(table, layout):
                    raise GivenUpError
                yield table
    except (pa.ArrowInvalid, OSError):
        raise GivenUpError from None


def _reading(stream: pa.NativeFile, layout: TextLayout) -> tuple[Any, ...]:
    """Return what Arrow's readers are given."""
    names = list(layout.names)
    return (
        stream if layout.quoted else _with_stand_in(stream, layout.separator),
        pa_csv.ReadOptions(column_names=names, skip_rows=layout.skipped_lines, block_size=_BLOCK_BYTES),
        pa_csv.ParseOptions(
            delimiter=layout.separator if layout.quoted else _STAND_IN.decode(),
            quote_char='"' if layout.quoted else False,
            newlines_in_values=layout.quoted,
        ),
        pa_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False),
    )


def _may_be_joined(table: pa.Table, layout: TextLayout) -> bool:
    """Return whether a value goes on over several lines: then a stray quote may have joined rows."""
    return layout.quoted and any(
        pc.any(pc.match_substring_regex(column, "[\r\n]")).as_py() for column in table.columns
    )


def _with_stand_in(stream: pa.NativeFile, separator: str) -> pa.NativeFile:
    """Return a stream in which the separator is replaced by the one byte that stands in for it."""
    blanks = separator == WHITESPACE
    wanted = separator.encode()

    def replace(block: bytes) -> bytes:
        """Replace the separator in some lines."""
        if _STAND_IN in block:
            raise pa.ArrowInvalid("the stand-in is taken")
        if blanks:
            return re.sub(rb"[ \t]+", _STAND_IN, re.sub(rb"(?m)^[ \t]+|[ \t]+(?=\r?$)", b"", block))
        return block.replace(wanted, _STAND_IN)

    return pa.TransformInputStream(stream, _by_lines(replace))


def _by_lines(replace: Callable[[bytes], bytes]) -> Callable[[pa.Buffer], bytes]:
    """Return a function over blocks that calls `replace` on whole lines only."""
    rest = b""

    def transform(block: pa.Buffer) -> bytes:
        """Return the lines that a block has completed, replaced."""
        nonlocal rest
        data = rest + bytes(block)
        # An empty block is the end of the stream: what is left is the last line.
        end = data.rfind(b"\n") + 1 if len(block) else len(data)
        rest = data[end:]
        if len(rest) > MOST_CHARACTERS:
            raise pa.ArrowInvalid("a line is too long")
        return replace(data[:end])

    return transform

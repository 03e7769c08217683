"""Reading a text piece by piece: at full speed, and line by line from the first bad row on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, repeat

import pyarrow as pa

from rbmcli.data.readers.careful import careful_pieces
from rbmcli.data.readers.layout import TextLayout
from rbmcli.data.readers.raw import RawTable
from rbmcli.data.readers.sources import InputFile
from rbmcli.data.readers.text import GivenUpError, fast_batches


def text_pieces(source: InputFile, layout: TextLayout, rows_at_once: int) -> Iterator[RawTable]:
    """Yield all columns of a text as strings, so many rows at once; there is one piece at least.

    Where a piece is read again, because a value in it is bad, those after it are read line by line too.

    Parameters
    ----------
    source : InputFile
        The text.
    layout : TextLayout
        Its separator and columns.
    rows_at_once : int
        Rows of each piece but the last.
    """
    first = 0
    carefully: list[Iterator[RawTable]] = []

    def read_again(rows_before: int, count: int) -> RawTable:
        """Read a piece line by line; its rows are the same, for all of them could be cut into columns."""
        sizes = chain([count], repeat(rows_at_once))
        carefully[:] = [careful_pieces(source, layout, rows_before, sizes)]
        return next(carefully[0])

    def reader(rows_before: int, count: int) -> Callable[[], RawTable]:
        """Return what reads a piece again."""
        return lambda: read_again(rows_before, count)

    try:
        for table in _gathered(fast_batches(source, layout), rows_at_once):
            yield RawTable(
                table,
                source.where,
                lambda row: layout.join(list(row.values())),
                "line",
                reread=reader(first, table.num_rows),
                from_text=True,
                headerless=not layout.has_header,
            )
            first += table.num_rows
            if carefully:
                yield from carefully[0]
                return
    except GivenUpError:
        yield from careful_pieces(source, layout, first, repeat(rows_at_once))
        return
    if not first:
        yield from careful_pieces(source, layout, 0, repeat(rows_at_once))


def _gathered(batches: Iterator[pa.Table], rows_at_once: int) -> Iterator[pa.Table]:
    """Yield the rows of batches, so many at once, but for the last ones."""
    waiting: list[pa.Table] = []
    rows = 0
    for batch in batches:
        waiting.append(batch)
        rows += batch.num_rows
        if rows >= rows_at_once:
            table, end = pa.concat_tables(waiting), rows // rows_at_once * rows_at_once
            for first in range(0, end, rows_at_once):
                yield table.slice(first, rows_at_once)
            waiting, rows = [table.slice(end)], rows - end
    if rows:
        yield pa.concat_tables(waiting)

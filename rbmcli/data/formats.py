"""The texts that a table can be written as: CSV, and JSON Lines.

Text is made column by column by Arrow, which is as fast as writing Parquet. Numbers get the shortest text
that gives them back.
"""

from __future__ import annotations

import json
from pathlib import PurePath
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

ENDINGS = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".arrow": "arrow",
    ".arrows": "arrow",
}
_BLOCK_ROWS = 1 << 16


def format_of(asked: str, target: object) -> str:
    """Return the format to write: the one asked for, or for "auto" the one that a name's ending tells."""
    if asked != "auto":
        return asked
    return ENDINGS.get(PurePath(str(target).partition("?")[0]).suffix.lower(), "parquet")


def write_json_lines(table: pa.Table, file: BinaryIO) -> None:
    """Write rows as one JSON object a line; what is no number in JSON, such as NaN, becomes null."""
    names = [json.dumps(name, ensure_ascii=False) for name in table.column_names]
    for at in range(0, table.num_rows, _BLOCK_ROWS):
        block = table.slice(at, _BLOCK_ROWS).combine_chunks()
        cells = [_cells(column) for column in block.columns]
        parts: list[Any] = []
        for name, cell in zip(names, cells, strict=True):
            parts += [f", {name}: " if parts else f"{{{name}: ", cell]
        lines = pc.binary_join_element_wise(*parts, "}\n", "")
        file.write("".join(lines.to_pylist()).encode())


def flat(table: pa.Table) -> pa.Table:
    """Return a table for CSV: a list of fixed size becomes columns NAME_1, NAME_2 and so on.

    Other lists and structures become JSON in a cell.
    """
    names, columns = [], []
    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_fixed_size_list(column.type):
            for place in range(column.type.list_size):
                names.append(f"{name}_{place + 1}")
                columns.append(pc.list_element(column, place))
        else:
            names.append(name)
            columns.append(_cells(column) if pa.types.is_nested(column.type) else column)
    return pa.table(columns, names=names)


def _cells(column: pa.ChunkedArray) -> pa.ChunkedArray | pa.Array:
    """Return each value as its JSON text."""
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        # A text that comes often is quoted once.
        words = column.combine_chunks().dictionary_encode()
        quoted = _as_json(words.dictionary)
        return quoted.take(words.indices).fill_null("null")
    if pa.types.is_floating(kind):
        finite = pc.is_finite(column)
        return pc.fill_null(pc.if_else(finite, column.cast(pa.string()), None), "null")
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return column.cast(pa.string()).fill_null("null")
    if pa.types.is_fixed_size_list(kind) and not column.null_count:
        values = flat(pa.table({"": column}))
        joined = pc.binary_join_element_wise(*map(_cells, values.columns), ", ")
        return pc.binary_join_element_wise("[", joined, "]", "")
    return _as_json(column)


def _as_json(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    texts = [json.dumps(value, ensure_ascii=False, default=str) for value in column.to_pylist()]
    return pa.array(texts, pa.string())

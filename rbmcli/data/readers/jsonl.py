"""Reading JSON Lines: one object a line, its keys are the columns."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa

from rbmcli.data.readers.lines import MOST_CHARACTERS, TOO_LONG, numbered_lines
from rbmcli.data.readers.raw import BadRow, RawTable
from rbmcli.data.readers.sources import InputFile
from rbmcli.errors import DataError

_INT64_LIMIT = 2**63


def read_jsonl(source: InputFile) -> RawTable:
    """Read JSON Lines; a key that a line lacks is null there.

    Integers become int64, numbers float64, texts strings; a column of several types becomes text.

    Raises
    ------
    DataError
        If no line holds an object.
    """
    # By column, because a dictionary for each row takes several times the memory.
    columns: dict[str, list[Any]] = {}
    positions: list[int] = []
    bad: list[BadRow] = []
    with source.errors_named(), source.open() as stream:
        for number, line in numbered_lines(stream):
            if not line.strip():
                continue
            row, reason = _parse(line)
            if row is None:
                shown = (
                    line[:MOST_CHARACTERS]
                    .rstrip("\r\n")
                    .encode("utf-8", "surrogateescape")
                    .decode("utf-8", "replace")
                )
                bad.append(BadRow(number, reason, shown))
            else:
                for name, value in row.items():
                    column = columns.setdefault(name, [])
                    column.extend([None] * (len(positions) - len(column)))
                    column.append(value)
                positions.append(number)
    if not columns:
        found = f"line {bad[0].position}: {bad[0].reason}" if bad else "is empty"
        raise DataError(f"{source.where}: {found}, expected a JSON object on every line")
    for column in columns.values():
        column.extend([None] * (len(positions) - len(column)))
    return RawTable(
        pa.table([_column(values) for values in columns.values()], names=list(columns)),
        source.where,
        lambda row: json.dumps(
            {name: value for name, value in row.items() if value is not None}, ensure_ascii=False
        ),
        "line",
        positions=np.asarray(positions, dtype=np.int64),
        bad=bad,
    )


def _parse(line: str) -> tuple[dict[str, Any] | None, str]:
    if len(line) > MOST_CHARACTERS:
        return None, TOO_LONG
    if not line.isascii() and not _is_unicode(line):
        return None, "bytes that are no UTF-8"
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        return None, f"no valid JSON ({error})"
    if not isinstance(row, dict):
        return None, f"a JSON {type(row).__name__}, expected an object"
    if "\\u" in line and not _is_unicode(json.dumps(row, ensure_ascii=False)):
        return None, "an escape that is half a character"
    return row, ""


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _column(values: list[Any]) -> pa.Array:
    kinds = {type(value) for value in values} - {type(None)}
    if kinds == {int}:
        if all(value is None or -_INT64_LIMIT <= value < _INT64_LIMIT for value in values):
            return pa.array(values, pa.int64())
    elif kinds and kinds <= {int, float}:
        # An integer that float64 does not hold exactly makes the column text.
        if not any(isinstance(value, int) and abs(value) > 2**53 for value in values):
            return pa.array([None if value is None else float(value) for value in values], pa.float64())
    elif kinds == {bool}:
        return pa.array(values, pa.bool_())
    return pa.array([_as_text(value) for value in values], pa.string())


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)

"""Reading JSON Lines: one object a line, its keys are the columns."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa

from rbmcli.data.readers.lines import MOST_CHARACTERS, TOO_LONG, numbered_lines
from rbmcli.data.readers.raw import BadRow, RawTable
from rbmcli.data.readers.sources import InputFile
from rbmcli.errors import DataError

_INT64_LIMIT, _FLOAT64_LIMIT = 2**63, 2**53


@dataclass
class _Kinds:
    """What the values of a column are, which decides of its type."""

    found: set[type] = field(default_factory=set)
    all_int64: bool = True
    all_float64: bool = True

    def also(self, values: list[Any]) -> None:
        """Look at further values."""
        self.found |= {type(value) for value in values} - {type(None)}
        for value in values:
            # An integer that float64 does not hold exactly makes a column of numbers text.
            if type(value) is int and not -_FLOAT64_LIMIT <= value <= _FLOAT64_LIMIT:
                self.all_float64 = False
                self.all_int64 = self.all_int64 and -_INT64_LIMIT <= value < _INT64_LIMIT

    def column(self, values: list[Any]) -> pa.Array:
        """Return values as a column of the type that they all have."""
        if self.found == {int} and self.all_int64:
            return pa.array(values, pa.int64())
        if self.found and self.found <= {int, float} and self.found != {int} and self.all_float64:
            return pa.array([None if value is None else float(value) for value in values], pa.float64())
        if self.found == {bool}:
            return pa.array(values, pa.bool_())
        return pa.array([_as_text(value) for value in values], pa.string())


@dataclass
class _Gathered:
    """Some lines, by column, because a dictionary for each row takes several times the memory."""

    columns: dict[str, list[Any]] = field(default_factory=dict)
    positions: list[int] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)

    def raw(self, source: InputFile, kinds: Mapping[str, _Kinds]) -> RawTable:
        """Return the lines as a table with the columns that are known."""
        missing = [None] * len(self.positions)
        columns = [kind.column(self.columns.get(name, missing)) for name, kind in kinds.items()]
        return RawTable(
            pa.table(columns, names=list(kinds)),
            source.where,
            lambda row: json.dumps(
                {name: value for name, value in row.items() if value is not None}, ensure_ascii=False
            ),
            "line",
            positions=np.asarray(self.positions, dtype=np.int64),
            bad=self.bad,
        )


def read_jsonl(source: InputFile) -> RawTable:
    """Read JSON Lines; a key that a line lacks is null there.

    Integers become int64, numbers float64, texts strings; a column of several types becomes text.

    Raises
    ------
    DataError
        If no line holds an object.
    """
    gathered = next(_gather(source, sys.maxsize))
    return gathered.raw(source, _kinds_of(iter([gathered]), source)[0])


def jsonl_pieces(
    source: InputFile, rows_at_once: int, look_through: Callable[[], AbstractContextManager[object]]
) -> tuple[int, Iterator[RawTable]]:
    """Return the rows of JSON Lines in pieces, as `read_jsonl` reads them, and how many there are.

    Lines that make more than one piece are gone through twice: the first time for their columns.

    Parameters
    ----------
    source : InputFile
        The lines.
    rows_at_once : int
        Rows of each piece but the last.
    look_through : callable
        Surrounds the first time, if there are two.
    """
    pieces = _gather(source, rows_at_once)
    first = next(pieces)
    if len(first.positions) < rows_at_once:
        return len(first.positions), iter([first.raw(source, _kinds_of(iter([first]), source)[0])])
    silent = replace(source, advance=lambda count: None)
    with look_through():
        kinds, rows = _kinds_of(_gather(silent, rows_at_once), source)
    return rows, (each.raw(source, kinds) for each in chain([first], pieces))


def _kinds_of(pieces: Iterator[_Gathered], source: InputFile) -> tuple[dict[str, _Kinds], int]:
    """Return the columns of all pieces, in the order in which they come up, and the number of rows."""
    kinds: dict[str, _Kinds] = {}
    rows, bad = 0, None
    for piece in pieces:
        rows += len(piece.positions)
        bad = bad or next(iter(piece.bad), None)
        for name, values in piece.columns.items():
            kinds.setdefault(name, _Kinds()).also(values)
    if not kinds:
        found = f"line {bad.position}: {bad.reason}" if bad else "is empty"
        raise DataError(f"{source.where}: {found}, expected a JSON object on every line")
    return kinds, rows


def _gather(source: InputFile, rows_at_once: int) -> Iterator[_Gathered]:
    """Yield so many rows at once; there is one piece at least."""
    gathered = _Gathered()
    with source.errors_named(), source.open() as stream:
        for number, line in numbered_lines(stream):
            if not line.strip():
                continue
            if len(gathered.positions) == rows_at_once:
                yield _filled(gathered)
                gathered = _Gathered()
            row, reason = _parse(line)
            if row is None:
                shown = line[:MOST_CHARACTERS].rstrip("\r\n").encode("utf-8", "surrogateescape")
                gathered.bad.append(BadRow(number, reason, shown.decode("utf-8", "replace")))
                continue
            for name, value in row.items():
                column = gathered.columns.setdefault(name, [])
                column.extend([None] * (len(gathered.positions) - len(column)))
                column.append(value)
            gathered.positions.append(number)
    yield _filled(gathered)


def _filled(gathered: _Gathered) -> _Gathered:
    for column in gathered.columns.values():
        column.extend([None] * (len(gathered.positions) - len(column)))
    return gathered


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


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)

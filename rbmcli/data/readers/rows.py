"""Which rows of a raw table can be used, and why the others cannot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from rbmcli.config import InputSettings
from rbmcli.data.readers.raw import BadRow, RawTable
from rbmcli.data.readers.values import parse_ids, parse_ratings, parse_timestamps

_SHOWN_CHARACTERS = 40


@dataclass(frozen=True)
class CheckedRows:
    """The usable rows of a raw table.

    Attributes
    ----------
    table : pyarrow.Table
        Columns under their own names; ids trimmed, ratings float32, timestamps int64 seconds.
    bad : list of BadRow
        The rows left out, in the order of the input.
    n_read : int
        Rows of the input, good and bad.
    """

    table: pa.Table
    bad: list[BadRow]
    n_read: int


def check_rows(raw: RawTable, roles: dict[str, int], settings: InputSettings) -> CheckedRows:
    """Parse the columns that have a role, and leave out the rows where one of them has no usable value.

    Parameters
    ----------
    raw : RawTable
        Table as read.
    roles : dict of str to int
        Position of the column of each role to parse.
    settings : InputSettings
        Unit of integer timestamps.
    """
    table = raw.table
    masks: dict[str, np.ndarray] = {}
    for role, index in roles.items():
        column, name = table.column(index), table.column_names[index]
        if role == "rating":
            parsed, masks[role] = parse_ratings(column, name, raw.where)
        elif role == "timestamp":
            parsed, masks[role] = parse_timestamps(column, settings.timestamp_unit, name, raw.where)
        else:
            parsed, masks[role] = parse_ids(column, from_text=raw.from_text)
        table = table.set_column(index, name, parsed)
    bad = np.logical_or.reduce(list(masks.values()))
    if not bad.any():
        return CheckedRows(table, raw.bad, table.num_rows + len(raw.bad))
    if raw.reread is not None:
        return check_rows(raw.reread(), roles, settings)
    bad_rows = sorted(
        [*raw.bad, *_explain(raw, roles, masks, np.flatnonzero(bad))], key=lambda row: row.position
    )
    return CheckedRows(table.filter(pa.array(~bad)), bad_rows, table.num_rows + len(raw.bad))


def _explain(
    raw: RawTable, roles: dict[str, int], masks: dict[str, np.ndarray], indices: np.ndarray
) -> list[BadRow]:
    rows = raw.table.take(pa.array(indices)).to_pylist()
    names = raw.table.column_names
    explained = []
    for index, row in zip(indices.tolist(), rows, strict=True):
        role = next(role for role, mask in masks.items() if mask[index])
        name = names[roles[role]]
        reason = f"{_REASONS[role](row[name])}, in column {roles[role] + 1} ('{name}')"
        position = index + 1 if raw.positions is None else int(raw.positions[index])
        explained.append(BadRow(position, reason, raw.show_row(row)))
    return explained


def _shown(value: object) -> str:
    text = str(value)
    return repr(text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "...")


def _reason(role: str, expected: str) -> Callable[[object], str]:
    def explain(value: object) -> str:
        """Return what is wrong with a value."""
        if value is None or not str(value).strip():
            return f"{role} is empty"
        return f"{role} {_shown(value)} is no {expected}"

    return explain


_REASONS = {
    "user": _reason("user", "id"),
    "item": _reason("item", "id"),
    "rating": _reason("rating", "finite number"),
    "timestamp": _reason("timestamp", "whole number and no ISO 8601 date or time"),
}

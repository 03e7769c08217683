"""What every reader gives: the columns as they stand in the input, and the rows that could not be read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be used.

    Attributes
    ----------
    position : int
        Number of its line (text, JSON Lines) or of the row (Parquet, tables), from 1.
    reason : str
        What is wrong, and in which column.
    content : str
        The row as text.
    """

    position: int
    reason: str
    content: str


@dataclass(frozen=True)
class RawTable:
    """A table as it was read, before any column is looked at.

    Attributes
    ----------
    table : pyarrow.Table
        All columns under their own names; every column a string where `from_text`.
    where : str
        Name of the input, for messages.
    show_row : callable
        Gives the text of a row from its values.
    unit : {"line", "row"}
        What positions count.
    positions : ndarray of int64, shape (rows,), or None
        Position of each row in the input, from 1; None where a faster reader did not count them.
    reread : callable or None
        Reads the same input again, slower, with positions; None where they are known.
    bad : list of BadRow
        Rows that did not make it into the table.
    from_text : bool
        Whether '12' in the table may stand for a number.
    headerless : bool
        Whether the column names were made up.
    metadata : dict
        The rbmcli metadata; empty for a file of another tool.
    """

    table: pa.Table
    where: str
    show_row: Callable[[dict[str, Any]], str]
    unit: str = "row"
    positions: np.ndarray | None = None
    reread: Callable[[], RawTable] | None = None
    bad: list[BadRow] = field(default_factory=list)
    from_text: bool = False
    headerless: bool = False
    metadata: dict[str, Any] = field(default_factory=dict)

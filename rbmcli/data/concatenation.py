"""Several tables of ratings become one, with one type for each column."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from rbmcli.data.columns import ROLES
from rbmcli.data.ids import round_trips
from rbmcli.errors import DataError
from rbmcli.progress import Progress

# Seconds this large are in the year 5138: the unit is another one.
_LIKELY_NO_SECONDS = 10**11


def concatenate(named_tables: Sequence[tuple[pa.Table, str]], progress: Progress) -> pa.Table:
    """Return the rows of all tables, in their order.

    Parameters
    ----------
    named_tables : sequence of (pyarrow.Table, str)
        Tables of ratings, and their names for messages. Ids become int64 where every one of them is the
        text of an integer, otherwise strings; timestamps stay only where all tables have them; a further
        column that is text in one table is text in all, and null for the rows of a table without it.
    progress : Progress
        Hears of what is changed.

    Raises
    ------
    DataError
        If a further column has types that cannot be brought together.
    """
    tables = [table for table, _ in named_tables]
    names = [name for _, name in named_tables]
    if len(tables) > 1:
        tables = _same_ids(tables, progress)
        tables = _same_timestamps(tables, names, progress)
        tables = _same_further_columns(tables)
    try:
        table = pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as error:
        raise DataError(f"{', '.join(names)}: columns do not go together: {error}") from None
    check_timestamps(table, names[0], progress)
    return table


def check_timestamps(table: pa.Table, where: str, progress: Progress) -> bool:
    """Return whether all timestamps are likely ones, and warn if not."""
    latest = pc.max(table.column("timestamp")).as_py() if "timestamp" in table.column_names else None
    if latest is None or latest < _LIKELY_NO_SECONDS:
        return True
    progress.warn(
        f"{where}: timestamps up to {latest} are after the year 5000 as seconds: is --timestamp-unit right?"
    )
    return False


def _same_ids(tables: list[pa.Table], progress: Progress) -> list[pa.Table]:
    for name in ("user", "item"):
        if len({table.schema.field(name).type for table in tables}) == 1:
            continue
        columns = [table.column(name) for table in tables]
        all_integers = all(pa.types.is_int64(column.type) or round_trips(column) for column in columns)
        target = pa.int64() if all_integers else pa.string()
        progress.info(f"the inputs have integers and texts as {name} ids: all are read as {target}")
        tables = [_with_type(table, name, target) for table in tables]
    return tables


def _same_timestamps(tables: list[pa.Table], names: list[str], progress: Progress) -> list[pa.Table]:
    without = [
        name for name, table in zip(names, tables, strict=True) if "timestamp" not in table.column_names
    ]
    if not without or len(without) == len(tables):
        return tables
    progress.warn(f"{without[0]} has no timestamps: those of the other inputs are left out")
    return [
        table.drop_columns("timestamp") if "timestamp" in table.column_names else table for table in tables
    ]


def _same_further_columns(tables: list[pa.Table]) -> list[pa.Table]:
    for name in {name for table in tables for name in table.column_names} - set(ROLES):
        kinds = {table.schema.field(name).type for table in tables if name in table.column_names}
        if len(kinds) > 1 and pa.string() in kinds:
            tables = [
                _with_type(table, name, pa.string()) if name in table.column_names else table
                for table in tables
            ]
    return tables


def _with_type(table: pa.Table, name: str, target: pa.DataType) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), name, table.column(name).cast(target))

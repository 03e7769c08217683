"""A model that is made of others as one table: their lines beneath its own, and a column that tells whose.

The column `member` is null in the lines of the model itself, 1 in those of its first member, and 1.2 in those
of the second member of that. Lines have no value in columns that their model has not.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

MEMBER = "member"


def joined(own: pa.Table, members: Sequence[pa.Table]) -> pa.Table:
    """Return the lines of a model and of its members, if it has any, as one table.

    Parameters
    ----------
    own : pyarrow.Table
        The lines of the model itself.
    members : sequence of pyarrow.Table
        The lines of each member, those of its own members among them.
    """
    if not members:
        return own
    tables = [own.append_column(MEMBER, pa.nulls(own.num_rows, pa.string()))]
    for number, table in enumerate(members, 1):
        name = pa.array([str(number)] * table.num_rows, pa.string())
        if MEMBER in table.column_names:
            inner = pc.binary_join_element_wise(name, table.column(MEMBER), ".", null_handling="skip")
            table = table.drop_columns([MEMBER])
            name = inner
        tables.append(table.append_column(MEMBER, name))
    return pa.concat_tables(tables, promote_options="default").combine_chunks()


def parted(table: pa.Table, members: int) -> tuple[pa.Table, list[pa.Table]]:
    """Return the lines of a model and those of each of its members, as `joined` was given them.

    Columns that a model has not are there, without values.

    Raises
    ------
    ValueError
        If there are no lines of one of them.
    """
    if not members:
        return table, []
    if MEMBER not in table.column_names:
        raise ValueError(f"it has no column '{MEMBER}'")
    whose = table.column(MEMBER).combine_chunks()
    rest = table.drop_columns([MEMBER])
    own = rest.filter(pc.is_null(whose))
    first = pc.replace_substring_regex(whose, r"\..*$", "")
    parts = []
    for number in range(1, members + 1):
        chosen = pc.fill_null(pc.equal(first, str(number)), False)
        inner = pc.filter(whose, chosen)
        inner = pc.if_else(
            pc.match_substring(inner, "."), pc.replace_substring_regex(inner, r"^[0-9]+\.", ""), None
        )
        part = rest.filter(chosen).append_column(MEMBER, inner)
        if not part.num_rows:
            raise ValueError(f"it has no lines of its member {number}")
        parts.append(part if inner.null_count < len(inner) else part.drop_columns([MEMBER]))
    return own, parts

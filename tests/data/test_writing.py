"""A table that comes in pieces makes the file that it makes at once."""

from __future__ import annotations

import io
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbmcli.data import writing
from rbmcli.data.contents import ContentHash, content_hash
from rbmcli.data.schemas import PREDICTIONS, RATINGS
from rbmcli.data.writing import table_writer, write_to
from rbmcli.errors import MismatchError

ROWS = 40
TABLE = pa.table(
    {
        "user": pa.array(np.arange(ROWS) // 4),
        "item": pa.array([f"é{n % 7}" for n in range(ROWS)]),
        "rating": pa.array(np.arange(ROWS, dtype=np.float32)),
        "note": pa.array([None if n % 3 else {"a": [n, None], "b": "x" * n} for n in range(ROWS)]),
        "flag": pa.array([None if n % 5 == 0 else n % 2 == 0 for n in range(ROWS)]),
        "at": pa.array([None if n % 4 else n for n in range(ROWS)], pa.timestamp("s")),
        "share": pa.FixedSizeListArray.from_arrays(pa.array(np.arange(2.0 * ROWS)), 2),
    }
)
CUTS = st.lists(st.integers(0, ROWS), max_size=6).map(lambda cuts: [0, *sorted(cuts), ROWS])


def pieces(cuts: list[int]) -> list[pa.Table]:
    return [TABLE.slice(first, last - first) for first, last in pairwise(cuts)]


def written(tables: list[pa.Table], file_format: str) -> bytes:
    file = io.BytesIO()
    with table_writer(file, TABLE.schema, file_format) as writer:
        for table in tables:
            writer.write(table)
        writer.finish(RATINGS, {"seed": 1})
    return file.getvalue()


@pytest.mark.parametrize("file_format", ["parquet", "arrow", "csv", "jsonl"])
@settings(max_examples=30, deadline=None)
@given(cuts=CUTS, group=st.integers(1, ROWS + 1))
def test_a_file_has_the_same_bytes_however_its_rows_were_cut(
    file_format: str, cuts: list[int], group: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "ROW_GROUP_ROWS", group)
        patch.setattr(writing._ArrowSink, "rows_at_once", group)
        assert written(pieces(cuts), file_format) == written([TABLE], file_format)


@given(cuts=CUTS)
def test_the_hash_of_the_content_does_not_depend_on_where_pieces_end(cuts: list[int]) -> None:
    state = ContentHash(TABLE.schema)
    for piece in pieces(cuts):
        state.update(piece)

    assert state.hexdigest() == content_hash(TABLE)


@pytest.mark.parametrize("name", TABLE.column_names)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_the_hash_tells_any_change_of_a_value(name: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, ROWS - 1))
    other = data.draw(st.integers(0, ROWS - 1))
    column = TABLE.column(name).combine_chunks()
    order = np.arange(ROWS)
    order[place] = other
    changed = TABLE.set_column(TABLE.column_names.index(name), name, column.take(pa.array(order)))

    assert (content_hash(changed) == content_hash(TABLE)) == column[place].equals(column[other])


def test_a_table_that_breaks_its_contract_is_not_finished() -> None:
    with pytest.raises(MismatchError, match="column 'prediction' is missing"):
        write_to(TABLE, io.BytesIO(), "parquet", PREDICTIONS, {})

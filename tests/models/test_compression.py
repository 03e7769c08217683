"""Compressed rows by counting: those that sorting by row and column makes."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rbmcli.data.ratings import CompressedRows
from rbmcli.models.compression import by_column, compressed, starts_of, transposed

SHAPE = (7, 9)


@st.composite
def any_pairs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, column and level of ratings in any order; a pair may come several times."""
    pairs = draw(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 8), st.integers(0, 255)), max_size=60))
    row, column, level = np.array(pairs, np.int64).reshape(-1, 3).T
    return row.astype(np.int32), column.astype(np.int32), level.astype(np.uint8)


def assert_equal(ours: CompressedRows, theirs: CompressedRows) -> None:
    """Check that two are the same, types too."""
    assert ours.columns == theirs.columns
    for name in ("start", "column", "level"):
        array, other = getattr(ours, name), getattr(theirs, name)
        assert array.dtype == other.dtype
        np.testing.assert_array_equal(array, other)


@settings(deadline=None)
@given(pairs=any_pairs())
def test_ratings_in_any_order_come_into_the_order_of_rows_and_columns(pairs):
    assert_equal(compressed(*pairs, SHAPE), CompressedRows.build(*pairs, SHAPE))


@settings(deadline=None)
@given(pairs=any_pairs())
def test_ratings_that_are_in_order_stay_there(pairs):
    row, column = np.unique(np.stack(pairs[:2]), axis=1)
    level = np.arange(len(row)).astype(np.uint8)

    rows = compressed(row, column, level, SHAPE)

    assert_equal(rows, CompressedRows.build(row, column, level, SHAPE))
    assert rows.column is column


@settings(deadline=None)
@given(pairs=any_pairs())
def test_rows_become_columns(pairs):
    rows = CompressedRows.build(*pairs, SHAPE)

    assert_equal(transposed(rows), rows.transposed())


@settings(deadline=None)
@given(pairs=any_pairs())
def test_ratings_of_a_column_stay_in_the_order_given(pairs):
    row, column, level = pairs

    columns = by_column(*pairs, SHAPE)

    order = np.argsort(column, kind="stable")
    np.testing.assert_array_equal(columns.column, row[order])
    np.testing.assert_array_equal(columns.level, level[order])
    np.testing.assert_array_equal(columns.start, starts_of(column[order], SHAPE[1]))
    assert columns.columns == SHAPE[0]

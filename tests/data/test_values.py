"""Ratings, timestamps and ids are parsed column by column, with a mask of the values that are none."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbmcli.data.readers.values import infer_text, parse_ids, parse_ratings, parse_timestamps
from rbmcli.errors import DataError


def column(values: list[Any], kind: pa.DataType | None = None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, kind)])


def seconds(values: list[Any], kind: pa.DataType | None = None, unit: str = "s") -> list[int | None]:
    parsed, bad = parse_timestamps(column(values, kind), unit, "t", "r.csv")
    return [None if is_bad else value for value, is_bad in zip(parsed.to_pylist(), bad, strict=True)]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 5], pa.int8()),
        ([1, 5], pa.uint64()),
        ([1.0, 5.0], pa.float64()),
        ([Decimal("1.0"), Decimal("5.0")], pa.decimal128(3, 1)),
        (["1", "5.0"], pa.string()),
        (["1", " +5 "], pa.large_string()),
        (["1", " 5"], pa.string_view()),
        (["1.", "5e0"], pa.string()),
        (["1", "5"], pa.dictionary(pa.int8(), pa.string())),
    ],
)
def test_ratings_of_any_number_type_become_float32(values: list[Any], kind: pa.DataType) -> None:
    ratings, bad = parse_ratings(column(values, kind), "rating", "r.csv")

    assert ratings.type == pa.float32()
    assert ratings.to_pylist() == [1.0, 5.0]
    assert not bad.any()


@pytest.mark.parametrize(
    "text", ["", " ", "x", "nan", "inf", "-Infinity", "1e39", "1_0", "4,5", "0x5", "5 stars"]
)
def test_a_text_that_is_no_finite_number_is_bad_and_spoils_no_other(text: str) -> None:
    ratings, bad = parse_ratings(column(["2.5", text, "+3"]), "rating", "r.csv")

    assert bad.tolist() == [False, True, False]
    assert ratings.to_pylist()[::2] == [2.5, 3.0]


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), 1e39])
def test_a_number_that_is_not_finite_is_bad(value: float | None) -> None:
    _, bad = parse_ratings(column([1.0, value], pa.float64()), "rating", "r.csv")

    assert bad.tolist() == [False, True]


def test_a_column_of_no_numbers_is_refused_by_its_type() -> None:
    with pytest.raises(DataError, match=r"r.csv: column 'stars' is bool, expected ratings"):
        parse_ratings(column([True]), "stars", "r.csv")


@pytest.mark.parametrize(("unit", "factor"), [("s", 1), ("ms", 1_000), ("us", 10**6), ("ns", 10**9)])
@pytest.mark.parametrize("kind", [pa.int64(), pa.string()])
def test_integer_timestamps_are_in_the_unit_given_and_rounded_down(
    unit: str, factor: int, kind: pa.DataType
) -> None:
    values = [7 * factor, 8 * factor - 1, -1]

    found = seconds([str(value) for value in values] if kind == pa.string() else values, kind, unit)

    assert found == [7, 7, -1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-02", 86_400),
        ("1970-01-01 00:01", 60),
        ("1970-01-01T00:00:01", 1),
        ("1970-01-01T00:00:01.999", 1),
        ("1970-01-01T00:00:01.999999999", 1),
        ("1970-01-01T00:00:01Z", 1),
        ("1970-01-01T01:00:01+01:00", 1),
        ("1969-12-31T23:59:59.5Z", -1),
        ("12", 12),
        ("12.0", 12),
        (" 12 ", 12),
    ],
)
def test_a_text_timestamp_is_understood_alone_and_beside_other_forms(text: str, expected: int) -> None:
    assert seconds([text]) == [expected]
    assert seconds([text, "5", "1970-01-01T00:00:05Z"]) == [expected, 5, 5]


@pytest.mark.parametrize(
    "text", ["", "x", "12.5", "1970-02-30", "1970-01-01 25:00", "1e300", "9" * 30, "nan"]
)
def test_a_text_that_is_no_time_is_bad_and_spoils_no_other(text: str) -> None:
    assert seconds(["1", text, "1970-01-01"]) == [1, None, 0]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([datetime(1970, 1, 2, tzinfo=UTC), None], pa.timestamp("ms", "Europe/Rome")),
        ([datetime(1970, 1, 2), None], pa.timestamp("ns")),
        ([date(1970, 1, 2), None], pa.date32()),
        ([date(1970, 1, 2), None], pa.date64()),
        ([86_400.0, None], pa.float32()),
        ([86_400, None], pa.int32()),
    ],
)
def test_arrow_times_dates_and_numbers_become_seconds_and_null_is_bad(
    values: list[Any], kind: pa.DataType
) -> None:
    assert seconds(values, kind) == [86_400, None]


def test_a_float_timestamp_with_a_fraction_is_bad() -> None:
    assert seconds([1.0, 1.5, float("nan")], pa.float64()) == [1, None, None]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.none())
        | st.datetimes(
            datetime(1900, 1, 1),
            datetime(2200, 1, 1),
            timezones=st.sampled_from([UTC, timezone(timedelta(hours=-7)), timezone(timedelta(hours=5.5))]),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_the_iso_text_of_any_moment_becomes_its_seconds(moments: list[datetime]) -> None:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    aware = [moment if moment.tzinfo else moment.replace(tzinfo=UTC) for moment in moments]

    found = seconds([moment.isoformat() for moment in moments])

    assert found == [(moment - epoch) // timedelta(seconds=1) for moment in aware]


@pytest.mark.parametrize("kind", [pa.bool_(), pa.list_(pa.int64())])
def test_a_column_of_no_times_is_refused_by_its_type(kind: pa.DataType) -> None:
    with pytest.raises(DataError, match="expected timestamps"):
        parse_timestamps(column([None], kind), "s", "t", "r.csv")


def test_empty_and_missing_ids_are_bad() -> None:
    ids, bad = parse_ids(column(["a", "", " ", None, " b"]), from_text=True)

    assert bad.tolist() == [False, True, True, True, False]
    assert ids.to_pylist()[4] == "b"


def test_ids_of_typed_columns_keep_their_blanks() -> None:
    ids, bad = parse_ids(column([" b", ""]), from_text=False)

    assert ids.to_pylist()[0] == " b"
    assert bad.tolist() == [False, True]


def test_a_float_id_that_is_nan_is_bad() -> None:
    _, bad = parse_ids(column([1.0, np.nan, None], pa.float64()), from_text=False)

    assert bad.tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1", "-2"], pa.int64()),
        (["1", "2.5"], pa.float64()),
        (["1", "x"], pa.string()),
        (["1", ""], pa.string()),
        (["007", "8"], pa.string()),
        (["12345678901234567890"], pa.string()),
    ],
)
def test_a_further_text_column_becomes_numbers_only_where_nothing_is_lost(
    values: list[str], expected: pa.DataType
) -> None:
    assert infer_text(column(values)).type == expected

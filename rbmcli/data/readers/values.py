"""Values of a column as read -> ratings, timestamps and ids, with a mask of those that are none.

Everything works on whole columns; text and typed columns pass through the same functions, so that
'4.5' means the same in a CSV and in a string column of a Parquet file.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rbmcli.data.ids import round_trips
from rbmcli.errors import DataError

_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_UNITS_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS_PER_DAY = 86_400


def is_text(column_type: pa.DataType) -> bool:
    """Return whether a column of this type holds strings."""
    return bool(
        pa.types.is_string(column_type)
        or pa.types.is_large_string(column_type)
        or pa.types.is_string_view(column_type)
    )


def parse_ratings(column: pa.ChunkedArray, name: str, where: str) -> tuple[pa.ChunkedArray, np.ndarray]:
    """Return ratings as float32, and which are no finite number.

    Parameters
    ----------
    column : pyarrow.ChunkedArray
        Numbers, or text of numbers.
    name, where : str
        Column and input, for messages.

    Returns
    -------
    ratings : pyarrow.ChunkedArray of float32
        The ratings; of no meaning where bad.
    bad : ndarray of bool, shape (rows,)

    Raises
    ------
    DataError
        If the type of the column is none that ratings could have.
    """
    column = _plain(column)
    if is_text(column.type):
        numbers = _numbers_of_text(column)
    elif _is_number(column.type) or pa.types.is_decimal(column.type) or pa.types.is_null(column.type):
        numbers = column.cast(pa.float64(), safe=False)
    else:
        raise DataError(f"{where}: column '{name}' is {column.type}, expected ratings: numbers")
    # A number beyond float32 becomes infinite, and with that bad.
    with np.errstate(over="ignore"):
        ratings = pc.fill_null(numbers, np.nan).to_numpy().astype(np.float32)
    return pa.chunked_array([pa.array(ratings)]), ~np.isfinite(ratings)


def parse_timestamps(
    column: pa.ChunkedArray, unit: str, name: str, where: str
) -> tuple[pa.ChunkedArray, np.ndarray]:
    """Return timestamps as int64 seconds since 1970 (UTC), rounded down, and which are none.

    Parameters
    ----------
    column : pyarrow.ChunkedArray
        Arrow timestamps or dates, integers or integral floats in `unit`, or text of integers or of ISO
        8601 dates and times; without a zone they are taken as UTC.
    unit : {"s", "ms", "us", "ns"}
        What integers count.
    name, where : str
        Column and input, for messages.

    Returns
    -------
    seconds : pyarrow.ChunkedArray of int64
        Timestamps; of no meaning where bad.
    bad : ndarray of bool, shape (rows,)

    Raises
    ------
    DataError
        If the type of the column is none that timestamps could have.
    """
    column = _plain(column)
    kind = column.type
    factor = _UNITS_PER_SECOND[unit]
    if is_text(kind):
        return _seconds_of_text(column, factor)
    if pa.types.is_timestamp(kind):
        factor = _UNITS_PER_SECOND[kind.unit]
    elif pa.types.is_date64(kind):
        factor = 1_000
    elif pa.types.is_date32(kind):
        column, factor = column.cast(pa.int32()), 1
        return _whole_seconds(pc.multiply(column.cast(pa.int64()), _SECONDS_PER_DAY), factor)
    elif not (_is_number(kind) or pa.types.is_null(kind)):
        raise DataError(
            f"{where}: column '{name}' is {kind}, expected timestamps: numbers, dates or ISO text"
        )
    if pa.types.is_floating(kind):
        numbers = pc.fill_null(column.cast(pa.float64()), np.nan).to_numpy()
        good = np.isfinite(numbers) & (numbers == np.floor(numbers)) & (np.abs(numbers) < 2.0**63)
        whole = np.where(good, numbers, 0).astype(np.int64) // factor
        return pa.chunked_array([pa.array(whole)]), ~good
    return _whole_seconds(column.cast(pa.int64(), safe=False), factor)


def parse_ids(column: pa.ChunkedArray, *, from_text: bool) -> tuple[pa.ChunkedArray, np.ndarray]:
    """Return ids without the blanks that surround them in a text, and which are empty or missing."""
    column = _plain(column)
    if is_text(column.type):
        if from_text:
            column = pc.utf8_trim_whitespace(column)
        bad = pc.fill_null(pc.equal(column, ""), True)
    elif pa.types.is_floating(column.type):
        bad = pc.is_null(column, nan_is_null=True)
    else:
        bad = pc.is_null(column)
    return column, bad.to_numpy()


def infer_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a further column of a text as int64, as float64, or as it is.

    Numbers are only made where every value is one; integers whose digits would change ('007') stay text.
    """
    if round_trips(column):
        return column.cast(pa.int64())
    return column.cast(pa.float64()) if are_numbers(column) and not have_digits_only(column) else column


def are_numbers(column: pa.ChunkedArray) -> bool:
    """Return whether every text is one of a number."""
    try:
        column.cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return True


def have_digits_only(column: pa.ChunkedArray) -> bool:
    """Return whether every text is one of an integer, whether or not it would be written so."""
    return bool(pc.all(pc.match_substring_regex(column, r"^[+-]?[0-9]+$"), min_count=0).as_py())


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column without dictionary, its text as plain strings, for which Arrow has all functions."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return column.cast(pa.string()) if is_text(column.type) else column


def _is_number(column_type: pa.DataType) -> bool:
    return bool(pa.types.is_integer(column_type) or pa.types.is_floating(column_type))


def _numbers_of_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    try:
        return column.cast(pa.float64())
    except pa.ArrowInvalid:
        # One bad value fails the whole cast: leave out what does not look like a number.
        trimmed = pc.utf8_trim_whitespace(column)
        looks_right = pc.match_substring_regex(trimmed, _NUMBER)
        numbers = pc.if_else(looks_right, trimmed, pa.scalar(None, column.type))
        return pc.replace_substring_regex(numbers, r"^\+", "").cast(pa.float64())


def _whole_seconds(column: pa.ChunkedArray, factor: int) -> tuple[pa.ChunkedArray, np.ndarray]:
    bad = pc.is_null(column).to_numpy()
    seconds = pc.fill_null(column.cast(pa.int64()), 0).to_numpy()
    return pa.chunked_array([pa.array(seconds // factor if factor > 1 else seconds)]), bad


def _seconds_of_text(column: pa.ChunkedArray, factor: int) -> tuple[pa.ChunkedArray, np.ndarray]:
    column = pc.utf8_trim_whitespace(column)
    attempts = (
        (pa.int64(), factor),
        (pa.timestamp("us"), 1_000_000),
        (pa.timestamp("us", "UTC"), 1_000_000),
    )
    for kind, units_per_second in attempts:
        try:
            return _whole_seconds(column.cast(kind).cast(pa.int64()), units_per_second)
        except pa.ArrowInvalid:
            continue
    # Mixed forms or a bad value: each different text by itself.
    texts = pc.unique(column)
    seconds = pa.array([_seconds_of(text, factor) for text in texts.to_pylist()], pa.int64())
    return _whole_seconds(seconds.take(pc.index_in(column, value_set=texts)), 1)


def _seconds_of(text: str | None, factor: int) -> int | None:
    if text is None:
        return None
    if re.fullmatch(r"[+-]?[0-9]+", text):
        seconds = int(text) // factor
        return seconds if abs(seconds) < 2**63 else None
    if re.fullmatch(_NUMBER, text):
        number = float(text)
        return int(number) // factor if number.is_integer() and abs(number) < 2.0**63 else None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(seconds=1)

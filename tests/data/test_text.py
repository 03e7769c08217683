"""Delimited text is read whatever its separator, header, line ends and compression; bad rows are located."""

from __future__ import annotations

import bz2
import gzip
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from rbmcli.config import InputSettings
from rbmcli.data.intake import read_pairs, read_ratings
from rbmcli.data.tables import RatingsTable
from rbmcli.errors import DataError, UsageError

ROWS = [(1, 10, 4.0), (1, 20, 3.5), (2, 10, 1.0)]
TYPES = pa.schema([("user", pa.int64()), ("item", pa.int64()), ("rating", pa.float32())])


def written(folder: Path, content: str | bytes, name: str = "r.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(folder: Path, content: str | bytes, name: str = "r.csv", **options: Any) -> RatingsTable:
    return read_ratings(written(folder, content, name), InputSettings(**options))


def rows_of(ratings: RatingsTable) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in ratings.table.to_pylist()]


def text(separator: str, header: str = "") -> str:
    lines = [separator.join(map(str, row)) for row in ROWS]
    return "\n".join(([header.replace(",", separator)] if header else []) + lines) + "\n"


@pytest.mark.parametrize("header", ["", "userId,movieId,rating"])
@pytest.mark.parametrize("separator", [",", "\t", ";", "|", "::", " ", "   "])
def test_the_usual_separators_are_detected_with_and_without_header(
    tmp_path: Path, separator: str, header: str
) -> None:
    ratings = read(tmp_path, text(separator, header))

    assert ratings.table.schema == TYPES
    assert rows_of(ratings) == ROWS


@pytest.mark.parametrize("separator", ["\\t", "#", "<=>", "¦", "whitespace", ", "])
def test_a_separator_can_be_named(tmp_path: Path, separator: str) -> None:
    between = {"\\t": "\t", "whitespace": " \t "}.get(separator, separator)

    assert rows_of(read(tmp_path, text(between), separator=separator)) == ROWS


@pytest.mark.parametrize("separator", ["", '"', "\n"])
def test_a_separator_that_can_be_none_is_refused(tmp_path: Path, separator: str) -> None:
    with pytest.raises(UsageError, match="--separator"):
        read(tmp_path, text(","), separator=separator)


def test_commas_in_ratings_do_not_pass_for_separators(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"r.csv:1: rating '3,5' is no finite number, in column 3"):
        read(tmp_path, "1;2;3,5\n1;3;4,5\n")


def test_a_text_without_separator_is_refused_with_its_first_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no separator found in the first line 'hello'"):
        read(tmp_path, "hello\nworld\n")


@pytest.mark.parametrize("content", ["", "\n  \n"])
def test_an_empty_text_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(DataError, match=r"r.csv: is empty"):
        read(tmp_path, content)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("separator", [",", "::"])
def test_line_ends_of_all_systems_and_blank_lines_are_accepted(
    tmp_path: Path, end: str, separator: str
) -> None:
    content = ("\n" + text(separator, "user,item,rating") + "\n").replace("\n", end).rstrip(end)

    assert rows_of(read(tmp_path, content)) == ROWS


@pytest.mark.parametrize("header", ["", "user,item,rating"])
@pytest.mark.parametrize("separator", [",", "::"])
def test_a_byte_order_mark_is_no_part_of_the_first_value(tmp_path: Path, separator: str, header: str) -> None:
    assert rows_of(read(tmp_path, b"\xef\xbb\xbf" + text(separator, header).encode())) == ROWS


@pytest.mark.parametrize(
    "compress", [gzip.compress, bz2.compress, lambda data: pa.compress(data, "zstd", asbytes=True)]
)
def test_compression_is_recognised_by_content(tmp_path: Path, compress: Any) -> None:
    assert rows_of(read(tmp_path, compress(text(",").encode()), name="r.txt")) == ROWS


def test_a_compressed_text_that_ends_early_is_refused(tmp_path: Path) -> None:
    content = gzip.compress(text(",").encode())[:-12]

    with pytest.raises(DataError, match="cannot be read: Truncated"):
        read(tmp_path, content)


def test_a_first_line_of_unknown_names_is_a_header_when_a_rating_follows(tmp_path: Path) -> None:
    ratings = read(tmp_path, text(",", "a,b,c"), user_column="a", item_column="2", rating_column="c")

    assert rows_of(ratings) == ROWS


def test_a_header_can_be_denied(tmp_path: Path) -> None:
    ratings = read(tmp_path, "user,item,1\nme,this,2\n", header=False)

    assert rows_of(ratings) == [("user", "item", 1.0), ("me", "this", 2.0)]


def test_a_header_can_be_asserted(tmp_path: Path) -> None:
    options = {"user_column": "1", "item_column": "2", "rating_column": "3"}

    assert rows_of(read(tmp_path, "7,8,9\n1,2,3\n", header=True, **options)) == [(1, 2, 3.0)]


def test_columns_of_a_text_without_header_are_named_in_order(tmp_path: Path) -> None:
    ratings = read(tmp_path, "1,2,3,978300760,a,0.5\n")

    assert ratings.table.to_pylist() == [
        {"user": 1, "item": 2, "rating": 3.0, "timestamp": 978300760, "column5": "a", "column6": 0.5}
    ]


def test_positions_move_the_columns_of_a_text_without_header(tmp_path: Path) -> None:
    ratings = read(tmp_path, "5,2,1\n", rating_column="1", user_column="3")

    assert rows_of(ratings) == [(1, 2, 5.0)]


def test_quoted_values_hold_separators_quotes_and_line_ends(tmp_path: Path) -> None:
    ratings = read(tmp_path, 'user,item,rating,title\n1,"a,b",5,"say ""hi""\nthere"\n')

    assert ratings.table.to_pylist() == [
        {"user": 1, "item": "a,b", "rating": 5.0, "title": 'say "hi"\nthere'}
    ]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "-2"], pa.int64()),
        (["007", "8"], pa.string()),
        (["+1", "8"], pa.string()),
        (["12345678901234567890", "8"], pa.string()),
        (["x", "8"], pa.string()),
    ],
)
def test_ids_of_a_text_are_integers_only_if_all_round_trip(
    tmp_path: Path, values: list[str], kind: pa.DataType
) -> None:
    ratings = read(tmp_path, "".join(f"{value},{value},1\n" for value in values))

    assert ratings.table.schema.field("user").type == kind
    assert [str(value) for value in ratings.table["item"].to_pylist()] == values


def test_the_type_of_ids_can_be_forced(tmp_path: Path) -> None:
    assert read(tmp_path, text(","), id_type="string").table["user"].to_pylist() == ["1", "1", "2"]
    with pytest.raises(DataError, match="--id-type int"):
        read(tmp_path, "a,b,1\n", id_type="int")


def test_a_repeated_column_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="several columns are named 'x'"):
        read(tmp_path, "user,item,rating,x,x\n1,2,3,4,5\n")


def test_a_column_without_name_gets_one(tmp_path: Path) -> None:
    assert read(tmp_path, ",user,item,rating\n0,1,2,3\n").table.column_names[3] == "column1"


def test_pairs_need_two_columns_and_keep_the_others(tmp_path: Path) -> None:
    path = written(tmp_path, "userId,asin,stars,note\n2,B,4,x\n1,A,3,y\n2,B,4,x\n")

    pairs = read_pairs(path)

    assert pairs.table.to_pylist() == [
        {"user": 2, "item": "B", "rating": 4, "note": "x"},
        {"user": 1, "item": "A", "rating": 3, "note": "y"},
        {"user": 2, "item": "B", "rating": 4, "note": "x"},
    ]


def test_pairs_of_two_columns_without_header_are_read(tmp_path: Path) -> None:
    assert read_pairs(written(tmp_path, "1,2\n3,4\n")).table.to_pylist() == [
        {"user": 1, "item": 2},
        {"user": 3, "item": 4},
    ]


def test_a_pair_without_item_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"r.csv:3: item is empty"):
        read_pairs(written(tmp_path, "user,item\n1,2\n3,\n"))

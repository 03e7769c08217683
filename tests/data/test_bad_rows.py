"""Bad rows of a text are told by line, skipped, or collected in a file; the good ones are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rbmcli.config import InputSettings
from rbmcli.data.intake import read_ratings
from rbmcli.data.tables import RatingsTable
from rbmcli.errors import DataError


def read(folder: Path, content: str | bytes, **options: Any) -> RatingsTable:
    path = folder / "r.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_ratings(path, InputSettings(**options))


def rows_of(ratings: RatingsTable) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in ratings.table.to_pylist()]


BAD_ROWS = """userId,movieId,rating,timestamp
1,10,4,100
1,20
,20,4,100
1,30,4,100,5

1,40,nan,100
1,50,inf,100
1,60,good,100
1,70,4,soon
1,"80,4,100
2,10,3,200
"""
REASONS = [
    "r.csv:3: 2 columns, expected 4",
    "r.csv:4: user is empty, in column 1 ('userId')",
    "r.csv:5: 5 columns, expected 4",
    "r.csv:7: rating 'nan' is no finite number, in column 3 ('rating')",
    "r.csv:8: rating 'inf' is no finite number, in column 3 ('rating')",
    "r.csv:9: rating 'good' is no finite number, in column 3 ('rating')",
    "r.csv:10: timestamp 'soon' is no whole number and no ISO 8601 date or time, in column 4 ('timestamp')",
    "r.csv:11: a double quote is not closed",
]


def test_each_bad_row_is_told_with_its_line_and_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, BAD_ROWS)

    told = [line.replace(f"{tmp_path}/", "") for line in caught.value.message.splitlines()]
    assert told == [*REASONS, "8 bad rows in all"]
    assert "--on-error skip" in caught.value.hint


def test_bad_rows_can_be_skipped(tmp_path: Path) -> None:
    ratings = read(tmp_path, BAD_ROWS, on_error="skip")

    assert rows_of(ratings) == [(1, 10, 4.0, 100), (2, 10, 3.0, 200)]
    assert (ratings.n_read, ratings.n_bad) == (10, 8)


def test_only_the_first_ten_bad_rows_are_told(tmp_path: Path) -> None:
    content = "user,item,rating\n1,2,3\n" + "1,2,x\n" * 25

    with pytest.raises(DataError) as caught:
        read(tmp_path, content)

    told = caught.value.message.splitlines()
    assert len(told) == 11
    assert told[-1] == "25 bad rows in all (15 more than shown)"


def test_bytes_that_are_no_utf8_make_a_bad_row(tmp_path: Path) -> None:
    ratings = read(tmp_path, b"1,caf\xe9,3\n1,caf\xc3\xa9,4\n", on_error="skip")

    assert rows_of(ratings) == [(1, "café", 4.0)]
    with pytest.raises(DataError, match=r"r.csv:1: bytes that are no UTF-8, in column 2 \('item'\)"):
        read(tmp_path, b"1,caf\xe9,3\n1,caf\xc3\xa9,4\n")


@pytest.mark.parametrize("separator", ["::", "whitespace"])
def test_bad_rows_are_located_with_any_separator(tmp_path: Path, separator: str) -> None:
    between = "::" if separator == "::" else " "

    with pytest.raises(DataError, match=r"r.csv:2: 2 columns, expected 3"):
        read(tmp_path, "1 2 3\n1 2\n\x1f 2 3\n".replace(" ", between), separator=separator)


def test_rejected_rows_go_to_a_file_with_the_reason(tmp_path: Path) -> None:
    rejected = tmp_path / "rejected.csv"

    read(tmp_path, "1,a,3\n1,b,x\n1\n", on_error=str(rejected))

    path = tmp_path / "r.csv"
    assert rejected.read_text().splitlines() == [
        "file,line,reason,row",
        f"{path},2,\"rating 'x' is no finite number, in column 3 ('rating')\",\"1,b,x\"",
        f'{path},3,"1 columns, expected 3",1',
    ]


def test_the_file_of_rejected_rows_is_there_even_without_any(tmp_path: Path) -> None:
    rejected = tmp_path / "rejected.csv"

    read(tmp_path, "1,a,3\n", on_error=str(rejected))

    assert rejected.read_text() == "file,line,reason,row\n"


def test_a_stray_quote_costs_one_row(tmp_path: Path) -> None:
    content = 'user,item,rating\n1,"a,1\n2,"b",2\n3,5" disk,3\n4,"c\nd",4\n5,"e""f",5\n'

    ratings = read(tmp_path, content, on_error="skip")

    assert rows_of(ratings) == [(2, "b", 2.0), (3, '5" disk', 3.0), (4, "c\nd", 4.0), (5, 'e"f', 5.0)]
    assert ratings.n_bad == 1


def test_the_line_of_a_bad_row_counts_the_lines_within_quotes(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"r.csv:5: rating 'x'"):
        read(tmp_path, 'user,item,rating\n1,"a\nb\nc",1\n1,d,x\n')

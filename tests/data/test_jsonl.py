"""JSON Lines are read with their types; a line that holds no usable row is told by its number."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rbmcli.config import InputSettings
from rbmcli.data.intake import read_pairs, read_ratings
from rbmcli.data.tables import RatingsTable
from rbmcli.errors import DataError


def read(folder: Path, *lines: str | dict[str, Any], name: str = "r.jsonl", **options: Any) -> RatingsTable:
    path = folder / name
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return read_ratings(path, InputSettings(**options))


def row(user: Any = 1, item: Any = "a", rating: Any = 3, **further: Any) -> dict[str, Any]:
    return {"reviewerID": user, "asin": item, "overall": rating, **further}


def test_keys_are_columns_and_types_are_kept(tmp_path: Path) -> None:
    ratings = read(
        tmp_path, row(1, "007", 4.5, unixReviewTime=10, verified=True), row(2, "12", 3, unixReviewTime=20)
    )

    assert ratings.table.to_pylist() == [
        {"user": 1, "item": "007", "rating": 4.5, "timestamp": 10, "verified": True},
        {"user": 2, "item": "12", "rating": 3.0, "timestamp": 20, "verified": None},
    ]


@pytest.mark.parametrize("name", ["r.txt", "r.dat"])
def test_the_format_is_recognised_by_its_first_byte(tmp_path: Path, name: str) -> None:
    assert read(tmp_path, row(), name=name).n_read == 1


def test_a_compressed_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(row()).encode()))

    assert read_ratings(path).table.to_pylist() == [{"user": 1, "item": "a", "rating": 3.0}]


def test_ids_of_both_types_become_text(tmp_path: Path) -> None:
    assert read(tmp_path, row(1), row("b")).table["user"].to_pylist() == ["1", "b"]


def test_integers_too_large_for_an_id_become_text(tmp_path: Path) -> None:
    assert read(tmp_path, row(2**70)).table["user"].to_pylist() == [str(2**70)]


def test_a_nested_value_of_a_further_column_is_kept_as_json(tmp_path: Path) -> None:
    assert read(tmp_path, row(helpful=[1, 2])).table["helpful"].to_pylist() == ["[1, 2]"]


def test_each_bad_line_is_told_with_its_number(tmp_path: Path) -> None:
    lines = [
        row(),
        "",
        "{not json",
        "[1, 2]",
        row(user=None),
        {"asin": "a", "overall": 1},
        row(item=""),
        row(item="b", rating=float("nan")),
        row(item="c", rating=10**400),
        row(item="d", rating="great"),
        '{"reviewerID": "\\ud800", "asin": "e", "overall": 1}',
    ]

    with pytest.raises(DataError) as caught:
        read(tmp_path, *lines)

    told = [line.partition("r.jsonl:")[2] for line in caught.value.message.splitlines()]
    assert [line.partition(":")[0] for line in told[:-1]] == [str(n) for n in range(3, 12)]
    assert told[0].startswith("3: no valid JSON")
    assert told[1] == "4: a JSON list, expected an object"
    assert told[2] == told[3][:1].replace("6", "5") + ": user is empty, in column 1 ('reviewerID')"
    assert told[5] == "8: rating 'NaN' is no finite number, in column 3 ('overall')"
    assert told[7] == "10: rating 'great' is no finite number, in column 3 ('overall')"
    assert told[8] == "11: an escape that is half a character"


def test_bad_lines_can_be_skipped(tmp_path: Path) -> None:
    ratings = read(tmp_path, row(), "{", row(item="b", rating=None), on_error="skip")

    assert ratings.table.num_rows == 1
    assert (ratings.n_read, ratings.n_bad) == (3, 2)


def test_bytes_that_are_no_utf8_make_a_bad_line(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(json.dumps(row()).encode() + b'\n{"x": "\xe9"}\n')

    with pytest.raises(DataError, match=r"r.jsonl:2: bytes that are no UTF-8"):
        read_ratings(path)


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_a_file_without_objects_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(DataError, match="expected a JSON object on every line"):
        read(tmp_path, content)


def test_pairs_are_read_from_json_lines_too(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text('{"item": "a", "user": 1}\n{"item": "a", "user": 1}\n')

    assert read_pairs(path).table.column_names == ["item", "user"]


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(st.sampled_from(["user", "item", "rating", "note"]), SCALARS), max_size=6))
def test_any_objects_give_ratings_or_an_error_that_says_why(
    tmp_path: Path, objects: list[dict[str, Any]]
) -> None:
    path = tmp_path / "r.jsonl"
    good = {"user": 0, "item": 0, "rating": 0}
    path.write_text("\n".join(json.dumps(each) for each in [good, *objects]))

    try:
        ratings = read_ratings(path, InputSettings(on_error="skip", duplicates="last"))
    except DataError as error:
        assert error.message.startswith(f"{path}: ")
    else:
        assert ratings.n_read == len(objects) + 1
        assert ratings.table.schema.field("rating").type == pa.float32()
        assert ratings.table.num_rows + ratings.n_bad + ratings.n_duplicates == ratings.n_read

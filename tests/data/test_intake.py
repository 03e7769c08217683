"""Ratings come from one or several inputs, from files, pipes and memory, and always look the same."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rbmcli.config import InputSettings
from rbmcli.data.intake import check_same_run, read_pairs, read_ratings
from rbmcli.data.metadata import encode_metadata
from rbmcli.data.schemas import METADATA_KEY, RATINGS
from rbmcli.errors import DataError, MismatchError
from rbmcli.progress import Progress


class Listener(Progress):
    def __init__(self) -> None:
        self.told: list[str] = []

    def info(self, message: str) -> None:
        self.told.append(message)

    def warn(self, message: str) -> None:
        self.told.append(message)


def ratings(user: list[Any], item: list[Any], **further: list[Any]) -> pa.Table:
    return pa.table({"user": user, "item": item, "rating": [3.0] * len(user), **further})


def ratings_file_in_memory(user: int, **metadata: Any) -> pa.Table:
    table = ratings([user], [1]).set_column(2, "rating", pa.array([3.0], pa.float32()))
    return table.replace_schema_metadata({METADATA_KEY: encode_metadata(RATINGS, metadata)})


@pytest.mark.parametrize(
    "source",
    [
        ratings([1], ["a"]),
        pd.DataFrame({"userId": [1], "movieId": ["a"], "stars": [3]}, index=[7]),
        {"user": [1], "item": ["a"], "rating": [3]},
    ],
)
def test_tables_in_memory_are_read_like_files(source: Any) -> None:
    found = read_ratings(source)

    assert found.table.to_pylist() == [{"user": 1, "item": "a", "rating": 3.0}]
    assert found.metadata == {}


def test_ratings_that_were_read_already_are_not_read_again() -> None:
    read = read_ratings(ratings([1, 2], [3, 4]))

    assert read_ratings(read, InputSettings(user_column="other")) is read


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(DataError, match="the int given is no table"):
        read_ratings(5)  # type: ignore[arg-type]


def test_a_missing_file_is_named() -> None:
    with pytest.raises(DataError, match=r"nowhere.csv: no such file"):
        read_ratings("nowhere.csv")


def test_no_input_at_all_is_refused() -> None:
    with pytest.raises(DataError, match="at least one input"):
        read_ratings([])


def test_an_empty_table_gives_no_ratings() -> None:
    empty = pa.table({"user": pa.nulls(0), "item": pa.nulls(0), "rating": pa.nulls(0)})

    found = read_ratings(empty)

    assert found.table.schema == pa.schema(
        [("user", pa.int64()), ("item", pa.int64()), ("rating", pa.float32())]
    )
    assert found.n_read == 0


@pytest.mark.parametrize("content", [b"1,2,3\n", None])
def test_standard_input_may_hold_any_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    if content is None:
        pq.write_table(ratings([1], [2]), tmp_path / "r.parquet")
        content = (tmp_path / "r.parquet").read_bytes()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))

    found = read_ratings("-")

    assert found.table.to_pylist() == [{"user": 1, "item": 2, "rating": 3.0}]
    assert found.where == "standard input"


def test_the_copy_of_standard_input_is_gone_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"1,2,x\n")))

    with pytest.raises(DataError, match=r"standard input:1: rating 'x'"):
        read_ratings("-")

    assert list(tmp_path.iterdir()) == []


def test_a_named_pipe_is_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    subprocess.run(["mkfifo", str(pipe)], check=True)
    with subprocess.Popen([sys.executable, "-c", f"open({str(pipe)!r}, 'w').write('1,2,3\\n')"]):
        found = read_ratings(pipe)

    assert found.table.num_rows == 1
    assert found.where == str(pipe)


def test_several_inputs_are_read_one_after_the_other(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("user,item,rating,note\n5,1,1,x\n")
    (tmp_path / "b.dat").write_text("4::2::2\n")

    found = read_ratings([tmp_path / "a.csv", tmp_path / "b.dat", ratings([3], [3])])

    assert found.table["user"].to_pylist() == [5, 4, 3]
    assert found.table["note"].to_pylist() == ["x", None, None]
    assert found.n_read == 3
    assert found.where == f"{tmp_path / 'a.csv'} and 2 more"


def test_bad_rows_of_all_inputs_are_told_together(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("5,1,1\n5,2,x\n")
    (tmp_path / "b.csv").write_text("4,2,2\n4,,2\n")

    with pytest.raises(DataError) as caught:
        read_ratings([tmp_path / "a.csv", tmp_path / "b.csv"])

    told = caught.value.message.splitlines()
    assert [line.partition(": ")[0] for line in told[:2]] == [
        f"{tmp_path / 'a.csv'}:2",
        f"{tmp_path / 'b.csv'}:2",
    ]
    assert told[2] == "2 bad rows in all"


@pytest.mark.parametrize(("texts", "expected"), [(["7", "8"], [1, 7, 8]), (["07", "8"], ["1", "07", "8"])])
def test_integer_and_text_ids_meet_where_nothing_is_lost(texts: list[str], expected: list[Any]) -> None:
    listener = Listener()

    found = read_ratings([ratings([1], [1]), ratings(texts, [1, 1])], progress=listener)

    assert found.table["user"].to_pylist() == expected
    assert any("integers and texts as user ids" in message for message in listener.told)


def test_timestamps_that_only_some_inputs_have_are_left_out() -> None:
    listener = Listener()

    found = read_ratings([ratings([1], [1], timestamp=[9]), ratings([2], [1])], progress=listener)

    assert found.table.column_names == ["user", "item", "rating"]
    assert any("has no timestamps" in message for message in listener.told)


def test_a_further_column_that_is_text_somewhere_is_text() -> None:
    found = read_ratings([ratings([1], [1], x=[5]), ratings([2], [1], x=["a"])])

    assert found.table["x"].to_pylist() == ["5", "a"]


def test_further_columns_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(DataError, match="columns do not go together"):
        read_ratings([ratings([1], [1], x=[5]), ratings([2], [1], x=[[1]])])


def test_timestamps_far_ahead_make_a_warning() -> None:
    listener = Listener()

    read_ratings(ratings([1], [1], timestamp=[1_365_029_107_000]), progress=listener)

    assert any("--timestamp-unit" in message for message in listener.told)


def test_files_of_one_run_share_their_metadata() -> None:
    common = {"run": "r", "levels": [1.0, 3.0]}
    train = ratings_file_in_memory(1, split="train", **common)
    valid = ratings_file_in_memory(2, split="valid", **common)

    found = read_ratings([train, valid])

    assert found.metadata["levels"] == [1.0, 3.0]
    assert "split" not in found.metadata


def test_files_of_two_runs_are_not_mixed() -> None:
    with pytest.raises(MismatchError, match="different runs of prepare"):
        read_ratings([ratings_file_in_memory(1, run="r"), ratings_file_in_memory(2, run="s")])


def test_a_file_of_another_tool_goes_with_any_run() -> None:
    check_same_run(({"run": "r"}, "a"), ({}, "b"), ({"run": "r"}, "c"))

    assert read_ratings([ratings_file_in_memory(1, run="r"), ratings([2], [1])]).metadata == {}


def test_pairs_keep_columns_of_any_type_and_their_place() -> None:
    table = pa.table({"why": [[1], [2]], "item_id": [1, 2], "when": ["x", "y"], "uid": ["a", "b"]})

    pairs = read_pairs(table)

    assert pairs.table.column_names == ["why", "item", "when", "user"]
    assert pairs.table["why"].to_pylist() == [[1], [2]]


def test_a_pair_may_have_no_rating_where_one_is_unknown() -> None:
    pairs = read_pairs(pa.table({"user": [1, 1], "item": [1, 1], "rating": [None, 2.0]}))

    assert pairs.table["rating"].to_pylist() == [None, 2.0]


def test_the_pairs_without_id_are_skipped_if_wanted() -> None:
    table = pa.table({"user": [1, None], "item": [1, 2]})

    assert read_pairs(table, InputSettings(on_error="skip")).table.to_pylist() == [{"user": 1, "item": 1}]


def test_pairs_tell_what_the_column_that_is_taken_for_a_rating_is_named() -> None:
    scored = read_pairs(pa.table({"user": [1], "item": [2], "score": [0.5]}))
    plain = read_pairs(pa.table({"user": [1], "item": [2]}))

    assert (scored.rating_name, scored.table.column_names) == ("score", ["user", "item", "rating"])
    assert plain.rating_name is None

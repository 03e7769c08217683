"""JSON Lines and Arrow data that are read piece by piece hold what they hold when they are read at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbmcli.config import InputSettings
from rbmcli.data.intake import read_ratings
from rbmcli.data.schemas import RATINGS
from rbmcli.data.streaming import open_ratings
from rbmcli.data.writing import write_table
from rbmcli.errors import DataError
from tests.recorder import Recorder

SKIP = InputSettings(on_error="skip")


def check(path: Path, rows: int, given_settings: InputSettings = SKIP) -> pa.Table:
    at_once, in_pieces = Recorder(), Recorder()
    whole = read_ratings(path, given_settings, at_once)
    with open_ratings(path, given_settings, in_pieces, rows_at_once=rows) as read:
        pieces = list(read.pieces)

    assert all(piece.schema == read.schema and piece.num_rows <= rows for piece in pieces)
    assert pa.concat_tables(pieces).equals(whole.table)
    assert (read.n_read, read.n_bad, read.metadata) == (whole.n_read, whole.n_bad, whole.metadata)
    assert read.rows >= whole.table.num_rows
    assert in_pieces.warnings == at_once.warnings
    return whole.table


def whole(path: Path, rows: int) -> pa.Table:
    with open_ratings(path, rows_at_once=rows) as read:
        return pa.concat_tables(read.pieces)


VALUES = st.sampled_from([None, 1, 2, 2.5, True, "a", 2**53 + 1, -(2**63), 2**63, [1, "ü"], {"a": 1}])
LINES = st.lists(
    st.fixed_dictionaries(
        {"user": st.integers(0, 3), "item": st.sampled_from([1, 2, "x"]), "rating": st.integers(1, 5)},
        optional={"a": VALUES, "b": st.integers(-5, 5), "c": st.none() | st.floats(-1, 1), "d": VALUES},
    )
    | st.sampled_from(["no json", "[1]", "", {"user": 1, "item": None, "rating": 1}]),
    max_size=25,
)


@settings(max_examples=80, deadline=None)
@given(lines=LINES, rows=st.integers(1, 12))
def test_lines_in_pieces_are_the_lines(
    tmp_path_factory: pytest.TempPathFactory, lines: list[Any], rows: int
) -> None:
    path = tmp_path_factory.mktemp("lines") / "r.jsonl"
    lines = [{"user": 9, "item": 9, "rating": 9}, *lines]
    # No pair twice.
    lines = [line | {"user": n} if isinstance(line, dict) else line for n, line in enumerate(lines)]
    texts = [line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines]
    path.write_text("\n".join(texts) + "\n")

    check(path, rows)


def test_a_bad_line_is_told_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    good = [json.dumps({"user": n, "item": 1, "rating": 2}) for n in range(30)]
    path.write_text("\n".join([*good[:20], "no json", *good[20:]]) + "\n")

    with pytest.raises(DataError, match=r"r\.jsonl:21: no valid JSON"):
        whole(path, 4)


def ratings(count: int = 60) -> pa.Table:
    number = np.arange(count)
    return pa.table(
        {
            "user": number // 5,
            "item": [f"m{n % 5}" for n in number],
            "rating": pa.array(number % 5, pa.float32()),
            "kind": pa.array([f"k{n % 3}" for n in number]).dictionary_encode(),
        }
    )


@pytest.mark.parametrize("rows", [3, 16, 100])
@pytest.mark.parametrize("is_file", [False, True])
def test_batches_are_the_table(tmp_path: Path, rows: int, *, is_file: bool) -> None:
    path, table = tmp_path / "r.arrow", ratings()
    new = pa.ipc.new_file if is_file else pa.ipc.new_stream
    with new(str(path), table.schema) as writer:
        writer.write_table(table, max_chunksize=20)

    check(path, rows)


def test_an_arrow_stream_of_the_house_is_verified(tmp_path: Path) -> None:
    path = tmp_path / "r.arrow"
    write_table(ratings().drop_columns("kind"), path, RATINGS, {"levels": [0, 1, 2, 3, 4]}, "arrow")

    assert check(path, 7).num_rows == 60

    damaged = bytearray(path.read_bytes())
    place = damaged.rindex(b"m0m1m2")
    damaged[place + 1] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(DataError, match="its rows are not those"):
        whole(path, 7)


@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_an_arrow_stream_that_ends_early_is_refused(tmp_path: Path, share: float) -> None:
    path, table = tmp_path / "r.arrow", ratings(5000)
    with pa.ipc.new_stream(str(path), table.schema) as writer:
        writer.write_table(table, max_chunksize=500)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])

    with pytest.raises(DataError, match=r"r\.arrow"), open_ratings(path, rows_at_once=100) as read:
        list(read.pieces)


def test_no_input_is_refused() -> None:
    with pytest.raises(DataError, match="at least one input"), open_ratings([]):
        pass

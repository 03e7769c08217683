"""Ratings that come piece by piece are the ratings that are read at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbmcli.config import InputSettings
from rbmcli.data.intake import read_ratings
from rbmcli.data.schemas import RATINGS
from rbmcli.data.storage import read_parquet
from rbmcli.data.streaming import open_ratings
from rbmcli.data.writing import write_table
from rbmcli.errors import DataError, MismatchError
from tests.recorder import Recorder


def ratings(rows: int = 50, first: int = 0) -> pa.Table:
    number = np.arange(first, first + rows)
    return pa.table(
        {
            "userId": number // 3,
            "movieId": [f"m{n % 7}" for n in number],
            "rating": (number % 5 + 1).astype(np.float64),
            "timestamp": number * 1000,
            "note": [None if n % 2 else "x" for n in number],
        }
    )


def both_ways(
    source: Any,
    given_settings: InputSettings = InputSettings(),  # noqa: B008
    rows: int = 7,
) -> tuple[pa.Table, pa.Table]:
    whole = read_ratings(source, given_settings)
    with open_ratings(source, given_settings, rows_at_once=rows) as read:
        pieces = list(read.pieces)
        assert all(piece.schema == read.schema for piece in pieces)
        assert all(piece.num_rows <= rows for piece in pieces) or len(pieces) == 1
        assert (read.where, read.metadata, read.n_bad) == (whole.where, whole.metadata, whole.n_bad)
        assert read.n_read == whole.n_read
        return pa.concat_tables(pieces), whole.table


@settings(max_examples=20, deadline=None)
@given(group=st.integers(1, 60), rows=st.integers(1, 60))
def test_a_file_in_pieces_is_the_file(tmp_path_factory: Any, group: int, rows: int) -> None:
    path = tmp_path_factory.mktemp("pieces") / "r.parquet"
    pq.write_table(ratings(), path, row_group_size=group)

    pieces, whole = both_ways(path, rows=rows)

    assert pieces.equals(whole)


def test_files_of_a_folder_go_together(tmp_path: Path) -> None:
    for place, table in enumerate([ratings(), ratings(20, 50).drop_columns("note"), ratings(5, 70)]):
        folder = tmp_path / "r" / f"year={2000 + place}"
        folder.mkdir(parents=True)
        pq.write_table(table, folder / "part.parquet")

    pieces, whole = both_ways(tmp_path / "r")

    assert pieces.equals(whole)
    assert pieces["year"].type == pa.int64()
    assert pieces["note"].null_count > 20


def test_several_inputs_go_together(tmp_path: Path) -> None:
    pq.write_table(ratings(), tmp_path / "a.parquet")
    (tmp_path / "b.csv").write_text("user,item,rating\n1,a,2\n2,m3,5\n")

    pieces, whole = both_ways([tmp_path / "a.parquet", tmp_path / "b.csv"])

    assert pieces.equals(whole)
    assert "timestamp" not in pieces.column_names


def test_ids_of_several_inputs_are_texts_where_one_has_texts(tmp_path: Path) -> None:
    pq.write_table(ratings(), tmp_path / "a.parquet")
    (tmp_path / "b.csv").write_text("user,item,rating\nx7,a,2\n2,m3,5\n")

    pieces, whole = both_ways([tmp_path / "a.parquet", tmp_path / "b.csv"], rows=50)

    assert pieces.equals(whole)
    assert pieces["user"].type == pa.string()


def test_a_table_in_memory_is_one_piece() -> None:
    pieces, whole = both_ways(ratings(), rows=100)

    assert pieces.equals(whole)


def test_bad_rows_are_told_by_their_number_in_the_whole_input(tmp_path: Path) -> None:
    table = ratings()
    rating = table["rating"].to_pylist()
    rating[33] = float("nan")
    table = table.set_column(2, "rating", pa.array(rating))
    pq.write_table(table, tmp_path / "r.parquet", row_group_size=10)
    skipping, progress = InputSettings(on_error="skip"), Recorder()

    pieces, whole = both_ways(tmp_path / "r.parquet", skipping)
    with open_ratings(tmp_path / "r.parquet", skipping, progress, rows_at_once=7) as read:
        list(read.pieces)

    assert pieces.equals(whole)
    assert any("row 34" in warning for warning in progress.warnings)
    with pytest.raises(DataError, match="row 34"), open_ratings(tmp_path / "r.parquet") as read:
        list(read.pieces)


def test_files_of_two_runs_are_not_mixed(tmp_path: Path) -> None:
    table = read_ratings(ratings()).table
    for name in "ab":
        write_table(table, tmp_path / name, RATINGS, {"run": name})

    with pytest.raises(MismatchError, match="different runs"), open_ratings([tmp_path / "a", tmp_path / "b"]):
        pass


def test_a_changed_file_is_refused_after_its_last_piece(tmp_path: Path) -> None:
    table = read_ratings(ratings()).table
    write_table(table, tmp_path / "a", RATINGS, {})
    told = pq.read_metadata(tmp_path / "a").metadata
    pq.write_table(table.take(pa.array([1, 0, *range(2, 50)])).replace_schema_metadata(told), tmp_path / "b")

    with pytest.raises(DataError, match="its rows are not those"):
        read_parquet(tmp_path / "b")
    with pytest.raises(DataError, match="its rows are not those"), open_ratings(tmp_path / "b") as read:
        list(read.pieces)


def test_unlikely_timestamps_are_told_once(tmp_path: Path) -> None:
    table = ratings().set_column(3, "timestamp", pa.array(np.arange(50) + 10**12))
    pq.write_table(table, tmp_path / "r.parquet")
    progress = Recorder()

    with open_ratings(tmp_path / "r.parquet", progress=progress, rows_at_once=7) as read:
        list(read.pieces)

    assert sum("--timestamp-unit" in warning for warning in progress.warnings) == 1

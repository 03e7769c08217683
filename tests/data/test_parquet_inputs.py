"""Parquet is read from files, folders and partitions, with damage found and pandas' own columns dropped."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rbmcli.config import InputSettings
from rbmcli.data.intake import read_pairs, read_ratings
from rbmcli.data.schemas import RATINGS
from rbmcli.data.writing import write_table
from rbmcli.errors import DataError, MismatchError


def table(**columns: Any) -> pa.Table:
    return pa.table({"user": [2, 1], "item": ["b", "a"], "rating": [3, 4], **columns})


def test_columns_get_their_types_and_names_and_keep_their_order(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    columns = {
        "title": ["x", "y"],
        "timestamp": pa.array([1_500, 2_500], pa.timestamp("ms")),
        "stars": pa.array([3, 4], pa.int8()),
        "movieId": pa.array(["b", "a"]).dictionary_encode(),
        "userId": pa.array([2, 1], pa.uint16()),
    }
    pq.write_table(pa.table(columns), path)

    ratings = read_ratings(path)

    assert ratings.table.schema == pa.schema(
        [
            ("user", pa.int64()),
            ("item", pa.string()),
            ("rating", pa.float32()),
            ("timestamp", pa.int64()),
            ("title", pa.string()),
        ]
    )
    assert ratings.table["timestamp"].to_pylist() == [1, 2]
    assert ratings.table["user"].to_pylist() == [2, 1]


def test_a_string_column_stays_text_even_where_it_looks_like_numbers(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    pq.write_table(table(item=["1", "2"]), path)

    assert read_ratings(path).table.schema.field("item").type == pa.string()


def test_bad_rows_are_told_by_their_number(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    columns = {"user": [1, None, 3, 4], "item": ["a", "b", "", "d"], "rating": [1.0, 2.0, 3.0, float("inf")]}
    pq.write_table(pa.table(columns), path)

    with pytest.raises(DataError) as caught:
        read_ratings(path)

    assert caught.value.message.splitlines() == [
        f"{path}, row 2: user is empty, in column 1 ('user')",
        f"{path}, row 3: item is empty, in column 2 ('item')",
        f"{path}, row 4: rating 'inf' is no finite number, in column 3 ('rating')",
        "3 bad rows in all",
    ]
    assert read_ratings(path, InputSettings(on_error="skip")).table.num_rows == 1


def test_ids_that_are_no_integers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    pq.write_table(table(user=[1.5, 2.0]), path)

    with pytest.raises(DataError, match="no 64-bit integers"):
        read_ratings(path)


def test_a_folder_is_read_file_by_file_in_the_order_of_names(tmp_path: Path) -> None:
    pq.write_table(table(user=[5, 6]), tmp_path / "b.parquet")
    pq.write_table(table(user=[7, 8], note=["x", "y"]), tmp_path / "a.parquet")
    (tmp_path / "_SUCCESS").touch()
    (tmp_path / ".hidden").write_text("no Parquet")

    ratings = read_ratings(tmp_path).table

    assert ratings["user"].to_pylist() == [7, 8, 5, 6]
    assert ratings["note"].to_pylist() == ["x", "y", None, None]


@pytest.mark.parametrize(("keys", "kind"), [(["7", "12"], pa.int64()), (["007", "12"], pa.string())])
def test_partition_keys_are_columns_and_lose_no_digits(
    tmp_path: Path, keys: list[str], kind: pa.DataType
) -> None:
    for key in keys:
        (tmp_path / f"user={key}").mkdir()
        pq.write_table(table().select(["item", "rating"]), tmp_path / f"user={key}" / "part.parquet")

    users = read_ratings(tmp_path).table["user"]

    assert users.type == kind
    assert [str(user) for user in users.to_pylist()] == [key for key in sorted(keys) for _ in range(2)]


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no Parquet file"):
        read_ratings(tmp_path)


def test_a_folder_with_a_damaged_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and no more")

    with pytest.raises(DataError, match=r"a\.parquet: not a readable Parquet file"):
        read_ratings(tmp_path)


def test_a_flipped_bit_in_a_page_is_found(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    pq.write_table(table(), path, write_page_checksum=True, compression="none", use_dictionary=False)
    content = bytearray(path.read_bytes())
    place = content.index((3).to_bytes(8, "little") + (4).to_bytes(8, "little"))
    content[place] ^= 1
    path.write_bytes(content)

    with pytest.raises(DataError, match="not a readable Parquet file"):
        read_ratings(path)


@pytest.mark.parametrize("content", [b"PAR1", b"PAR1" + b"x" * 50 + b"PAR1"])
def test_a_broken_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "r.parquet"
    path.write_bytes(content)

    with pytest.raises(DataError, match=f"{path}: not a readable Parquet file"):
        read_ratings(path)


def test_parquet_inside_another_compression_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    pq.write_table(table(), path)
    packed = tmp_path / "r.parquet.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))

    with pytest.raises(DataError, match="Parquet file inside gzip") as caught:
        read_ratings(packed)

    assert "decompress" in caught.value.hint


def test_the_index_of_pandas_is_no_column(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    pd.DataFrame({"user": [1], "item": [2], "rating": [3]}, index=[9]).to_parquet(path)

    assert read_ratings(path).table.column_names == ["user", "item", "rating"]
    assert read_pairs(path).table.column_names == ["user", "item", "rating"]


def test_the_metadata_of_a_ratings_file_comes_with_it(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    ratings = table(user=pa.array([1, 2], pa.int64()), rating=pa.array([3, 4], pa.float32()))
    write_table(ratings, path, RATINGS, {"levels": [1.0, 2.0], "run": "abc"})

    assert read_ratings(path).metadata["levels"] == [1.0, 2.0]
    assert read_pairs(path).metadata["run"] == "abc"


def test_a_ratings_file_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    ratings = table(user=pa.array([1, 2], pa.int64()), rating=pa.array([3, 4], pa.float32()))
    newer = type(RATINGS)(RATINGS.format, RATINGS.version + 1, RATINGS.columns)
    write_table(ratings, path, newer, {})

    with pytest.raises(MismatchError, match="format version 2"):
        read_ratings(path)


def test_a_key_that_hive_writes_for_nothing_is_missing(tmp_path: Path) -> None:
    for key in ("__HIVE_DEFAULT_PARTITION__", "7"):
        (tmp_path / f"shop={key}").mkdir()
        pq.write_table(table(), tmp_path / f"shop={key}" / "part.parquet")

    assert read_pairs(tmp_path).table["shop"].to_pylist() == [7, 7, None, None]

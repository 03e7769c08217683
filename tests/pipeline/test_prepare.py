"""Prepare cleans and splits ratings, and writes files that follow the contract and tell what they are."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from rbmcli.config import InputSettings, LevelSettings, PrepareSettings
from rbmcli.data.fingerprints import ratings_fingerprint
from rbmcli.data.intake import read_ratings
from rbmcli.data.levels import Levels
from rbmcli.data.schemas import RATINGS
from rbmcli.data.storage import read_parquet
from rbmcli.errors import DataError, MismatchError
from rbmcli.pipeline.prepare import PrepareResult, prepare


def some_ratings(n_users: int = 30, n_items: int = 20, seed: int = 0) -> pa.Table:
    """About half of all pairs, rated 1 to 5, in no order."""
    random = np.random.default_rng(seed)
    rated = random.permutation(n_users * n_items)[: n_users * n_items // 2]
    return pa.table(
        {
            "userId": rated // n_items,
            "title": [f"item {each}" for each in rated % n_items],
            "movieId": rated % n_items,
            "stars": random.integers(1, 6, len(rated)),
            "time": random.integers(0, 1000, len(rated)),
        }
    )


def rows_of(table: pa.Table | None) -> set[tuple[Any, ...]]:
    assert table is not None
    return {tuple(row.values()) for row in table.to_pylist()}


def parts_of(result: PrepareResult) -> list[pa.Table]:
    return [part for part in (result.train, result.valid, result.test, result.ratings) if part is not None]


def visible_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


@pytest.mark.parametrize("split", ["random", "leave-last", "time"])
def test_each_rating_is_in_exactly_one_part(split: str) -> None:
    result = prepare(some_ratings(), settings=PrepareSettings(split=split))

    parts = [rows_of(part) for part in parts_of(result)]
    assert sum(map(len, parts)) == 300
    assert len(set.union(*parts)) == 300
    assert all(parts)
    assert result.counts["written"] == 300


def test_files_are_sorted_by_user_and_item_and_follow_the_contract(tmp_path: Path) -> None:
    result = prepare(some_ratings(), tmp_path / "out")

    for name in ("train", "valid", "test"):
        table, metadata = read_parquet(tmp_path / "out" / f"{name}.parquet", RATINGS)
        pairs = list(zip(table["user"].to_pylist(), table["item"].to_pylist(), strict=True))
        assert pairs == sorted(pairs)
        assert table.column_names == ["user", "item", "rating", "timestamp", "title"]
        assert metadata["split"] == name
        assert metadata["run"] == result.run
        assert metadata["levels"] == [1, 2, 3, 4, 5]
        assert metadata["counts"]["ratings"] == table.num_rows
        assert metadata["fingerprint"] == ratings_fingerprint(table, result.levels)
        assert table.equals(getattr(result, name).replace_schema_metadata(None))
    assert visible_names(tmp_path / "out") == ["_SUCCESS", "test.parquet", "train.parquet", "valid.parquet"]


def test_the_tables_given_back_are_as_good_as_the_files(tmp_path: Path) -> None:
    result = prepare(some_ratings(), tmp_path / "out")

    from_memory, from_file = read_ratings(result.train), read_ratings(tmp_path / "out" / "train.parquet")

    assert from_memory.metadata == from_file.metadata
    assert from_memory.table.equals(from_file.table)


def test_equal_ratings_give_equal_bytes_whatever_their_order_and_format(tmp_path: Path) -> None:
    table = some_ratings()
    lines = [",".join(map(str, row.values())) for row in table.to_pylist()]
    (tmp_path / "r.csv").write_text("\n".join([",".join(table.column_names), *reversed(lines)]) + "\n")

    prepare(table, tmp_path / "a")
    prepare(tmp_path / "r.csv", tmp_path / "b")

    for name in ("train.parquet", "valid.parquet", "test.parquet"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_another_seed_or_split_makes_another_run() -> None:
    runs = {
        prepare(some_ratings(), settings=settings).run
        for settings in (PrepareSettings(), PrepareSettings(seed=1), PrepareSettings(split="time"))
    }

    assert len(runs) == 3


def test_files_of_two_runs_do_not_go_together() -> None:
    one, other = prepare(some_ratings()), prepare(some_ratings(seed=1))

    with pytest.raises(MismatchError):
        read_ratings([one.train, other.valid])


@pytest.mark.parametrize("split", ["random", "leave-last", "time"])
def test_a_fraction_of_zero_leaves_its_part_out(tmp_path: Path, split: str) -> None:
    result = prepare(some_ratings(), tmp_path / "out", PrepareSettings(split=split, valid_fraction=0))

    assert result.valid is None
    assert visible_names(tmp_path / "out") == ["_SUCCESS", "test.parquet", "train.parquet"]


def test_without_a_split_there_is_one_part(tmp_path: Path) -> None:
    settings = PrepareSettings(split="none")

    in_folder = prepare(some_ratings(), tmp_path / "out", settings)
    as_file = prepare(some_ratings(), tmp_path / "one.parquet", settings)

    assert rows_of(in_folder.ratings) == rows_of(as_file.ratings)
    assert visible_names(tmp_path / "out") == ["_SUCCESS", "ratings.parquet"]
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "out" / "ratings.parquet").read_bytes()
    assert in_folder.train is None


def test_rare_users_and_items_are_dropped_up_to_the_fixed_point() -> None:
    # Item 9 keeps user 3 above the limit until it is dropped itself.
    pairs = [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (3, 9)]
    table = pa.table({"user": [u for u, _ in pairs], "item": [i for _, i in pairs], "rating": range(6)})

    result = prepare(table, settings=PrepareSettings(split="none", min_user_ratings=2, min_item_ratings=2))

    assert {row[:2] for row in rows_of(result.ratings)} == set(pairs[:4])
    assert result.counts["filtered"] == 2


def test_filters_that_leave_nothing_are_refused() -> None:
    with pytest.raises(DataError, match="no ratings are left of 300") as caught:
        prepare(some_ratings(), settings=PrepareSettings(min_user_ratings=1000))

    assert "--min-user-ratings" in caught.value.hint


def test_everything_left_out_is_counted(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("1,1,1\n1,1,2\n1,2,x\n1,3,9\n1,4,3\n2,4,1\n")

    result = prepare(
        tmp_path / "r.csv",
        settings=PrepareSettings(split="none", min_item_ratings=2),
        input_settings=InputSettings(on_error="skip", duplicates="last", unknown_level="drop"),
        level_settings=LevelSettings(levels=(1.0, 2.0, 3.0)),
    )

    counts = dict(result.counts)
    assert counts == {
        "read": 6,
        "bad": 1,
        "duplicate": 1,
        "unknown_level": 1,
        "nearest_level": 0,
        "filtered": 1,
        "written": 2,
        "ratings": 2,
    }


def test_a_rating_taken_as_the_nearest_level_keeps_its_own_number(tmp_path: Path) -> None:
    table = pa.table({"user": [1, 2], "item": [1, 1], "rating": [1.0, 2.7]})

    result = prepare(
        table,
        settings=PrepareSettings(split="none"),
        input_settings=InputSettings(unknown_level="nearest"),
        level_settings=LevelSettings(levels=(1.0, 2.0, 3.0)),
    )

    assert result.ratings is not None
    assert result.ratings["rating"].to_pylist() == [1.0, np.float32(2.7)]
    assert result.counts["nearest_level"] == 1


def test_levels_come_from_the_whole_input() -> None:
    table = pa.table({"user": range(50), "item": [0] * 50, "rating": [1, 2] * 24 + [3, 4]})

    result = prepare(table, settings=PrepareSettings(split="random", test_fraction=0.5))

    assert result.levels.values.tolist() == [1, 2, 3, 4]


def test_bins_come_from_the_training_part_only() -> None:
    table = some_ratings()
    table = table.set_column(3, "stars", pa.array(np.linspace(-10, 10, table.num_rows)))

    result = prepare(table, level_settings=LevelSettings(bins=4))

    assert result.train is not None
    in_training = result.levels.assign(result.train["rating"].to_numpy())
    means = [result.train["rating"].to_numpy()[in_training == level].mean() for level in range(4)]
    assert result.levels.values == pytest.approx(means, rel=1e-4)


def test_levels_of_a_prepared_file_are_kept() -> None:
    whole = prepare(
        pa.table({"user": [1, 2], "item": [1, 1], "rating": [1, 3]}),
        settings=PrepareSettings(split="none"),
        level_settings=LevelSettings(levels=(1.0, 2.0, 3.0)),
    )

    again = prepare(whole.ratings, settings=PrepareSettings(split="none"))

    assert Levels.as_metadata(again.levels) == Levels.as_metadata(whole.levels)


def test_a_split_that_leaves_nothing_to_train_on_is_refused() -> None:
    table = pa.table({"user": [1, 2], "item": [1, 1], "rating": [1, 2], "timestamp": [1, 1]})

    with pytest.raises(DataError, match="none of 2 ratings for training"):
        prepare(table, settings=PrepareSettings(split="time", test_fraction=0.9, valid_fraction=0))


def test_the_sample_is_prepared(sample_ratings: Path, tmp_path: Path) -> None:
    shutil.copy(sample_ratings, tmp_path)

    result = prepare(tmp_path / sample_ratings.name)

    assert result.counts["read"] == result.counts["written"] == 64_445
    assert result.counts["test"] == pytest.approx(6_444, abs=300)

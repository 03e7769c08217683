"""Rating sets from a planted RBM: that they are what they say, at sizes that take no time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.generated import Size
from benchmarks.planted import ItemDrawer, alias_table, blocks_of, write_planted
from benchmarks.planted_model import NETFLIX, Planted, level_shares
from benchmarks.planted_pairs import planted_pairs
from rbmcli.kernels.jit import set_threads
from tests.benchmarks.conftest import run_script

SIZE = Size(users=2_000, items=300, ratings=60_000)


@pytest.fixture(scope="module")
def planted() -> Planted:
    """A model of `SIZE`."""
    return Planted(SIZE)


@pytest.fixture(scope="module")
def folder(planted: Planted, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its ratings, written in blocks of 300 users to four files."""
    folder = tmp_path_factory.mktemp("planted") / "set"
    write_planted(folder, planted, files=4, block=300)
    return folder


@pytest.fixture(scope="module")
def drawn(planted: Planted, folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The numbers of users and items, and the ratings."""
    table = pq.read_table(folder)
    number = {user: n for n, user in enumerate(planted.user_ids.tolist())}
    users = np.array([number[user] for user in table["user"].to_pylist()])
    return users, table["item"].to_numpy() - 1, table["rating"].to_numpy()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


class TestFolder:
    def test_it_holds_so_many_ratings_of_distinct_pairs_of_all_users(
        self, drawn: tuple[np.ndarray, np.ndarray, np.ndarray]
    ) -> None:
        users, items, ratings = drawn

        assert len(ratings) == len(np.unique(users * SIZE.items + items)) == SIZE.ratings
        assert len(np.unique(users)) == SIZE.users
        assert items.min() >= 0
        assert items.max() < SIZE.items
        assert set(ratings.tolist()) == {1, 2, 3, 4, 5}

    def test_the_ratings_of_users_are_spread_over_all_files_in_no_order(self, folder: Path) -> None:
        files = [pq.ParquetFile(path) for path in sorted(folder.iterdir())]
        tables = [file.read() for file in files]
        active = pa.concat_tables(tables)["user"].value_counts().to_pylist()
        active = {each["values"] for each in active if each["counts"] >= 60}

        assert len(files) == 4
        assert active
        for file, table in zip(files, tables, strict=True):
            assert file.metadata.num_row_groups == 7
            assert abs(len(table) - SIZE.ratings / 4) < 500
            assert active <= set(table["user"].to_pylist())
            for column in ("user", "item"):
                rises = np.diff(table[column].to_numpy()) > 0
                assert 0.4 < rises.mean() < 0.6

    def test_the_same_seed_gives_the_same_bytes_at_any_number_of_threads_and_another_seed_others(
        self, folder: Path, tmp_path: Path
    ) -> None:
        threads = set_threads(1)
        try:
            write_planted(tmp_path / "same", Planted(SIZE), files=4, block=300)
        finally:
            set_threads(None)
        write_planted(tmp_path / "other", Planted(SIZE, seed=1), files=4, block=300)

        assert threads == 1
        assert contents(tmp_path / "same") == contents(folder)
        assert contents(tmp_path / "other") != contents(folder)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "same"]

    def test_blocks_change_the_order_of_ratings_alone(self, planted: Planted) -> None:
        order = [("user", "ascending"), ("item", "ascending")]
        whole, parts = (
            pa.concat_tables(table for table, _ in blocks_of(planted, block)).sort_by(order)
            for block in (SIZE.users, 77)
        )

        assert parts.equals(whole)

    def test_a_folder_that_is_there_is_left_as_it_is(self, planted: Planted, tmp_path: Path) -> None:
        with pytest.raises(FileExistsError, match="there already"):
            write_planted(tmp_path, planted)

        assert not list(tmp_path.iterdir())

    def test_it_is_reached_where_every_pair_is_rated(self, tmp_path: Path) -> None:
        write_planted(tmp_path / "all", Planted(Size(5, 4, 20)), files=1)

        table = pq.read_table(tmp_path / "all")
        assert len(set(zip(table["user"].to_pylist(), table["item"].to_pylist(), strict=True))) == 20

    def test_the_script_writes_it_and_refuses_more_ratings_than_pairs(self, tmp_path: Path) -> None:
        options = ["--users", 9, "--items", 7, "--levels", 3, "--hidden", 2, "--files", 2]

        done = run_script("planted", tmp_path / "set", *options, "--ratings", 30)
        refused = run_script("planted", tmp_path / "no", *options, "--ratings", 64)

        assert done.returncode == 0, done.stderr
        table = pq.read_table(tmp_path / "set")
        assert table.schema.types == [pa.int64(), pa.int64(), pa.float32()]
        assert len(table) == 30
        assert set(table["rating"].to_pylist()) <= {1, 2, 3}
        assert refused.returncode == 2
        assert "no more ratings than pairs" in refused.stderr
        assert not (tmp_path / "no").exists()


class TestTails:
    def test_activity_has_the_quartiles_and_the_most_of_netflix(self) -> None:
        # A tenth of the users: the law is the same, and quicker.
        size = Size(NETFLIX.users // 10, NETFLIX.items, NETFLIX.ratings // 10)

        counts = Planted(size).counts

        assert counts.sum() == size.ratings
        assert np.percentile(counts, [25, 50, 75]) == pytest.approx([39, 96, 259], rel=0.15)
        assert 10_000 < counts.max() < size.items
        assert counts.min() >= 1

    def test_popularity_has_a_few_items_with_most_and_many_with_few_ratings(self) -> None:
        # A fortieth of the users, and so of the ratings of an item.
        size = Size(NETFLIX.users // 40, NETFLIX.items, NETFLIX.ratings // 40)
        planted = Planted(size)

        _, item = ItemDrawer(planted.popularity, planted.key(1))(np.arange(size.users), planted.counts)

        ratings = 40 * np.bincount(item, minlength=size.items)
        assert np.percentile(ratings, [50, 75]) == pytest.approx([561, 2_667], rel=0.2)
        assert ratings.max() == pytest.approx(232_944, rel=0.1)

    def test_ids_are_distinct_and_scattered(self) -> None:
        ids = Planted(NETFLIX).user_ids

        assert len(np.unique(ids)) == NETFLIX.users
        assert ids.min() > 0
        assert 0.3 < (np.diff(ids) > 0).mean() < 0.7
        assert np.diff(np.sort(ids)).max() < 1e6


class TestDraws:
    @pytest.mark.parametrize("count", [2, 6])
    def test_items_come_in_proportion_to_their_popularity_and_never_twice(self, count: int) -> None:
        # Up to an eighth of the items are drawn by aliases, more by keys.
        weight = np.array([8.0, 4.0, 2.0, *([1.0] * 13)])
        rows, simulated = 20_000, np.zeros(16)
        generator = np.random.default_rng(5)
        for _ in range(rows):
            simulated[generator.choice(16, count, replace=False, p=weight / weight.sum())] += 1

        start, item = ItemDrawer(weight, np.uint64(3))(np.arange(rows), np.full(rows, count))

        assert np.diff(np.sort(item.reshape(rows, count), axis=1), axis=1).min() > 0
        assert start[-1] == rows * count
        difference = (np.bincount(item, minlength=16) - simulated) / rows
        assert np.abs(difference).max() < 4.5 * np.sqrt(2 * 0.25 / rows)

    def test_an_alias_table_gives_back_its_weights(self) -> None:
        weight = np.random.default_rng(0).lognormal(0, 2, 50)

        threshold, alias = alias_table(weight)

        share = threshold + np.bincount(alias, 1 - threshold, minlength=50)
        np.testing.assert_allclose(share / 50, weight / weight.sum(), rtol=1e-9)


class TestRatings:
    def test_levels_are_as_frequent_as_the_planted_probabilities_say(
        self, planted: Planted, drawn: tuple[np.ndarray, np.ndarray, np.ndarray]
    ) -> None:
        users, items, ratings = drawn
        probability = planted.probabilities(users, items)
        came = ratings[:, None] == np.arange(1, 6)

        for part in (slice(None), probability[:, 4] > 0.5, probability[:, 0] > 0.3, items < 30):
            expected, found = probability[part], came[part]
            error = np.sqrt((expected * (1 - expected)).sum(axis=0))
            assert np.all(np.abs((found - expected).sum(axis=0)) < 4 * error)

    def test_all_levels_together_are_as_in_netflix(
        self, drawn: tuple[np.ndarray, np.ndarray, np.ndarray]
    ) -> None:
        shares = np.bincount(drawn[2].astype(int), minlength=6)[1:] / SIZE.ratings

        np.testing.assert_allclose(shares, [0.05, 0.10, 0.29, 0.33, 0.23], atol=0.02)

    def test_who_knows_the_hidden_units_predicts_far_better_than_item_means(
        self, planted: Planted, drawn: tuple[np.ndarray, np.ndarray, np.ndarray]
    ) -> None:
        users, items, ratings = drawn
        mean = np.bincount(items, ratings) / np.maximum(np.bincount(items), 1)

        of_items = np.sqrt(np.mean((ratings - mean[items]) ** 2))
        best = planted.probabilities(users, items) @ np.arange(1, 6)

        assert 0.75 < np.sqrt(np.mean((ratings - best) ** 2)) < of_items - 0.15

    def test_hidden_units_are_on_for_half_of_the_users_and_not_together(self, planted: Planted) -> None:
        hidden = planted.hidden_units(np.arange(SIZE.users)).astype(float)

        correlation = np.corrcoef(hidden.T) - np.eye(planted.hidden)

        assert np.abs(hidden.mean(axis=0) - 0.5).max() < 4 * 0.5 / np.sqrt(SIZE.users)
        assert np.abs(correlation).max() < 5 / np.sqrt(SIZE.users)

    @pytest.mark.parametrize("levels", [2, 5, 10])
    def test_shares_are_those_of_a_scale_of_any_length(self, levels: int) -> None:
        shares = level_shares(levels)

        assert shares.shape == (levels,)
        assert shares.min() > 0
        assert shares.sum() == pytest.approx(1)


class TestPairs:
    def test_they_are_distinct_of_users_of_the_set_and_sorted_by_user(self, planted: Planted) -> None:
        table = planted_pairs(planted, 5_001)

        user, item = table["user"].to_numpy(), table["item"].to_numpy()
        assert len(np.unique(user * 1_000 + item)) == 5_001
        assert set(user.tolist()) == set(planted.user_ids.tolist())
        assert np.diff(user).min() == 0
        assert np.unique(user, return_counts=True)[1].max() == 3
        assert set(item.tolist()) == set(range(1, SIZE.items + 1))

    def test_shuffled_they_are_the_same_in_no_order(self, planted: Planted) -> None:
        table = planted_pairs(planted, 5_001, shuffled=True)

        order = [("user", "ascending"), ("item", "ascending")]
        assert table.sort_by(order).equals(planted_pairs(planted, 5_001).sort_by(order))
        assert 0.4 < (np.diff(table["user"].to_numpy()) > 0).mean() < 0.6

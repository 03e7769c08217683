"""The measurement of accuracy, on sets of no size: what is asked of whom, and what is told of it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.accuracy import Bench, ending
from benchmarks.commands import Outcome
from benchmarks.rating_sets import SOURCES, Split, split_new_users, split_test
from benchmarks.runs import ALL, GROUPS, MOVIELENS, NEW_USERS, NOTHING, TEST, Run
from tests.benchmarks.conftest import SIZE, run_script


@pytest.fixture
def sets(tmp_path: Path, ratings: pa.Table) -> Path:
    """A folder of sets: one that is split already, and one that `prepare` has to split."""
    folder = tmp_path / "sets"
    (folder / "ml-100k-r90").mkdir(parents=True)
    is_test = np.random.default_rng(1).random(len(ratings)) < 0.1
    for name, chosen in (("train", ~is_test), ("test", is_test)):
        pq.write_table(ratings.filter(pa.array(chosen)), folder / "ml-100k-r90" / f"{name}.parquet")
    pq.write_table(ratings, folder / "jester5k.parquet")
    return folder


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def pairs_of(path: Path) -> set[tuple[int, int]]:
    table = pq.ParquetFile(path).read(columns=["user", "item"])
    return set(zip(table["user"].to_pylist(), table["item"].to_pylist(), strict=True))


def users_of(path: Path) -> set[int]:
    return {user for user, _ in pairs_of(path)}


class TestQuestions:
    def test_predict_gets_the_test_pairs_without_their_ratings(self, sets: Path, work: Path) -> None:
        split = split_test("ml-100k-r90", sets, work)

        assert pq.ParquetFile(split.pairs).schema_arrow.names == ["user", "item"]
        assert pairs_of(split.pairs) == pairs_of(sets / "ml-100k-r90" / "test.parquet")
        assert split.train == split.history == split.known == sets / "ml-100k-r90" / "train.parquet"

    def test_a_set_of_one_file_is_split_by_prepare(self, sets: Path, work: Path, ratings: pa.Table) -> None:
        split = split_test("jester5k", sets, work)

        assert 0 < len(pairs_of(split.truth)) < len(ratings) / 5
        assert pairs_of(split.train).isdisjoint(pairs_of(split.truth))
        assert len(pairs_of(split.train) | pairs_of(split.truth)) == len(ratings)

    @pytest.fixture
    def new_users(self, sets: Path, work: Path) -> Split:
        return split_new_users(sets / "ml-100k-r90" / "train.parquet", work)

    def test_a_tenth_of_the_users_is_new_and_training_has_none_of_their_ratings(
        self, new_users: Split
    ) -> None:
        new = users_of(new_users.history)

        assert len(new) == SIZE.users // 10
        assert new.isdisjoint(users_of(new_users.train))
        assert users_of(new_users.truth) <= new

    def test_of_each_new_user_half_of_the_ratings_are_asked_and_the_others_known(
        self, new_users: Split, sets: Path
    ) -> None:
        history, asked = pairs_of(new_users.history), pairs_of(new_users.truth)

        assert history.isdisjoint(asked)
        for new in users_of(new_users.history):
            known, unknown = (sum(user == new for user, _ in pairs) for pairs in (history, asked))
            assert known - unknown in {0, 1}
        assert pairs_of(new_users.known) == pairs_of(new_users.train) | history
        everything = pairs_of(sets / "ml-100k-r90" / "train.parquet")
        assert pairs_of(new_users.known) | asked == everything

    def test_who_is_new_does_not_depend_on_the_order_of_the_file(
        self, new_users: Split, sets: Path, tmp_path: Path
    ) -> None:
        train = pq.ParquetFile(sets / "ml-100k-r90" / "train.parquet").read()
        turned = tmp_path / "turned"
        turned.mkdir()
        pq.write_table(train.take(pa.array(range(len(train) - 1, -1, -1))), turned / "all.parquet")

        other = split_new_users(turned / "all.parquet", turned)

        assert users_of(other.history) == users_of(new_users.history)


class TestRuns:
    def test_every_run_is_of_a_set_that_there_is(self) -> None:
        assert set(ALL) == set(SOURCES)
        assert {run.set for runs in GROUPS.values() for run in runs} == set(ALL)

    def test_divergence_is_looked_for_everywhere_at_three_seeds_and_at_ten_times_the_rate(self) -> None:
        runs = GROUPS["divergence"]

        assert {run.asks for run in runs} == {NOTHING}
        for name in ALL:
            at_its_rate = {run.seed for run in runs if run.set == name and run.rate_factor == 1}
            assert at_its_rate == {0, 1, 2}
            assert any(run.rate_factor == 10 for run in runs if run.set == name)

    def test_inference_is_compared_on_one_model(self) -> None:
        runs = GROUPS["inference"]

        by_model = {(run.set, run.options, run.seed): set() for run in runs}
        for run in runs:
            by_model[run.set, run.options, run.seed].add(run.inference)

        assert all(ways == {"mean-field", "exact"} for ways in by_model.values())

    def test_the_table_has_the_four_ways_of_training_on_each_set(self) -> None:
        assert len(GROUPS["table"]) == 4 * len(MOVIELENS)
        assert {run.asks for run in GROUPS["table"]} == {TEST}
        assert {run.asks for run in GROUPS["new-users"]} == {NEW_USERS}


class TestBench:
    def test_a_run_gives_the_figures_that_evaluate_finds_beside_the_bias(
        self, sets: Path, work: Path
    ) -> None:
        bench = Bench(sets, work, epochs=1)

        exact, mean_field = (
            bench.do(Run("ml-100k-r90", "--by user", inference=way)) for way in ("exact", "mean-field")
        )

        assert exact["outcome"] == mean_field["outcome"] == "done"
        assert exact["n"] == len(pairs_of(sets / "ml-100k-r90" / "test.parquet"))
        assert 0 < exact["rmse"] < 4
        assert exact["nll"] > 0
        assert exact["bias_rmse"] == mean_field["bias_rmse"]
        assert exact["train_cpu_seconds"] == mean_field["train_cpu_seconds"] > 0, "one training for both"

    def test_a_set_that_prepare_splits_is_trained_on_and_asked(self, sets: Path, work: Path) -> None:
        result = Bench(sets, work, epochs=1).do(Run("jester5k", "--by user"))

        assert result["outcome"] == "done"
        assert 0 < result["n"] < SIZE.ratings / 5

    def test_learning_rates_are_raised_from_those_that_training_chose(self, sets: Path, work: Path) -> None:
        bench = Bench(sets, work, epochs=1)
        run = Run("ml-100k-r90", "--objective divergence", asks=NOTHING, rate_factor=10)

        result = bench.do(run)

        assert result["outcome"] == "finite model"
        assert bench.options_of(run) == "--objective divergence --learning-rate 0.5 --network-rate 0.03"

    def test_a_run_that_fails_is_told_with_the_message_and_without_folders(
        self, sets: Path, work: Path
    ) -> None:
        (sets / "ml-100k-r90" / "train.parquet").unlink()

        result = Bench(sets, work, epochs=1).do(Run("ml-100k-r90"))

        assert result["outcome"].startswith("failed: exit code 3: ml-100k-r90/train.parquet")

    @pytest.mark.parametrize(
        ("code", "message", "file", "expected"),
        [
            (1, "training left the finite numbers in epoch 3", None, "clear error, no model"),
            (1, "training left the finite numbers in epoch 3", 1.0, "failed: an error, and a model"),
            (1, "unexpected: KeyError", None, "failed: exit code 1"),
            (0, "", None, "failed: no model, and no error"),
            (0, "", 1.0, "finite model"),
            (0, "", math.inf, "failed: the model has numbers that are not finite"),
        ],
    )
    def test_training_ends_well_in_finite_numbers_or_in_a_clear_error_alone(
        self, tmp_path: Path, code: int, message: str, file: float | None, expected: str
    ) -> None:
        model = tmp_path / "model.parquet"
        if file is not None:
            pq.write_table(pa.table({"weights": [[0.5, file]], "bias": [None]}), model)

        assert ending(Outcome(code, {}, {}, message, 0.1), model) == expected


class TestAccuracyScript:
    def test_it_tells_every_run_in_a_table_and_in_a_file(self, sets: Path, tmp_path: Path) -> None:
        path = tmp_path / "accuracy.json"

        done = run_script("accuracy", "--data", sets, "--only", "new-users", "--epochs", 1, "--json", path)

        assert done.returncode == 0, done.stderr
        text = path.read_text(encoding="utf-8")
        results = json.loads(text)["groups"]["new-users"]
        assert [each["options"] for each in results] == ["--by item", "--by user"]
        assert all(math.isfinite(each[name]) for each in results for name in ("rmse", "nll", "bias_rmse"))
        assert all(f"{each['rmse']:.4f}" in done.stdout for each in results)
        assert str(tmp_path) not in text + done.stdout

    def test_a_run_that_fails_makes_the_exit_code_1_and_leaves_the_others(
        self, sets: Path, tmp_path: Path
    ) -> None:
        (sets / "jester5k.parquet").write_text("no ratings")
        path = tmp_path / "accuracy.json"

        done = run_script(
            "accuracy", "--data", sets, "--only", "presets", "--sets", "jester5k", "--json", path
        )

        assert done.returncode == 1
        outcomes = [each["outcome"] for each in json.loads(path.read_text())["groups"]["presets"]]
        assert len(outcomes) == 2
        assert all(outcome.startswith("failed: exit code 3: jester5k.parquet") for outcome in outcomes)

    @pytest.mark.parametrize("arguments", [["--only", "all"], ["--sets", "netflix"], []])
    def test_unknown_names_and_a_folder_without_sets_are_usage_errors(
        self, tmp_path: Path, arguments: list[str]
    ) -> None:
        done = run_script("accuracy", "--data", tmp_path, *arguments)

        assert done.returncode == 2
        assert "error: " in done.stderr

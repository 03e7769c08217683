"""The measurement of speed, on ratings of no size: that it measures what it says. How fast is no matter."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from benchmarks.generated import Size, generated_ratings
from benchmarks.machine import description
from benchmarks.phases import PHASES, PhaseClock
from benchmarks.setting import Setting
from benchmarks.speed import best_of
from benchmarks.work import bytes_moved, multiply_adds
from tests.benchmarks.conftest import SIZE, run_script
from tests.conftest import ROOT


def leaves_of(value: Any) -> Iterator[Any]:
    """Go through all that lists and mappings hold."""
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from leaves_of(inner)
    else:
        yield value


class TestGeneratedRatings:
    def test_there_are_as_many_as_asked_for_of_distinct_pairs_on_five_levels(self, ratings: pa.Table) -> None:
        pairs = set(zip(ratings["user"].to_pylist(), ratings["item"].to_pylist(), strict=True))

        assert len(ratings) == len(pairs) == SIZE.ratings
        assert len({user for user, _ in pairs}) == SIZE.users
        assert {item for _, item in pairs} <= set(range(1, SIZE.items + 1))
        assert set(ratings["rating"].to_pylist()) == {1, 2, 3, 4, 5}

    def test_they_are_the_same_for_the_same_seed_and_others_for_another(self, ratings: pa.Table) -> None:
        assert generated_ratings(SIZE).equals(ratings)
        assert not generated_ratings(SIZE, seed=1).equals(ratings)

    def test_sizes_are_reached_where_every_pair_is_rated(self) -> None:
        assert len(generated_ratings(Size(5, 4, 20))) == 20

    @pytest.mark.parametrize("text", ["3,3,10", "0,3,0", "3,3", "a,b,c"])
    def test_a_size_that_cannot_be_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError):
            Size.parse(text)


class TestPhases:
    @pytest.mark.parametrize("reconstruction", ["sampled", "mean-field"])
    def test_an_epoch_in_phases_ends_with_the_parameters_of_the_kernel(
        self, ratings: pa.Table, reconstruction: str
    ) -> None:
        by_kernel, by_phases = (
            Setting(ratings, hidden=6, batch_size=20, reconstruction=reconstruction) for _ in range(2)
        )
        before = by_kernel.parameters.copy()
        clock = PhaseClock()

        by_kernel.epoch(0)
        by_phases.epoch_by(clock, 0, threads=1)

        assert not np.array_equal(by_kernel.parameters.weights, before.weights)
        for expected, found in zip(by_kernel.parameters, by_phases.parameters, strict=True):
            # The compiler may put together what one call does, and so round differently.
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
        assert set(clock.seconds) == set(PHASES)
        assert min(clock.seconds.values()) > 0

    def test_chains_of_more_steps_are_refused_rather_than_timed_in_part(self, ratings: pa.Table) -> None:
        setting = Setting(ratings, hidden=6, cd_steps="2")

        with pytest.raises(ValueError, match="CD-1"):
            setting.epoch_by(PhaseClock(), 0, threads=1)


class TestWork:
    def test_multiply_adds_are_two_passes_one_for_each_level_and_two_gradients(self) -> None:
        assert multiply_adds(levels=5, hidden=100) == 900

    def test_bytes_grow_with_the_columns_that_a_mini_batch_touches(self, ratings: pa.Table) -> None:
        all_at_once, in_parts = (Setting(ratings, hidden=6, batch_size=rows).batches for rows in (60, 10))
        touched = [sum(len(batch.columns) for batch in each) for each in (all_at_once, in_parts)]

        moved = [bytes_moved(each, levels=5, width=8) for each in (all_at_once, in_parts)]

        # A column's weights, K W numbers, are read to reconstruct; they and their velocity to and fro.
        of_columns = 5 * 4 * 5 * 8 * (touched[1] - touched[0]) / SIZE.ratings
        assert moved[1] - moved[0] == pytest.approx(of_columns)


@pytest.fixture(scope="module")
def speed(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """What the script that measures speed prints, and what it writes."""
    path = tmp_path_factory.mktemp("speed") / "made" / "speed.json"
    done = run_script(
        "speed", "--size", "60,40,700", "--hidden", 8, "--rounds", 1, "--threads", 1, "--json", path
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, path.read_text(encoding="utf-8")


def test_of_all_turns_but_the_first_the_fastest_counts_with_all_that_it_tells() -> None:
    turns = {"quick at first": [1.0, 5.0, 4.0, 6.0], "slow at first": [9.0, 2.0, 3.0, 2.5]}
    actions = {
        name: lambda turn, seconds=seconds: {"seconds": seconds[turn], "turn": float(turn)}
        for name, seconds in turns.items()
    }

    best = best_of(3, actions)

    assert best == {
        "quick at first": {"seconds": 4.0, "turn": 2.0},
        "slow at first": {"seconds": 2.0, "turn": 1.0},
    }


class TestSpeedScript:
    def test_every_figure_is_a_finite_positive_number(self, speed: tuple[str, str]) -> None:
        told = json.loads(speed[1])
        # Seven hundred ratings may need no more memory than a handful.
        beyond = told["memory"].pop("beyond_a_handful_over_both")

        numbers = [leaf for leaf in leaves_of(told) if isinstance(leaf, int | float)]

        assert math.isfinite(beyond)
        assert len(numbers) > 30
        assert all(math.isfinite(number) and number > 0 for number in numbers)

    def test_it_measures_epochs_phases_growth_memory_and_the_machine(self, speed: tuple[str, str]) -> None:
        told = json.loads(speed[1])

        assert told["benchmark"] == "speed"
        assert told["ratings"] == {"ratings": 700, "levels": 5, "name": "generated"}
        assert [each["objective"] for each in told["epochs"]] == [
            "CD-1",
            "CD-1, mean field",
            "discriminative",
        ]
        assert [each["phase"] for each in told["phases"]] == list(PHASES)
        assert [each["of"] for each in told["growth"]] == ["ratings", "hidden units"]
        assert told["machine"] == description()

    def test_a_speed_is_the_inverse_of_a_time_and_a_share_that_of_what_the_machine_does(
        self, speed: tuple[str, str]
    ) -> None:
        told = json.loads(speed[1])

        first = told["epochs"][0]

        assert first["ratings_a_second"] == pytest.approx(700 / first["seconds"])
        assert first["ns_a_rating"] == pytest.approx(1e9 / first["ratings_a_second"])
        assert told["work_a_rating"]["multiply_adds"] == (5 + 4) * 8
        assert first["share_of_sgemm"] == pytest.approx(
            first["ratings_a_second"] * 72 / told["machine_a_second"]["multiply_adds"]
        )

    def test_neither_table_nor_file_holds_a_path(self, speed: tuple[str, str]) -> None:
        for text in speed:
            assert str(ROOT) not in text
            assert str(Path.home()) not in text

    def test_the_table_tells_every_objective_and_phase(self, speed: tuple[str, str]) -> None:
        lines = speed[0].splitlines()

        for name in ("CD-1, mean field", "discriminative", *PHASES, "sgemm, one thread"):
            assert any(line.startswith(name) for line in lines)


def test_make_measures_accuracy_only_where_a_folder_of_sets_is_given() -> None:
    commands = [
        subprocess.run(
            ["make", "--dry-run", "bench", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
        for arguments in ([], ["DATA=sets"])
    ]

    assert "benchmarks.speed" in commands[0]
    assert "benchmarks.accuracy" not in commands[0]
    assert "benchmarks.speed --data sets" in commands[1]
    assert "benchmarks.accuracy --data sets" in commands[1]

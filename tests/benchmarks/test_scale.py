"""The measurement of scale, on ratings of no size: that it measures what it says. How much is no matter."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from benchmarks import scale
from benchmarks.commands import CommandFailedError, knows_option, run_module
from benchmarks.generated import Size
from benchmarks.memory import OwnMemory
from benchmarks.scale import STEPS, Bench, measure_all
from benchmarks.scale_tables import in_markdown, tell
from tests.benchmarks.conftest import run_script
from tests.conftest import ROOT

TINY = {"tiny": Size(60, 40, 700), "small": Size(90, 40, 1_400)}
MACHINE = {"cpu": "some", "cores": 2, "system": "any", "python": "3"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the sets are, with all steps measured on one, and the first on the other."""
    folder = tmp_path_factory.mktemp("scale")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scale, "EPOCHS_APART", (2, 3))
        measure_all(folder, {"tiny": TINY["tiny"]}, list(STEPS), threads=1)
        measure_all(folder, {"small": TINY["small"]}, ["prepare"], threads=1)
    return folder


@pytest.fixture
def rows(folder: Path) -> list[dict[str, Any]]:
    """What was measured."""
    return measure_all(folder, TINY, [], threads=1)


class TestMeasuring:
    def test_steps_are_done_in_order_and_kept_by_size(self, rows: list[dict[str, Any]]) -> None:
        done = [(row["size"], row["ratings"], row["step"]) for row in rows]

        assert done == [*(("tiny", 700, step) for step in STEPS), ("small", 1_400, "prepare")]
        assert [row["outcome"] for row in rows] == ["done"] * len(rows)

    def test_what_commands_cost_is_told(self, rows: list[dict[str, Any]]) -> None:
        for row in rows:
            assert row["peak_bytes"] > 5e7
            if sys.platform == "linux":
                assert 1e7 < row["own_peak_bytes"] < 1.01 * row["peak_bytes"]
            if row["step"] != "epoch":
                assert row["wall_seconds"] > 0.1
                assert row["cpu_seconds"] > 0.1

    def test_processor_time_of_an_epoch_is_the_difference_of_two_trainings_by_the_epochs_between_them(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bench = Bench(tmp_path, "tiny", Size(60, 40, 10_000_000), threads=1)
        spent = {1: 10.0, 5: 22.0}
        monkeypatch.setattr(
            bench,
            "_train",
            lambda epochs: {
                "cpu_seconds": spent[epochs],
                "epoch_seconds": [9.0, 1.0, 2.0, 4.0, 9.0][:epochs],
            },
        )

        epoch = bench.epoch()

        assert epoch["epochs_apart"] == 4
        assert epoch["cpu_seconds"] == pytest.approx(3.0)
        assert epoch["wall_seconds"] == pytest.approx(3.0)
        assert epoch["fastest_wall_seconds"] == 1.0

    def test_of_each_epoch_the_command_tells_how_long_it_took(self, rows: list[dict[str, Any]]) -> None:
        (epoch,) = (row for row in rows if row["step"] == "epoch")

        assert len(epoch["training_of_one_epoch"]["epoch_seconds"]) == 1
        assert 0 < epoch["fastest_wall_seconds"] <= epoch["wall_seconds"]
        assert epoch["wall_seconds"] < epoch["training_of_one_epoch"]["wall_seconds"]

    def test_training_has_all_ratings_and_its_model_is_the_one_that_is_asked(self, folder: Path) -> None:
        work = folder / "work" / "tiny"

        metadata = json.loads(pq.read_metadata(work / "model.parquet").metadata[b"rbmcli"])

        assert len(pq.read_table(work / "prepared" / "train.parquet")) == 700
        assert metadata["settings"]["epochs"] == 4
        assert metadata["settings"]["hidden"] == 100
        assert not list(work.glob("predictions*"))
        assert not list(work.glob("recommendations*"))

    def test_steps_that_are_not_asked_for_keep_their_figures(
        self, folder: Path, rows: list[dict[str, Any]]
    ) -> None:
        again = measure_all(folder, {"tiny": TINY["tiny"]}, ["predict"], threads=1)

        before = {row["step"]: row for row in rows if row["size"] == "tiny"}
        after = {row["step"]: row for row in again}
        assert after.keys() == before.keys()
        assert [step for step in before if after[step] != before[step]] == ["predict"]

    @pytest.mark.parametrize("step", ["prepare", "epoch"])
    def test_a_command_that_fails_is_told_with_its_error_and_without_folders(
        self, tmp_path: Path, step: str
    ) -> None:
        bench = Bench(tmp_path, "none", Size(60, 40, 700), threads=1)

        row = bench.measure(step)

        assert re.match(r"failed: exit code \d: \w+", row["outcome"])
        assert str(tmp_path) not in row["outcome"]

    def test_options_that_a_command_does_not_have_are_known(self) -> None:
        assert knows_option("prepare", "--threads")
        assert not knows_option("prepare", "--thread")

    def test_a_module_that_fails_says_why(self, tmp_path: Path) -> None:
        with pytest.raises(CommandFailedError, match="no more ratings than pairs"):
            run_module("benchmarks.planted", tmp_path / "set", "--users", 2, "--items", 2, "--ratings", 5)

    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
    def test_memory_that_is_had_and_given_back_is_seen(self) -> None:
        script = "import sys; block = bytearray(200_000_000); print(flush=True); sys.stdin.readline()"
        with subprocess.Popen(
            [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            watching = OwnMemory(process.pid)
            while not watching.peak_bytes:
                time.sleep(0.01)
            process.communicate(b"\n")

        assert 2e8 < watching.peak_bytes < 3e8


ROWS = [
    {
        "size": size,
        "ratings": ratings,
        "step": step,
        "threads": 2,
        "outcome": "done",
        "wall_seconds": seconds / 2,
        "cpu_seconds": seconds,
        "peak_bytes": 3_000_000_000,
        "own_peak_bytes": None,
    }
    for size, ratings, step, seconds in (
        ("1m", 1_000_000, "prepare", 1.0),
        ("1m", 1_000_000, "epoch", 0.25),
        ("100m", 100_000_000, "prepare", 50.0),
        ("100m", 100_000_000, "epoch", 30.0),
    )
]
FAILED = {
    "size": "100m",
    "ratings": 1,
    "step": "predict",
    "threads": 2,
    "outcome": "failed: exit code 3: why",
}


class TestTables:
    def test_what_a_rating_costs_stands_beside_what_it_costs_in_the_smallest_set(self) -> None:
        lines = in_markdown({"machine": MACHINE, "rows": [*ROWS, FAILED]}).splitlines()

        assert "| prepare | 1000 (1.00 x) | 500 (0.50 x) |" in lines
        assert "| epoch | 250 (1.00 x) | 300 (1.20 x) |" in lines
        assert "| predict | 100m | failed: exit code 3: why |" in lines

    def test_at_a_hundred_million_what_is_wanted_stands_beside_what_was_measured(self) -> None:
        lines = in_markdown({"machine": MACHINE, "rows": ROWS}).splitlines()

        assert "| epoch | 1,000,000 | 0.12 | 0.25 | 3,000 |  |" in lines
        assert "| epoch | 100,000,000 | 15.00 (of 20) | 30.00 | 3,000 (of 4,000) |  |" in lines

    def test_the_terminal_gets_the_same(self, capsys: pytest.CaptureFixture[str]) -> None:
        tell({"machine": MACHINE, "rows": [*ROWS, FAILED]})

        told = capsys.readouterr().out
        assert "300 (1.20 x)" in told
        assert "15.00 (of 20)" in told
        assert "predict at 100m: failed: exit code 3: why" in told

    def test_a_page_gets_the_tables_between_its_marks(self, tmp_path: Path) -> None:
        result, page = tmp_path / "scale.json", tmp_path / "page.md"
        result.write_text(json.dumps({"machine": MACHINE, "rows": ROWS}))
        page.write_text("before\n<!-- scale -->\nold\n<!-- /scale -->\nafter\n")

        done = run_script("scale_tables", result, page)

        assert done.returncode == 0, done.stderr
        told = in_markdown({"machine": MACHINE, "rows": ROWS})
        assert page.read_text() == f"before\n<!-- scale -->\n{told}<!-- /scale -->\nafter\n"


def test_sizes_and_steps_that_there_are_none_of_are_refused(tmp_path: Path) -> None:
    for option, name in (("--sizes", "2m"), ("--only", "walk")):
        refused = run_script("scale", tmp_path, option, name)

        assert refused.returncode == 2
        assert f"no {name}" in refused.stderr
    assert not list(tmp_path.iterdir())


def test_make_measures_scale_in_the_folder_that_is_given() -> None:
    command = ["make", "--dry-run", "bench-scale", "DATA=sets", "SIZES=1m", "STEPS=epoch"]

    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert "benchmarks.scale sets --sizes 1m --only epoch" in told

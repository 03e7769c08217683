"""The comparison with other libraries, without any of them: what peers get, and what is told of them."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.peers.bench import Bench
from benchmarks.peers.predictions import PredictionsError, Scale, take_over
from benchmarks.peers.tables import in_markdown
from benchmarks.peers.tools import COMMANDS, PEERS, RIVALS, Command, Peer
from rbmcli.data.storage import read_footer
from tests.benchmarks.conftest import run_script
from tests.conftest import ROOT

SET = "ml-100k-r90"
ADAPTER = "tests.benchmarks.fake_adapter"
MACHINE = {"cpu": "a processor", "cores": 2, "system": "Linux", "python": "3.11"}


def fake(**settings: object) -> Peer:
    return Peer("fake", ADAPTER, settings)


@pytest.fixture
def sets(tmp_path: Path, ratings: pa.Table) -> Path:
    """A folder of sets, with one that is split already."""
    folder = tmp_path / "sets" / SET
    folder.mkdir(parents=True)
    is_test = np.random.default_rng(1).random(len(ratings)) < 0.2
    for name, chosen in (("train", ~is_test), ("test", is_test)):
        pq.write_table(ratings.filter(pa.array(chosen)), folder / f"{name}.parquet")
    return tmp_path / "sets"


@pytest.fixture
def bench(sets: Path, tmp_path: Path) -> Bench:
    return Bench(sets, tmp_path / "work", Path(sys.executable))


def rmse_by_hand(bench: Bench) -> float:
    told = pq.ParquetFile(bench.folder / SET / "fake.parquet").read()
    truth = pq.ParquetFile(bench.data / SET / "test.parquet").read()
    error = np.asarray(told["prediction"], float) - np.asarray(truth["rating"], float)
    return float(np.sqrt(np.mean(error**2)))


class TestPeers:
    def test_figures_are_those_of_what_the_adapter_predicts(self, bench: Bench) -> None:
        row = bench.do(SET, fake(probabilities=True))

        assert row["outcome"] == "done"
        assert row["rmse"] == pytest.approx(rmse_by_hand(bench), abs=1e-6)
        low, high = row["rmse_interval"]
        assert low < row["rmse"] < high
        assert 0 < row["nll"] < np.log(6), "shares of the levels are better than guessing"
        assert row["version"] == np.__version__
        assert row["train_cpu_seconds"] > 0
        assert row["peak_bytes"] > 10e6

    def test_no_job_tells_a_rating_that_is_asked_for(self, bench: Bench) -> None:
        bench.do(SET, fake())

        job = json.loads((bench.folder / SET / "fake.job.json").read_text(encoding="utf-8"))
        named = [value for value in job.values() if isinstance(value, str) and value.endswith(".parquet")]
        assert not any(Path(each).name == "test.parquet" for each in named)
        assert pq.ParquetFile(job["pairs"]).schema_arrow.names == ["user", "item"]

    def test_predictions_beyond_the_scale_are_put_on_its_ends(self, bench: Bench) -> None:
        bench.do(SET, fake(add=100))

        told = pq.ParquetFile(bench.folder / SET / "fake.parquet").read()
        train = pq.ParquetFile(bench.data / SET / "train.parquet").read()
        assert set(told["prediction"].to_pylist()) == {max(train["rating"].to_pylist())}

    def test_a_search_takes_the_best_on_ratings_held_out_of_training(self, bench: Bench) -> None:
        row = bench.do(SET, Peer("fake", ADAPTER, {}, search={"add": [2.0, 0.0, -2.0], "unused": [1]}))

        assert row["settings"] == {"add": 0.0, "unused": 1}
        assert row["search_cpu_seconds"] >= 0
        assert bench.do(SET, fake())["search_cpu_seconds"] is None

    @pytest.mark.parametrize(
        ("peer", "expected"),
        [
            (fake(fail=True), "failed: exit code 1: ValueError: this model cannot be trained"),
            (Peer("fake", "benchmarks.peers.adapters.absent", {}), "failed: exit code 1: "),
            (fake(nan=True), r"failed: 1 of \d+ predictions are not finite"),
        ],
    )
    def test_a_peer_that_fails_is_a_row_that_says_so(self, bench: Bench, peer: Peer, expected: str) -> None:
        row = bench.do(SET, peer)

        assert re.match(expected, row["outcome"])
        assert "rmse" not in row
        assert str(bench.folder) not in json.dumps(row)

    def test_a_library_that_is_not_there_is_said_to_be_not_installed(self, bench: Bench) -> None:
        absent = bench.folder.parent / "absent.py"
        absent.write_text("import no_such_library\n", encoding="utf-8")
        bench.python = bench.folder.parent / "python"
        bench.python.write_text(f"#!/bin/sh\nexec {sys.executable} {absent}\n", encoding="utf-8")
        bench.python.chmod(0o755)

        assert bench.do(SET, fake())["outcome"] == "not installed: No module named 'no_such_library'"

    def test_a_peer_is_ended_when_its_time_is_over(self, bench: Bench) -> None:
        bench.limit = 0.01

        assert bench.do(SET, fake())["outcome"] == "failed: not done after 0.01 seconds"

    def test_an_answer_is_taken_from_the_folder_until_something_it_depends_on_changes(
        self, bench: Bench
    ) -> None:
        first = bench.do(SET, fake())
        answer = bench.folder / SET / "fake.parquet"
        written = answer.stat().st_mtime_ns

        again = bench.do(SET, fake())
        assert again == first
        assert answer.stat().st_mtime_ns == written

        assert bench.do(SET, fake(add=1))["rmse"] != first["rmse"]
        bench.requirements = "numpy==0"
        bench.do(SET, fake())
        assert answer.stat().st_mtime_ns != written


class TestTakeOver:
    @pytest.fixture
    def files(self, tmp_path: Path) -> dict[str, Path]:
        files = {name: tmp_path / f"{name}.parquet" for name in ("train", "pairs", "answer", "told")}
        pq.write_table(pa.table({"user": [1, 2], "item": [7, 8], "rating": [1.0, 3.0]}), files["train"])
        pq.write_table(pa.table({"user": [1, 2], "item": [8, 7]}), files["pairs"])
        return files

    def test_levels_are_told_so_that_probabilities_can_be_judged(self, files: dict[str, Path]) -> None:
        answer = {"user": [1, 2], "item": [8, 7], "prediction": [0.5, 2.5]}
        pq.write_table(pa.table(answer), files["answer"])

        take_over(files["answer"], files["pairs"], Scale.of(files["train"]), files["told"])

        assert read_footer(files["told"])[1]["levels"] == [1.0, 3.0]
        assert pq.ParquetFile(files["told"]).read()["prediction"].to_pylist() == [1.0, 2.5]

    def test_an_answer_to_other_pairs_is_none(self, files: dict[str, Path]) -> None:
        pq.write_table(pa.table({"user": [2, 1], "item": [8, 7], "prediction": [1.0, 2.0]}), files["answer"])

        with pytest.raises(PredictionsError, match="not those of the pairs asked for"):
            take_over(files["answer"], files["pairs"], Scale.of(files["train"]), files["told"])


class TestCommands:
    def test_an_option_that_this_rbmcli_does_not_have_is_a_row_that_says_so(self, bench: Bench) -> None:
        row = bench.do(SET, Command("rbmcli-none", "--preset perfect"))

        assert row["outcome"].startswith("skipped: this rbmcli cannot do it: ")
        assert "perfect" in row["outcome"]

    def test_a_command_is_compared_with_other_commands_where_it_says_so(self, bench: Bench) -> None:
        rows = [
            bench.do(SET, Command("rbmcli-bias", "--model bias", against=())),
            bench.do(SET, Command("rbmcli-held", "--model bias --user-penalty 50", against=("rbmcli-bias",))),
        ]

        differences = bench.compare(SET, rows)

        assert {(told["tool"], told["against"]) for told in differences} == {("rbmcli-held", "rbmcli-bias")}

    def test_a_command_is_compared_with_each_rival_on_the_same_pairs(self, bench: Bench) -> None:
        rows = [
            bench.do(SET, Command("rbmcli-bias", "--model bias")),
            bench.do(SET, Peer(RIVALS[0], ADAPTER, {"probabilities": True})),
            bench.do(SET, Peer(RIVALS[1], ADAPTER, {"fail": True})),
        ]

        differences = bench.compare(SET, rows)

        assert [(told["against"], told["metric"]) for told in differences] == [
            (RIVALS[0], "rmse"),
            (RIVALS[0], "nll"),
        ]
        for told in differences:
            metric = told["metric"]
            assert told["value"] == pytest.approx(rows[0][metric] - rows[1][metric])
            assert told["low"] < told["value"] < told["high"]


class TestTools:
    def test_names_are_unique_and_rivals_are_peers(self) -> None:
        names = [tool.name for tool in (*PEERS, *COMMANDS)]

        assert len(set(names)) == len(names)
        assert set(RIVALS) <= {peer.name for peer in PEERS}
        assert {rival for command in COMMANDS for rival in command.against} <= set(names)

    def test_every_adapter_is_there_and_every_library_pinned(self) -> None:
        requirements = (ROOT / "benchmarks" / "peers-requirements.txt").read_text(encoding="utf-8")
        lines = [line for line in requirements.splitlines() if not line.startswith("#")]

        assert all(re.fullmatch(r"[a-z-]+==[\d.]+", line) for line in lines)
        for adapter in {peer.adapter for peer in PEERS}:
            source = (ROOT / f"{adapter.replace('.', '/')}.py").read_text(encoding="utf-8")
            (package,) = re.findall(r'^    run\("(.+)", fit\)$', source, re.MULTILINE)
            assert any(line.startswith(f"{package}==") for line in lines)


class TestTables:
    ROWS = (
        {
            "set": SET, "tool": "a", "outcome": "done", "version": "1.0", "settings": {"k": 3},
            "source": "its page", "rmse": 0.91234, "nll": None, "search_cpu_seconds": 20.4,
            "train_cpu_seconds": 3.2, "predict_cpu_seconds": 0.51, "peak_bytes": 200e6,
        },
        {"set": SET, "tool": "b", "outcome": "not installed: No module named 'b'"},
    )  # fmt: skip

    def test_the_page_has_accuracy_cost_settings_and_what_failed(self) -> None:
        told = in_markdown({"machine": MACHINE, "rows": list(self.ROWS), "differences": []})

        assert "| a | 0.9123 |" in told
        assert "| a | 3 + 20, 0.5, 200 |" in told
        assert "| a | 1.0 | `k=3`: its page |" in told
        assert f"| {SET} | b | not installed: No module named 'b' |" in told

    def test_tables_are_put_between_the_marks_of_a_page_and_nowhere_else(self, tmp_path: Path) -> None:
        result, page = tmp_path / "peers.json", tmp_path / "page.md"
        result.write_text(json.dumps({"machine": MACHINE, "rows": self.ROWS, "differences": []}))
        page.write_text("before\n<!-- peers -->\nold\n<!-- /peers -->\nafter\n")

        done = run_script("peers.tables", result, page)

        assert done.returncode == 0, done.stderr
        text = page.read_text()
        assert text.startswith("before\n<!-- peers -->\n")
        assert text.endswith("<!-- /peers -->\nafter\n")
        assert "old" not in text
        assert "| a | 0.9123 |" in text

    def test_a_page_without_marks_is_left_as_it_is(self, tmp_path: Path) -> None:
        result, page = tmp_path / "peers.json", tmp_path / "page.md"
        result.write_text(json.dumps({"machine": MACHINE, "rows": self.ROWS, "differences": []}))
        page.write_text("no marks\n")

        done = run_script("peers.tables", result, page)

        assert done.returncode == 2
        assert page.read_text() == "no marks\n"


class TestScript:
    def test_rows_are_told_in_a_table_and_a_file_and_what_is_not_installed_is_no_end(
        self, sets: Path, tmp_path: Path
    ) -> None:
        path = tmp_path / "peers.json"
        common = ("--data", sets, "--only", SET, "--python", sys.executable, "--json", path)

        done = run_script("peers", *common, "--tools", "cornac-mf,rbmcli-bias")

        assert done.returncode == 0, done.stderr
        first, second = json.loads(path.read_text(encoding="utf-8"))["rows"]
        assert first["outcome"].startswith("not installed: No module named 'cornac")
        assert f"{second['rmse']:.4f}" in done.stdout
        assert "not installed" in done.stdout
        assert str(tmp_path) not in path.read_text(encoding="utf-8") + done.stdout

    @pytest.mark.parametrize("arguments", [["--only", "netflix"], ["--tools", "all"], []])
    def test_unknown_names_and_a_folder_without_sets_are_usage_errors(
        self, tmp_path: Path, arguments: list[str]
    ) -> None:
        done = run_script("peers", "--data", tmp_path, *arguments)

        assert done.returncode == 2
        assert "error: " in done.stderr

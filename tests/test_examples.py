"""The examples, run as their users would: Make over a folder of logs, and each line of the crontab."""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.conftest import ROOT

OUTPUTS = ("ratings.parquet", "model.parquet", "predictions.parquet", "recommendations.parquet")
OLD_PREFIX = "/srv/rbmcli/.venv/bin"
NEW_USER = 999_999


@pytest.fixture
def data(tmp_path: Path, sample_ratings: Path) -> Path:
    """A folder as the examples expect it: two days of logs and some pairs, from a slice of the sample."""
    with sample_ratings.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if int(row["user"]) % 10 == 0]
    folder = tmp_path / "data"
    (folder / "logs").mkdir(parents=True)
    for day in (0, 1):
        _write_log(folder / "logs" / f"2026-01-0{day + 1}.csv", rows[day::2])
    _write_log(folder / "pairs.csv", [{"user": row["user"], "item": row["item"]} for row in rows[:50]])
    return folder


@pytest.fixture
def program_folder(tmp_path: Path) -> Path:
    """A folder with a command `rbmcli` that runs this source tree."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "rbmcli"
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m rbmcli "$@"\n')
    program.chmod(0o755)
    return folder


def _write_log(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _append_day(data: Path, *rows: tuple[int, int, int]) -> None:
    lines = [",".join(map(str, row)) for row in rows]
    (data / "logs" / "2026-01-03.csv").write_text("\n".join(["user,item,rating", *lines, ""]))


def _changed(data: Path, before: dict[str, int]) -> set[str]:
    return {name for name in OUTPUTS if (data / name).stat().st_mtime_ns != before[name]}


def _times(data: Path) -> dict[str, int]:
    return {name: (data / name).stat().st_mtime_ns for name in OUTPUTS}


class TestMakefile:
    @pytest.fixture
    def make(self, data: Path, program_folder: Path) -> Callable[..., str]:
        """Run Make in the folder, and return what it printed."""
        shutil.copy(ROOT / "examples" / "Makefile", data)

        def run(*arguments: str) -> str:
            path = f"{program_folder}:{os.environ['PATH']}"
            done = subprocess.run(
                ["make", *arguments],
                cwd=data,
                env={**os.environ, "PATH": path, "MAKEFLAGS": "", "RBMCLI_TRAIN_EPOCHS": "3"},
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            return done.stdout

        return run

    def test_it_makes_each_file_once_and_only_what_is_old_again(
        self, data: Path, make: Callable[..., str]
    ) -> None:
        make()
        first = _times(data)
        assert "rbmcli" not in make()

        known_user = pq.read_table(data / "ratings.parquet")["user"][0].as_py()
        _append_day(data, (NEW_USER, 1, 5), (NEW_USER, 2, 4), (known_user, 1, 1))
        make()

        assert _changed(data, first) == set(OUTPUTS) - {"model.parquet"}
        recommended = pq.read_table(data / "recommendations.parquet").to_pylist()
        assert sum(row["user"] == NEW_USER for row in recommended) == 10
        ratings = {(row["user"], row["item"]): row["rating"] for row in _rows(data / "ratings.parquet")}
        assert ratings[known_user, 1] == 1

    def test_weekly_trains_again_and_goes_on_to_what_depends_on_the_model(
        self, data: Path, make: Callable[..., str]
    ) -> None:
        make()
        first = _times(data)

        make("weekly")

        assert _changed(data, first) == set(OUTPUTS) - {"ratings.parquet"}

    def test_shards_made_at_once_are_what_one_run_makes(self, data: Path, make: Callable[..., str]) -> None:
        make()
        whole = (data / "recommendations.parquet").read_bytes()
        (data / "recommendations.parquet").unlink()

        make("-j", "2", "shared")

        assert (data / "recommendations.parquet").read_bytes() == whole


def _rows(path: Path) -> list[dict[str, object]]:
    return pq.read_table(path).to_pylist()


class TestCrontab:
    @pytest.fixture
    def crontab(self) -> list[str]:
        lines = (ROOT / "examples" / "crontab").read_text().splitlines()
        return [line for line in lines if line and not line.startswith("#")]

    @pytest.fixture
    def variables(self, crontab: list[str], data: Path, program_folder: Path) -> dict[str, str]:
        """The crontab's own variables, its two paths edited as it says."""
        found = dict(line.split("=", 1) for line in crontab if re.match(r"[A-Z]+=", line))
        assert found["PATH"].startswith(f"{OLD_PREFIX}:")
        found["PATH"] = found["PATH"].replace(OLD_PREFIX, str(program_folder), 1)
        return {**found, "DATA": str(data)}

    @pytest.fixture
    def jobs(self, crontab: list[str]) -> list[tuple[list[str], str]]:
        """The five fields and the command of each line."""
        lines = [line.split(maxsplit=5) for line in crontab if not re.match(r"[A-Z]+=", line)]
        return [(fields[:5], fields[5]) for fields in lines]

    def test_its_times_are_what_cron_reads_and_no_command_holds_a_percent_sign(
        self, jobs: list[tuple[list[str], str]]
    ) -> None:
        for fields, command in jobs:
            assert all(re.fullmatch(r"\*|\d+", field) for field in fields)
            assert "%" not in command

    def test_each_line_does_its_work_in_the_bare_environment_of_cron(
        self, jobs: list[tuple[list[str], str]], variables: dict[str, str], data: Path
    ) -> None:
        settings = [f"{name}={value}" for name, value in variables.items()]
        home = [f"HOME={Path.home()}", "LOGNAME=nobody"]

        for _, command in jobs:
            done = subprocess.run(
                ["env", "-i", *home, *settings, variables["SHELL"], "-c", command],
                stdin=subprocess.DEVNULL,
                cwd="/",
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert done.returncode == 0, (data / "rbmcli.log").read_text()
            assert done.stdout + done.stderr == "", "cron would send this by mail"

        assert all((data / name).exists() for name in OUTPUTS)
        log = (data / "rbmcli.log").read_text()
        assert all(str(data / name) in log for name in OUTPUTS)

"""Of many runs started at once on one output, one writes it at a time, and the others say who does."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tests.faults.commands import put, state_of
from tests.faults.conftest import Inputs, Tally
from tests.faults.processes import LIMIT_SECONDS, environment

STARTS = 40
WATCHED = """
import json, os, sys, time
from rbmcli.cli.main import main

times = {}

def watch(event, details):
    names = [str(name) for name in details[:2]]
    if event == "open" and names[0].endswith(".all.parquet.lock"):
        times.setdefault("asked", time.monotonic())
    elif event == "open" and names[0].endswith(".all.parquet.tmp"):
        times["began"] = time.monotonic()
    elif event == "os.rename" and names[0].endswith(".all.parquet.tmp"):
        times["ended"] = time.monotonic()

sys.addaudithook(watch)
code = main(sys.argv[1:])
print(json.dumps({"process": os.getpid(), "code": code, **times}))
"""
"""The command, which tells when it asked for the lock, and when it began and ended to write."""


@dataclass(frozen=True)
class Run:
    """What a run says of itself; times are of a clock that all processes share."""

    process: int
    code: int
    asked: float
    began: float | None = None
    ended: float | None = None
    told: str = ""


def test_of_many_runs_started_at_once_one_writes_at_a_time(
    inputs: Inputs, tmp_path: Path, is_full: bool, tally: Tally
) -> None:
    folder = tmp_path / "work"
    put({}, folder, inputs.folder)

    runs = _run_all(folder, STARTS if is_full else 12)

    writers = sorted((run for run in runs if run.code == 0), key=lambda run: run.began or 0.0)
    assert writers
    for one, next_one in pairwise(writers):
        assert (one.ended or 0.0) < (next_one.began or 0.0)
    for run in runs:
        tally.add(f"code {run.code}")
        assert run.code in {0, 5}, run.told
        if run.code == 5:
            assert run.began is None
            holder = re.search(r"all\.parquet: another run is writing it, process (\d+) ", run.told)
            assert holder, run.told
            assert int(holder[1]) in {other.process for other in runs} - {run.process}
        elif _asked_while_another_wrote(run, writers):
            raise AssertionError(f"process {run.process} wrote although another had the lock: {run}")
    assert state_of(folder) == {"all.parquet": (inputs.folder / "all.parquet").read_bytes()}


def _asked_while_another_wrote(run: Run, writers: list[Run]) -> bool:
    return any(
        (other.began or 0.0) < run.asked < (other.ended or 0.0) for other in writers if other is not run
    )


def test_runs_that_wait_for_the_lock_write_one_after_the_other(
    inputs: Inputs, tmp_path: Path, is_full: bool, tally: Tally
) -> None:
    folder = tmp_path / "work"
    put({}, folder, inputs.folder)

    runs = _run_all(folder, STARTS if is_full else 3, "--lock-timeout", "100")

    writers = sorted(runs, key=lambda run: run.began or 0.0)
    for one, next_one in pairwise(writers):
        assert (one.ended or 0.0) < (next_one.began or 0.0)
    for run in runs:
        tally.add(f"code {run.code}")
        assert run.code == 0, run.told
    assert state_of(folder) == {"all.parquet": (inputs.folder / "all.parquet").read_bytes()}


def _run_all(folder: Path, count: int, *options: str) -> list[Run]:
    """Start the same command so often at once, and return what each run says of itself."""
    arguments = ["prepare", "in/ratings.csv", "--split", "none", "-o", "all.parquet", *options]
    started = [
        subprocess.Popen(
            [sys.executable, "-c", WATCHED, *arguments],
            cwd=folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(count)
    ]
    runs = []
    for process in started:
        out, err = process.communicate(timeout=LIMIT_SECONDS)
        assert process.returncode == 0, err
        runs.append(Run(**json.loads(out), told=err))
    return runs

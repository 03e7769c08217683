"""A cross-validation that is killed, or meets a full disk, keeps its folds and goes on to the same bytes."""

from __future__ import annotations

import itertools
import random
import signal
import time
from pathlib import Path

import pytest

from tests.faults.commands import State, put, state_of
from tests.faults.conftest import Inputs, Tally
from tests.faults.processes import (
    Ending,
    FilesLimited,
    KilledAtChange,
    NoSpaceAtChange,
    Trouble,
    fresh,
    kill_after,
    started,
    warm,
)

FOLDS = 3
COMMAND = f"crossval in/ratings.csv --folds {FOLDS} --by item --hidden 4 --epochs 2 -o cv".split()
RESULTS = {"cv/predictions.parquet", "cv/metrics.parquet", "cv/_SUCCESS"}
ONLY_IN_FULL = pytest.mark.usefixtures("only_in_full")


@pytest.fixture(scope="module")
def unbroken(inputs: Inputs, tmp_path_factory: pytest.TempPathFactory) -> State:
    """What a run writes that nothing befalls."""
    folder = tmp_path_factory.mktemp("unbroken") / "work"
    put({}, folder, inputs.folder)
    ending = warm(COMMAND, folder)
    assert ending.code == 0, ending.err
    state = state_of(folder)
    assert set(state) == RESULTS | {f"cv/fold-{number}.parquet" for number in range(1, FOLDS + 1)}
    return state


def check(unbroken: State, folder: Path, case: str) -> str:
    """Check what was left, and what the same command makes of it; return in words how much it was."""
    left = state_of(folder)
    whole = {name for name in left if not name.endswith((".lock", ".tmp"))}
    for name in whole:
        assert left[name] == unbroken[name], f"{case}: {name} is not whole"
    if "cv/_SUCCESS" in whole:
        assert whole == set(unbroken), f"{case}: _SUCCESS stands beside {sorted(whole)}"
    again = warm(COMMAND, folder)
    assert again.code == 0, f"{case}: {again.err}"
    assert state_of(folder) == unbroken, case
    kept = len(whole - RESULTS)
    assert again.err.count("done before, in cv/fold-") == kept, case
    return f"{kept} folds left" if kept < FOLDS else f"{len(whole)} files left"


@pytest.mark.parametrize("before", ["nothing", "a run that is over"])
def test_a_run_killed_before_any_change_of_a_file_goes_on_to_the_same_bytes(
    before: str, unbroken: State, inputs: Inputs, tmp_path: Path, is_full: bool, tally: Tally
) -> None:
    folder = tmp_path / "work"

    # Every fourth change is of another kind: a lock, a part, a name.
    for change in itertools.count(1, 1 if is_full else 5):
        put({} if before == "nothing" else unbroken, folder, inputs.folder)
        ending = warm(COMMAND, folder, KilledAtChange(change))
        if ending.code == 0:
            assert change > 5
            return
        assert ending.code == -signal.SIGKILL, ending.err
        tally.add(check(unbroken, folder, f"change {change}"))


def test_a_run_killed_at_any_time_goes_on_to_the_same_bytes(
    unbroken: State, inputs: Inputs, tmp_path: Path, is_full: bool, tally: Tally
) -> None:
    folder, chance = tmp_path / "work", random.Random("crossval")
    put({}, folder, inputs.folder)
    began = time.monotonic()
    assert fresh(COMMAND, folder).code == 0
    seconds = time.monotonic() - began

    for kill in range(50 if is_full else 3):
        put({}, folder, inputs.folder)
        after = chance.uniform(seconds / 3, seconds)
        with started(COMMAND, folder) as run:
            was_killed = kill_after(run, after)
        outcome = check(unbroken, folder, f"kill {kill}, after {after:.3f} s")
        tally.add(outcome if was_killed else "not killed in time")


def befall(trouble: Trouble, folder: Path) -> Ending:
    """Run the command under a trouble that ends it with code 1, if at all."""
    ending = warm(COMMAND, folder, trouble)
    assert ending.code in {0, 1}, ending.err
    if ending.code:
        last = ending.err.splitlines()[-1]
        assert "cv" in last.partition(": cannot be written: ")[0], last
        assert any(reason in last for reason in ("file too large", "no space left on device")), last
        assert not any(name.endswith((".tmp", ".lock")) for name in state_of(folder)), last
    return ending


def test_files_that_may_not_grow_end_a_run_that_then_goes_on(
    unbroken: State, inputs: Inputs, tmp_path: Path, tally: Tally
) -> None:
    folder, sizes = tmp_path / "work", {len(content) for content in unbroken.values()}

    for size in [0, min(sizes), max(sizes) // 2, max(sizes) - 1]:
        put({}, folder, inputs.folder)
        assert befall(FilesLimited(size), folder).code == 1
        tally.add(check(unbroken, folder, f"{size} bytes"))


@ONLY_IN_FULL
def test_any_file_that_cannot_be_made_ends_a_run_that_then_goes_on(
    unbroken: State, inputs: Inputs, tmp_path: Path, tally: Tally
) -> None:
    folder, done = tmp_path / "work", 0

    for change in itertools.count(1):
        put({}, folder, inputs.folder)
        done += befall(NoSpaceAtChange(change), folder).code == 0
        # One more may be done because the change is a folder that is there already.
        if done == 2:
            return
        tally.add(check(unbroken, folder, f"change {change}"))

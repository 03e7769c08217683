"""A run that is killed loses nothing: no file is half written, and the same command makes all good."""

from __future__ import annotations

import itertools
import json
import random
import signal
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.faults.commands import COMMANDS, Command, State, put, state_of
from tests.faults.conftest import Inputs, Tally
from tests.faults.processes import Ending, KilledAtChange, kill_after, started, wait_until, warm

ALL_COMMANDS = pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
SUCCESS = "prepared/_SUCCESS"
REFUSED = {2, 3, 4}

Found = tuple[int, bytes, bytes]


@dataclass(frozen=True)
class Unbroken:
    """What a command does that nothing kills.

    Attributes
    ----------
    command : Command
        The command.
    inputs : Path
        What it reads.
    old, new : State
        The files of the run before it, and those that it writes.
    seconds : float
        Time that it takes.
    found : list
        What a reader finds in the files of either run.
    """

    command: Command
    inputs: Path
    old: State
    new: State
    seconds: float
    found: list[Found]

    def run(self, folder: Path, change: int = 0) -> Ending:
        """Run the command, which is killed before a change of a file where one is given."""
        return warm(self.command.words(), folder, KilledAtChange(change) if change else None)

    def read(self, folder: Path) -> Found:
        """Read what stands in a folder by the command that comes next."""
        ending = warm(self.command.reader.split(), folder)
        written = folder / "read.csv"
        found = ending.code, ending.out, written.read_bytes() if written.exists() else b""
        written.unlink(missing_ok=True)
        return found


@pytest.fixture
def whole(command: Command, inputs: Inputs, tmp_path: Path, is_full: bool) -> Unbroken:
    """What the command does that nothing kills."""
    folder = tmp_path / "work"
    put({}, folder, inputs.folder)
    before = warm(command.words(before=True), folder)
    assert before.code == 0, before.err
    old = state_of(folder)
    made = state_of(inputs.folder)
    new = {name: made[name] for name in (*command.targets, command.journal) if name}
    assert all(old[name] != new[name] for name in command.targets)
    whole = Unbroken(command, inputs.folder, old, new, inputs.seconds[command.name], [])
    if is_full:
        for state in (old, new):
            put(state, folder, inputs.folder)
            whole.found.append(whole.read(folder))
            assert whole.found[-1][0] == 0
    return whole


@ALL_COMMANDS
def test_a_run_killed_at_any_time_leaves_whole_files_and_can_be_repeated(
    command: Command,
    whole: Unbroken,
    tmp_path: Path,
    is_full: bool,
    tally: Tally,
) -> None:
    chance = random.Random(command.name)

    for kill in range(50 if is_full else 3):
        before = whole.old if kill % 2 else {}
        folder = tmp_path / "work"
        put(before, folder, whole.inputs)
        after, at_write = chance.uniform(0, whole.seconds), kill % 5 == 2
        case = f"kill {kill}, {'when writing has begun' if at_write else f'after {after:.3f} s'}"
        with started(command.words(), folder) as run:
            if at_write:
                wait_until(partial(_is_writing, folder), run)
                after = chance.uniform(0, 0.003)
            was_killed = kill_after(run, after)
        outcome = _check(whole, before, folder, case)
        tally.add(outcome if was_killed else "not killed in time")


@pytest.mark.usefixtures("only_in_full")
@ALL_COMMANDS
def test_a_run_killed_before_any_change_of_a_file_leaves_whole_files_and_can_be_repeated(
    whole: Unbroken, tmp_path: Path, tally: Tally
) -> None:
    folder = tmp_path / "work"

    for change in itertools.count(1):
        for before in (whole.old, {}):
            put(before, folder, whole.inputs)
            ending = whole.run(folder, change)
            if ending.code == 0:
                return
            assert ending.code == -signal.SIGKILL, ending.err
            tally.add(_check(whole, before, folder, f"change {change}"))


def _is_writing(folder: Path) -> bool:
    return any(folder.glob(".*.tmp")) or any(folder.glob("prepared/.*.tmp"))


def _check(whole: Unbroken, before: State, folder: Path, case: str) -> str:
    """Check what a killed run has left, and what the same command makes of it; return what was left."""
    outcome = _check_left(whole, before, state_of(folder), case)
    if whole.found or outcome == "some files":
        found = whole.read(folder)
        is_known = found in whole.found or found[0] in REFUSED
        assert is_known, f"{case}: a reader takes what is not whole: {found}"
    again = whole.run(folder)
    assert again.code == 0, f"{case}: {again.err}"
    now = state_of(folder)
    for name in whole.command.targets:
        assert now[name] == whole.new[name], f"{case}: {name} is not what an unbroken run writes"
    assert set(now) == set(before) | set(whole.new), f"{case}: something is left over"
    return outcome


def _check_left(whole: Unbroken, before: State, left: State, case: str) -> str:
    targets, journal = whole.command.targets, whole.command.journal
    old = {name: before.get(name) for name in targets}
    new = {name: whole.new[name] for name in targets}
    found = {name: left.get(name) for name in targets}
    for name, content in found.items():
        is_removed = name == SUCCESS and content is None
        assert is_removed or content in (old[name], new[name]), f"{case}: {name} is neither old nor new"
    if found.get(SUCCESS) is not None:
        assert found in (old, new), f"{case}: _SUCCESS stands beside files of two runs"
    for name in set(left) - set(before) - set(whole.new):
        assert name.endswith((".lock", ".tmp")), f"{case}: left {name}"
    if journal.endswith(".journal"):
        for line in left.get(journal, b"").splitlines(keepends=True):
            assert not line.endswith(b"\n") or json.loads(line), f"{case}: the journal is broken"
    return "new files" if found == new else "old files" if found == old else "some files"

"""A disk that is full costs the new file, never the old one: code 1, the name, the reason, nothing left."""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.faults.commands import COMMANDS, Command, State, put, state_of
from tests.faults.conftest import Inputs, Tally
from tests.faults.processes import Ending, FilesLimited, NoSpaceAtChange, fresh, warm

BAD_ROWS = "user,item,rating\n" + "".join(f"u{n},i{n},{n % 5 + 1}\n" for n in range(60)) + "u,i,much\n" * 20
BAD = {"bad.csv": BAD_ROWS.encode()}
WRITERS = [
    *COMMANDS,
    Command(
        "evaluate as JSON",
        "evaluate in/predictions.parquet -o metrics.json",
        ("metrics.json",),
        "--history in/prepared/train.parquet",
    ),
    Command(
        "rejected rows",
        "prepare bad.csv --split none -o good.parquet --on-error rejected.csv",
        ("rejected.csv", "good.parquet"),
        "--levels 1,2,3,4,5,6",
    ),
]
"""The commands, and others for the further files that can be written."""

ALL_WRITERS = pytest.mark.parametrize("command", WRITERS, ids=lambda command: command.name)
REASONS = ("file too large", "no space left on device")


@pytest.fixture
def old(command: Command, inputs: Inputs, tmp_path: Path) -> State:
    """What stood there before, with the rows that are to be rejected."""
    folder = tmp_path / "before"
    put(BAD, folder, inputs.folder)
    before = warm(command.words(before=True), folder)
    assert before.code == 0, before.err
    return state_of(folder)


@ALL_WRITERS
def test_files_that_may_not_grow_leave_all_as_it_was(
    command: Command, old: State, inputs: Inputs, tmp_path: Path, is_full: bool, tally: Tally
) -> None:
    folder = tmp_path / "work"
    lengths = {len(content) for name, content in old.items() if name in command.targets}
    sizes = {0, 1, *(size for length in lengths for size in (length // 2, length - 30))}

    for size in sorted(sizes) if is_full else [0, max(lengths) // 2]:
        for before in (old, BAD) if is_full else (old,):
            put(before, folder, inputs.folder)
            ending = warm(command.words(), folder, FilesLimited(size))
            _check(ending, command, before, folder, f"{size} bytes")
            tally.add("code 1" if ending.code else "done")


@pytest.mark.usefixtures("only_in_full")
@ALL_WRITERS
def test_any_file_that_cannot_be_made_leaves_all_as_it_was(
    command: Command, old: State, inputs: Inputs, tmp_path: Path, tally: Tally
) -> None:
    folder = tmp_path / "work"

    for before in (old, BAD):
        done = 0
        for change in itertools.count(1):
            put(before, folder, inputs.folder)
            ending = warm(command.words(), folder, NoSpaceAtChange(change))
            _check(ending, command, before, folder, f"change {change}")
            done += ending.code == 0
            # One more may be done because the change is a folder that is there already.
            if done == 2:
                break
            tally.add("code 1" if ending.code else "done")


def _check(ending: Ending, command: Command, before: State, folder: Path, case: str) -> None:
    now = state_of(folder)
    if ending.code == 0:
        assert not any(name.endswith((".tmp", ".lock")) for name in now), case
        return
    assert ending.code == 1, f"{case}: {ending.err}"
    last = ending.err.splitlines()[-1]
    names = [*command.targets, command.journal, "prepared"]
    assert any(name and f"{name}: cannot be written: " in last for name in names), f"{case}: {last}"
    assert any(reason in last for reason in REASONS), f"{case}: {last}"
    now.pop(command.journal, None)
    kept = {name: content for name, content in before.items() if name != command.journal}
    if "some of the files are new" in last:
        assert "prepared/_SUCCESS" not in now, case
        assert not any(name.endswith((".tmp", ".lock")) for name in now), case
        return
    if "rejected.csv: cannot" not in last:
        # It is written as soon as all is read, whatever becomes of the ratings.
        assert now.pop("rejected.csv", b"").count(b"\n") in {0, 21}, case
        kept.pop("rejected.csv", None)
    assert now == kept, f"{case}: {sorted(now)} are not as they were; {last}"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of 512 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounting = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounting.returncode:
        pytest.skip("no disk can be mounted here")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


@ALL_WRITERS
def test_a_disk_that_is_full_leaves_all_as_it_was(
    command: Command, old: State, inputs: Inputs, small_disk: Path, is_full: bool, tally: Tally
) -> None:
    needed = sum(len(content) for content in old.values()) // 4096 + len(old)

    for free in (0, 1, needed // 2) if is_full else (0,):
        for name in state_of(small_disk):
            (small_disk / name).unlink()
        with suppress(FileExistsError):
            (small_disk / "in").symlink_to(inputs.folder)
        for name, content in old.items():
            (small_disk / name).parent.mkdir(exist_ok=True)
            (small_disk / name).write_bytes(content)
        _fill(small_disk, free)
        before = state_of(small_disk)
        ending = warm(command.words(), small_disk)
        _check(ending, command, before, small_disk, f"{free} pages free")
        tally.add("code 1" if ending.code else "done")


def _fill(disk: Path, free: int) -> None:
    """Fill a disk but for some pages."""
    page = os.statvfs(disk).f_bsize
    left = os.statvfs(disk).f_bavail - free
    (disk / "filling").write_bytes(b"\0" * page * max(left, 0))


@pytest.mark.parametrize(
    "command",
    [
        "prepare in/ratings.csv --split none -o -",
        "prepare in/ratings.csv --split none -o - --format csv",
        "evaluate in/predictions.parquet",
        "evaluate in/predictions.parquet --json",
        "inspect in/model.parquet",
    ],
)
def test_a_full_standard_output_is_told(command: str, inputs: Inputs, tmp_path: Path, tally: Tally) -> None:
    put({}, tmp_path / "work", inputs.folder)

    with Path("/dev/full").open("wb") as full:
        ending = fresh(command.split(), tmp_path / "work", stdout=full)

    assert ending.code == 1, ending.err
    assert "standard output: cannot be written: no space left on device" in ending.err.splitlines()[-1]
    assert "Traceback" not in ending.err
    tally.add("code 1")


def test_standard_input_that_cannot_be_copied_is_told(inputs: Inputs, tmp_path: Path, tally: Tally) -> None:
    folder, content = tmp_path / "work", (inputs.folder / "all.parquet").read_bytes()
    put({}, folder, inputs.folder)
    arguments = ["prepare", "-", "--split", "none", "-o", "all.parquet"]

    ending = warm(arguments, folder, FilesLimited(1000), stdin=content)

    assert ending.code == 1, ending.err
    assert "the copy of standard input in " in ending.err
    assert "cannot be written: file too large" in ending.err.splitlines()[-1]
    assert state_of(folder) == {}
    tally.add("code 1")

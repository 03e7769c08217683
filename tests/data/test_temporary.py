"""Temporary copies are gone when they are not needed, and those of a killed run when another makes one."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rbmcli.data.temporary import save_copy, temporary_folder
from rbmcli.errors import DataError, OutputError

HOLDER = """
import sys, time
from rbmcli.data.temporary import temporary_folder
with temporary_folder() as folder:
    (folder / "copy").write_text("half")
    print(folder, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_what_a_killed_run_left_is_removed_and_what_another_uses_is_not(
    place: Path, command_environment: dict[str, str]
) -> None:
    holders = [
        subprocess.Popen(
            [sys.executable, "-c", HOLDER],
            env={**command_environment, "TMPDIR": str(place)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    folders = [Path(holder.stdout.readline().strip()) for holder in holders if holder.stdout]
    holders[0].send_signal(signal.SIGKILL)
    holders[0].wait()

    with temporary_folder() as folder:
        found = set(place.iterdir())
    for holder in holders:
        holder.kill()
        holder.communicate()

    assert found == {folders[1], folder}


def test_a_folder_is_gone_whatever_ends_its_use(place: Path) -> None:
    with pytest.raises(KeyboardInterrupt), temporary_folder() as folder:
        (folder / "copy").write_text("half")
        raise KeyboardInterrupt

    assert list(place.iterdir()) == []


def test_a_link_with_the_name_of_such_a_folder_is_left_alone(place: Path) -> None:
    (place / "precious").mkdir()
    (place / "rbmcli-copy-x").symlink_to(place / "precious")

    with temporary_folder():
        pass

    assert (place / "precious").is_dir()


def test_a_place_that_takes_no_folder_is_told(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(place / "nowhere"))

    with pytest.raises(OutputError, match="TMPDIR"), temporary_folder():
        pass


def test_reading_and_writing_a_copy_fail_with_errors_of_their_own(place: Path) -> None:
    def broken(size: int) -> bytes:
        raise OSError(5, os.strerror(5))

    with pytest.raises(DataError, match=r"r\.csv: cannot be read: input/output error"):
        save_copy(broken, io.BytesIO(), "r.csv")
    with pytest.raises(OSError, match="No space left"), Path("/dev/full").open("wb", buffering=0) as full:
        save_copy(lambda size: b"x" * 10000, full, "r.csv")

"""A lock is held by one run at a time, is let go by the dead, and leaves nothing behind."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from rbmcli.data.locks import locked
from rbmcli.errors import LockedError, OutputError
from tests.conftest import ROOT
from tests.lock_holder import held_by_another

CONTENDER = """
import sys, time
from pathlib import Path
from rbmcli.data.locks import locked
from rbmcli.errors import LockedError, OutputError
target, log = map(Path, sys.argv[1:])
for _ in range(20):
    try:
        with locked(target, timeout=float(60)):
            descriptor = open(log, "a")
            descriptor.write("in\\n"); descriptor.flush()
            time.sleep(0.001)
            descriptor.write("out\\n"); descriptor.close()
    except LockedError:
        sys.exit(5)
"""


def test_no_two_runs_hold_a_lock_at_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    runs = [
        subprocess.Popen([sys.executable, "-c", CONTENDER, str(tmp_path / "out"), str(log)], env=environment)
        for _ in range(6)
    ]

    assert [run.wait(timeout=120) for run in runs] == [0] * 6
    assert log.read_text() == "in\nout\n" * 120
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log"]


def test_a_lock_may_be_taken_again_by_who_has_it(tmp_path: Path) -> None:
    with locked(tmp_path / "out"), locked(tmp_path / "out"):
        assert (tmp_path / ".out.lock").read_text() == str(os.getpid())

    assert list(tmp_path.iterdir()) == []


def test_one_file_has_one_lock_under_all_its_names(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder")

    with locked(tmp_path / "folder" / "out"), locked(tmp_path / "link" / ".." / "folder" / "out"):
        assert (tmp_path / "folder" / ".out.lock").exists()

    assert list((tmp_path / "folder").iterdir()) == []


def test_who_waits_gets_the_lock_when_it_is_let_go(tmp_path: Path) -> None:
    with held_by_another(tmp_path / "out") as holder:
        assert holder.stdin is not None
        threading.Timer(0.3, holder.stdin.close).start()
        with locked(tmp_path / "out", timeout=60):
            got_it = (tmp_path / ".out.lock").read_text()

    assert got_it == str(os.getpid())


def test_who_has_waited_long_enough_is_told_who_holds_it(tmp_path: Path) -> None:
    with (
        held_by_another(tmp_path / "out") as holder,
        pytest.raises(LockedError, match=f"process {holder.pid}") as caught,
        locked(tmp_path / "out", timeout=0.2),
    ):
        pass

    assert "--lock-timeout" in caught.value.hint


def test_the_holder_that_is_told_is_not_a_dead_one_of_before(tmp_path: Path) -> None:
    place = tmp_path / ".out.lock"
    with held_by_another(tmp_path / "out") as holder:
        place.write_text("4000000000")
        threading.Timer(0.2, place.write_text, [str(holder.pid)]).start()

        with pytest.raises(LockedError, match=f"process {holder.pid}"), locked(tmp_path / "out"):
            pass


def test_a_lock_that_cannot_be_written_is_told_and_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(*arguments: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", no_space)

    with pytest.raises(OutputError, match="out: cannot be written: no space left"), locked(tmp_path / "out"):
        pass

    assert list(tmp_path.iterdir()) == []

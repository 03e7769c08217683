"""An output is whole or absent, wherever it goes, and whatever ends the run that writes it."""

from __future__ import annotations

import errno
import os
import resource
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from rbmcli.data.outputs import check_target, open_output, open_outputs
from rbmcli.errors import LockedError, OutputError, UsageError
from tests.lock_holder import held_by_another


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_an_output_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    target.write_text("old")

    with pytest.raises(RuntimeError), open_output(target) as file:
        file.write(b"half")
        raise RuntimeError

    assert target.read_text() == "old"
    assert names(tmp_path) == ["out.txt"]


def test_the_old_file_is_read_until_the_new_one_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    target.write_text("old")

    with open_output(target) as file:
        file.write(b"new")
        file.flush()
        assert target.read_text() == "old"

    assert target.read_text() == "new"
    assert names(tmp_path) == ["out.txt"]


def test_of_several_outputs_none_changes_where_one_fails(tmp_path: Path) -> None:
    targets = [tmp_path / "a", tmp_path / "b"]
    for target in targets:
        target.write_text("old")

    with pytest.raises(RuntimeError), open_outputs(targets) as files:
        files[0].write(b"new")
        raise RuntimeError

    assert [target.read_text() for target in targets] == ["old", "old"]


def test_an_output_has_the_mode_that_the_umask_gives(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    previous = os.umask(0o027)
    try:
        with open_output(target) as file:
            file.write(b"new")
    finally:
        os.umask(previous)

    assert target.stat().st_mode & 0o777 == 0o640


def test_what_a_killed_run_has_left_is_replaced(tmp_path: Path) -> None:
    (tmp_path / ".out.txt.tmp").write_text("half of another")
    (tmp_path / ".out.txt.lock").write_text("123456")

    with open_output(tmp_path / "out.txt") as file:
        file.write(b"new")

    assert (tmp_path / "out.txt").read_text() == "new"
    assert names(tmp_path) == ["out.txt"]


def test_a_link_in_the_place_of_the_temporary_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    (tmp_path / ".out.txt.tmp").symlink_to(tmp_path / "precious")

    with open_output(tmp_path / "out.txt") as file:
        file.write(b"new")

    assert (tmp_path / "precious").read_text() == "mine"
    assert not (tmp_path / "out.txt").is_symlink()


@pytest.mark.parametrize("target", ["nowhere/out.txt", "."])
def test_a_target_that_can_be_no_file_is_refused(tmp_path: Path, target: str) -> None:
    with pytest.raises(UsageError), open_output(tmp_path / target):
        pass


@pytest.mark.parametrize("same", ["in.txt", "./in.txt", "link"])
def test_an_input_is_not_written_over(tmp_path: Path, same: str) -> None:
    (tmp_path / "in.txt").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "in.txt")

    with pytest.raises(UsageError, match="is an input"):
        check_target(tmp_path / same, [str(tmp_path / "in.txt")])


def test_a_full_disk_is_told_and_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    target.write_text("old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        too_large = pytest.raises(OutputError, match=r"out.txt: cannot be written: file too large")
        with too_large, open_output(target) as file:
            file.write(bytes(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert target.read_text() == "old"
    assert names(tmp_path) == ["out.txt"]


def test_a_closed_pipe_stays_a_closed_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb", buffering=0) as stream:
        monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=stream))
        with pytest.raises(BrokenPipeError), open_output("-") as file:
            file.write(b"nobody reads it")


def test_standard_output_that_is_full_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    words = "standard output: cannot be written: no space left on device"
    with Path("/dev/full").open("wb", buffering=0) as stream:
        monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=stream))
        with pytest.raises(OutputError, match=words), open_output("-") as file:
            file.write(b"no room")


def test_an_error_that_is_not_of_the_system_keeps_its_kind(tmp_path: Path) -> None:
    with pytest.raises(OutputError) as caught, open_output(tmp_path / "out"):
        raise OSError(errno.EDQUOT, "quota")

    assert isinstance(caught.value.__cause__, OSError)


def test_a_second_writer_is_kept_out_and_told_who_the_first_is(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    with held_by_another(target) as holder:
        kept_out = pytest.raises(LockedError, match=f"another run is writing it, process {holder.pid}$")
        with kept_out, open_output(target):
            pass
        assert not target.exists()
        holder.kill()

    with open_output(target) as file:
        file.write(b"new")
    assert names(tmp_path) == ["out.txt"]

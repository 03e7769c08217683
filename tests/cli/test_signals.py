"""Ctrl-C, SIGTERM and SIGKILL: training with a checkpoint loses nothing, and nothing else waits for long."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import rbmcli
from rbmcli.cli import inspect
from rbmcli.cli.main import main
from rbmcli.cli.option_groups import with_options
from rbmcli.cli.options import Running
from rbmcli.data.storage import read_footer
from tests.small_ratings import ratings

BOTH = pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
OPTIONS = ["--hidden", "6", "--batch-size", "10", "--no-valid", "--epochs", "1000"]
TRAIN = ["train", "r.parquet", "-o", "m.parquet", *OPTIONS]
KEEP = ["--checkpoint", "c.parquet"]

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path, command_environment: dict[str, str]) -> Iterator[Start]:
    """Start Python, as a rule with the real command; what still runs at the end is killed."""
    pq.write_table(ratings(), tmp_path / "r.parquet")
    started = []

    def start_python(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env=command_environment,
        )
        started.append(process)
        return process

    yield start_python
    for process in started:
        process.kill()
        process.communicate()


def after_epoch(process: subprocess.Popen[str], epoch: int) -> None:
    """Wait until training tells of an epoch."""
    assert process.stderr is not None
    for line in process.stderr:
        if f"epoch {epoch}/" in line:
            return
    raise AssertionError("training ended before")


def unbroken(folder: Path) -> bytes:
    """Return the model of the same command without a checkpoint."""
    here = Path.cwd()
    os.chdir(folder)
    try:
        assert main([*TRAIN, "-q"]) == 0
        return Path("m.parquet").read_bytes()
    finally:
        Path("m.parquet").unlink()
        os.chdir(here)


# Training with a checkpoint.


@BOTH
def test_a_signal_saves_training_which_goes_on_to_the_bytes_of_an_unbroken_run(
    number: int, code: int, start: Start, tmp_path: Path
) -> None:
    expected = unbroken(tmp_path)
    training = start("-m", "rbmcli", *TRAIN, *KEEP, "--threads", "1")

    after_epoch(training, 3)
    training.send_signal(number)
    _, told = training.communicate(timeout=60)

    assert training.returncode == code
    assert told.splitlines()[-1].endswith(
        "warning: stopped: all that was done is saved in c.parquet, and --resume goes on from there"
    )
    assert "Traceback" not in told
    assert not (tmp_path / "m.parquet").exists()
    resumed = start("-m", "rbmcli", *TRAIN, *KEEP, "--resume", "--threads", "2")
    _, told = resumed.communicate(timeout=60)
    assert (resumed.returncode, "epoch 1/" in told) == (0, False)
    assert (tmp_path / "m.parquet").read_bytes() == expected


def test_training_that_was_killed_goes_on_to_the_bytes_of_an_unbroken_run(
    start: Start, tmp_path: Path
) -> None:
    expected = unbroken(tmp_path)
    training = start("-m", "rbmcli", *TRAIN, *KEEP, "--checkpoint-interval", "0")

    after_epoch(training, 3)
    training.kill()
    training.communicate(timeout=60)

    assert not (tmp_path / "m.parquet").exists()
    resumed = start("-m", "rbmcli", *TRAIN, *KEEP, "--resume")
    _, told = resumed.communicate(timeout=60)
    assert (resumed.returncode, "epoch 1/" in told) == (0, False)
    assert (tmp_path / "m.parquet").read_bytes() == expected


@BOTH
def test_training_without_a_checkpoint_ends_at_the_first_signal(
    number: int, code: int, start: Start, tmp_path: Path
) -> None:
    training = start("-m", "rbmcli", *TRAIN)

    after_epoch(training, 3)
    training.send_signal(number)
    _, told = training.communicate(timeout=60)

    assert (training.returncode, "stopped" in told) == (code, False)
    assert not (tmp_path / "m.parquet").exists()


def test_the_same_command_serves_for_the_first_run_and_for_later_ones(start: Start, tmp_path: Path) -> None:
    command = ["-m", "rbmcli", *TRAIN, *KEEP, "--resume", "--epochs", "3"]
    _, told = start(*command).communicate(timeout=60)
    model = (tmp_path / "m.parquet").read_bytes()
    _, told_again = start(*command).communicate(timeout=60)

    assert "there is no checkpoint yet" in told
    assert "1 trainings that are over" in told_again
    assert "epoch 1/" not in told_again
    assert (tmp_path / "m.parquet").read_bytes() == model


# The second signal.


HELD_BACK = """
import sys, time
from rbmcli.cli import inspect, signals
from rbmcli.cli.main import main
from rbmcli.cli.option_groups import with_options
from rbmcli.cli.options import Running

@with_options
def command(running: Running) -> None:
    "Never look again whether a signal has arrived."
    with signals.held_back() as has_arrived:
        has_arrived()
        print("ready", flush=True)
        while signals.first_arrival() is None:
            time.sleep(0.01)
        print("held back", flush=True)
        time.sleep(60)

inspect.command = command
sys.exit(main(["inspect"]))
"""
UNWINDING = """
import sys, time
from rbmcli.cli import inspect
from rbmcli.cli.main import main
from rbmcli.cli.option_groups import with_options
from rbmcli.cli.options import Running

@with_options
def command(running: Running) -> None:
    "Take long to clean up."
    try:
        print("ready", flush=True)
        time.sleep(60)
    finally:
        print("cleaning up", flush=True)
        time.sleep(60)

inspect.command = command
sys.exit(main(["inspect"]))
"""


@BOTH
@pytest.mark.parametrize(("program", "words"), [(HELD_BACK, "held back"), (UNWINDING, "cleaning up")])
def test_the_second_signal_ends_the_process_at_once(
    program: str, words: str, number: int, code: int, start: Start
) -> None:
    process = start("-c", program)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"

    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == f"{words}\n"
    process.send_signal(number)
    _, told = process.communicate(timeout=30)

    assert (process.returncode, told) == (code, "")


# Whoever starts the program.


def test_a_signal_that_is_ignored_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    @with_options
    def command(running: Running) -> None:
        """Look at the handlers."""
        seen.extend(signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM))

    monkeypatch.setattr(inspect, "command", command)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert main(["inspect"]) == 0
    finally:
        signal.signal(signal.SIGINT, before)

    assert seen[0] == signal.SIG_IGN
    assert callable(seen[1])


def test_the_handlers_are_put_back_at_the_end() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

    main(["inspect", "missing"])

    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


# The options.


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--resume"], "--resume goes on from a checkpoint: give --checkpoint FILE too"),
        (["--checkpoint", "r.parquet"], "r.parquet: is an input or the output"),
        (["--checkpoint", "m.parquet"], "m.parquet: is an input or the output"),
        (["--checkpoint", "c", "--checkpoint-interval", "-1"], "--checkpoint-interval -1"),
    ],
)
def test_options_of_a_checkpoint_that_make_no_sense_end_with_2(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    pq.write_table(ratings(), "r.parquet")

    assert main([*TRAIN, *arguments]) == 2

    assert words in capsys.readouterr().err


def test_a_checkpoint_of_other_settings_ends_with_4_and_a_damaged_one_with_3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    pq.write_table(ratings(), "r.parquet")
    assert main([*TRAIN, *KEEP, "--epochs", "2", "-q"]) == 0

    assert main([*TRAIN, *KEEP, "--resume", "--hidden", "7", "-q"]) == 4
    told = capsys.readouterr().err
    Path("c.parquet").write_bytes(Path("c.parquet").read_bytes()[:-100])
    assert main([*TRAIN, *KEEP, "--resume", "-q"]) == 3

    assert "--hidden is 7, and was 6 in the checkpoint" in told
    assert "hint: delete it" in capsys.readouterr().err


def test_more_epochs_after_a_finished_run_give_the_model_of_a_long_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pq.write_table(ratings(), "r.parquet")
    assert main([*TRAIN, "--epochs", "5", "-q"]) == 0
    long = Path("m.parquet").read_bytes()

    assert main([*TRAIN, *KEEP, "--epochs", "2", "-q"]) == 0
    assert main([*TRAIN, *KEEP, "--resume", "--epochs", "5", "-q"]) == 0

    assert Path("m.parquet").read_bytes() == long
    assert read_footer(Path("c.parquet"))[1]["most_epochs"] == 5
    assert rbmcli.load_model("m.parquet").settings.epochs == 5

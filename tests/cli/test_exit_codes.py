"""Every way in which a command can end has its exit code and its words."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rbmcli.cli import inspect
from rbmcli.cli.main import main
from rbmcli.cli.option_groups import with_options
from rbmcli.cli.options import Running
from rbmcli.errors import (
    DataError,
    DivergenceError,
    GateError,
    LockedError,
    MismatchError,
    OutputError,
    RbmcliError,
    UsageError,
)

DATE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d ", re.MULTILINE)
RunCommand = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def failing_with(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Make the command `inspect` raise."""

    def fail_with(error: BaseException) -> None:
        @with_options
        def command(running: Running) -> None:
            """Fail."""
            raise error

        monkeypatch.setattr(inspect, "command", command)

    return fail_with


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RbmcliError("it went wrong"), 1),
        (DivergenceError("it went wrong"), 1),
        (UsageError("it went wrong"), 2),
        (DataError("it went wrong"), 3),
        (MismatchError("it went wrong"), 4),
        (LockedError("it went wrong"), 5),
        (GateError("it went wrong"), 6),
        (OutputError("it went wrong"), 1),
    ],
)
def test_each_error_of_ours_ends_with_its_code_and_one_line(
    failing_with: Callable[[BaseException], None],
    capsys: pytest.CaptureFixture[str],
    error: RbmcliError,
    code: int,
) -> None:
    failing_with(error)

    ended_with = main(["inspect"])

    assert ended_with == code
    out, err = capsys.readouterr()
    assert (out, DATE.sub("", err)) == ("", "rbmcli: error: it went wrong\n")
    assert DATE.match(err)


def test_a_hint_stands_on_the_same_line_in_a_log_and_on_its_own_on_a_terminal(
    failing_with: Callable[[BaseException], None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failing_with(DataError("no such file", hint="look elsewhere"))

    main(["inspect"])
    in_a_log = DATE.sub("", capsys.readouterr().err)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    main(["inspect"])
    on_a_terminal = capsys.readouterr().err

    assert in_a_log == "rbmcli: error: no such file (hint: look elsewhere)\n"
    assert on_a_terminal == "rbmcli: error: no such file\nrbmcli: hint: look elsewhere\n"


def test_every_line_of_an_error_is_dated_in_a_log(
    failing_with: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str]
) -> None:
    failing_with(DataError("r.csv:1: bad\nr.csv:2: bad"))

    main(["inspect"])

    assert all(DATE.match(line) for line in capsys.readouterr().err.splitlines())


def test_an_unexpected_error_is_one_line_without_a_traceback(
    failing_with: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str]
) -> None:
    failing_with(ZeroDivisionError("by nought"))

    code = main(["inspect"])

    assert code == 1
    assert DATE.sub("", capsys.readouterr().err) == (
        "rbmcli: error: unexpected: ZeroDivisionError: by nought (run with --debug for the traceback)\n"
    )


@pytest.mark.parametrize("arguments", [["--debug", "inspect"], ["inspect", "--debug"]])
def test_debug_shows_the_traceback(
    failing_with: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    failing_with(ZeroDivisionError("by nought"))

    main(arguments)

    told = DATE.sub("", capsys.readouterr().err)
    assert told.startswith("Traceback (most recent call last)")
    assert told.endswith("rbmcli: error: unexpected: ZeroDivisionError: by nought\n")


def test_debug_can_be_set_in_the_environment(
    failing_with: Callable[[BaseException], None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failing_with(DataError("no such file"))
    monkeypatch.setenv("RBMCLI_DEBUG", "1")

    main(["inspect"])

    assert capsys.readouterr().err.startswith("Traceback (most recent call last)")


def test_an_error_is_a_json_object_where_the_log_is(
    failing_with: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str]
) -> None:
    failing_with(DataError("no such file", hint="look elsewhere"))

    main(["--log-format", "json", "inspect"])

    event = json.loads(capsys.readouterr().err)
    assert (event["level"], event["message"], event["hint"]) == ("error", "no such file", "look elsewhere")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["inspect", "--bogus", "x"], "No such option: --bogus"),
        (["bogus"], "No such command 'bogus'"),
        (["inspect"], "Missing argument"),
        (["evaluate", "x", "--duplicates", "maybe"], "Invalid value for '--duplicates'"),
        (["inspect", "x", "-q", "-v"], "--quiet and --verbose exclude each other"),
        (["evaluate", "x", "-o", "-", "--json"], "--json prints the result to standard output"),
    ],
)
def test_a_usage_error_ends_with_2_and_names_the_help(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    code = main(arguments)

    assert code == 2
    assert DATE.sub("", capsys.readouterr().err).startswith(f"rbmcli: error: {message}")


def test_an_interrupt_ends_with_130(failing_with: Callable[[BaseException], None]) -> None:
    failing_with(KeyboardInterrupt())

    assert main(["inspect"]) == 130


@pytest.mark.parametrize(
    ("closed", "arguments"),
    [("stdout", ["--help"]), ("stdout", ["evaluate", "p.csv", "-q"]), ("stderr", ["inspect", "missing"])],
)
def test_a_closed_pipe_ends_with_141_and_says_nothing(
    tmp_path: Path, command_environment: dict[str, str], closed: str, arguments: list[str]
) -> None:
    (tmp_path / "p.csv").write_text("user,item,prediction,rating\n1,2,3,4\n")
    reading, writing = os.pipe()
    os.close(reading)
    other = "stderr" if closed == "stdout" else "stdout"

    ended = subprocess.run(
        [sys.executable, "-m", "rbmcli", *arguments],
        **{closed: writing, other: subprocess.PIPE},
        env=command_environment,
        cwd=tmp_path,
        timeout=60,
        check=False,
    )

    os.close(writing)
    assert ended.returncode == 141
    assert not getattr(ended, other)


def _has_open_file_in(folder: Path, process: int) -> bool:
    """Return whether a process has a file of a folder open, which need not have a name any more."""
    links = [str(link.readlink()) for link in Path(f"/proc/{process}/fd").iterdir() if link.is_symlink()]
    return any(link.startswith(str(folder)) for link in links) or any(folder.iterdir())


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_a_running_command_with_its_code(
    tmp_path: Path, command_environment: dict[str, str], number: int, code: int
) -> None:
    # It waits for a standard input that never ends, and has made room for the copy of it when it does.
    copies = tmp_path / "copies"
    copies.mkdir()
    running = subprocess.Popen(
        [sys.executable, "-m", "rbmcli", "evaluate", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env={**command_environment, "TMPDIR": str(copies)},
    )
    while not _has_open_file_in(copies, running.pid):
        time.sleep(0.05)
    running.send_signal(number)
    _, told = running.communicate(timeout=30)

    assert running.returncode == code
    assert b"Traceback" not in told


def test_the_real_command_ends_with_the_code_of_its_error(run_command: RunCommand) -> None:
    ended = run_command("inspect", "missing.parquet")

    assert ended.returncode == 3
    assert DATE.sub("", ended.stderr) == (
        "rbmcli: error: missing.parquet: no such file (hint: check the path of the input)\n"
    )

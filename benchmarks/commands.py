"""The real commands, each in a process of its own, with what it says and what it costs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.processes import ROOT, run_process


@dataclass(frozen=True)
class Outcome:
    """How a command ended.

    Attributes
    ----------
    code : int
        Its exit code.
    settings, figures : dict
        What it tells with `--json`; empty where it failed.
    message : str
        Its error, without the hint; empty where there was none.
    cpu_seconds : float
        Processor time of all its threads.
    peak_bytes : int
        The most memory that it held at once.
    wall_seconds : float
        Seconds by the clock.
    talk : str
        What it wrote to standard error.
    """

    code: int
    settings: dict[str, Any]
    figures: dict[str, Any]
    message: str
    cpu_seconds: float
    peak_bytes: int = 0
    wall_seconds: float = 0.0
    talk: str = ""


class CommandFailedError(Exception):
    """A command that had to succeed did not."""


def run_command(
    *arguments: object, started: Callable[[int], object] | None = None, quiet: bool = True
) -> Outcome:
    """Run `rbmcli` with some arguments and `--json`, and return how it ended.

    Parameters
    ----------
    *arguments
        The command and its arguments.
    started : callable or None
        Called with the number of the process as soon as it runs.
    quiet : bool
        Whether it is to tell warnings and errors only.
    """
    command = [
        sys.executable,
        "-m",
        "rbmcli",
        *map(str, arguments),
        *(["--quiet"] if quiet else []),
        "--json",
    ]
    done = run_process(command, _environment(), started=started)
    told = json.loads(done.output) if done.code == 0 else {}
    return Outcome(
        done.code,
        told.get("settings", {}),
        told.get("figures", {}),
        _error(done.talk),
        done.cpu_seconds,
        done.peak_bytes,
        done.wall_seconds,
        done.talk,
    )


def objects_of(talk: str) -> list[dict[str, Any]]:
    """Return what a command told with `--log-format json`, one object for each line that is one."""
    return [json.loads(line) for line in talk.splitlines() if line.startswith('{"time"')]


def knows_option(command: str, option: str) -> bool:
    """Return whether a command of `rbmcli` has an option, by its help."""
    told = run_process(
        [sys.executable, "-m", "rbmcli", command, "--help"], {**_environment(), "COLUMNS": "200"}
    )
    return option in told.output.split()


def run_module(name: str, *arguments: object) -> None:
    """Run a module of the benchmarks in a process of its own.

    Raises
    ------
    CommandFailedError
        If it fails; with the last line that it says.
    """
    done = run_process([sys.executable, "-m", name, *map(str, arguments)], _environment())
    if done.code:
        raise CommandFailedError(f"{name}: {(done.talk.strip() or str(done.code)).splitlines()[-1]}")


def needed(outcome: Outcome) -> Outcome:
    """Return the outcome of a command that succeeded.

    Raises
    ------
    CommandFailedError
        If it did not; with its message.
    """
    if outcome.code:
        raise CommandFailedError(f"exit code {outcome.code}: {outcome.message}")
    return outcome


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RBMCLI_")}
    return {**kept, "PYTHONPATH": os.pathsep.join([str(ROOT), *_python_path()])}


def _python_path() -> list[str]:
    given = os.environ.get("PYTHONPATH")
    return [given] if given else []


def _error(talk: str) -> str:
    marked = [line.partition("error: ")[2] for line in talk.splitlines() if "rbmcli: error: " in line]
    marked += [told["message"] for told in objects_of(talk) if told["level"] == "error"]
    return marked[-1] if marked else ""

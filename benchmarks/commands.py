"""The real commands, each in a process of its own, with what it says and what it costs."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parent.parent


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
    """

    code: int
    settings: dict[str, Any]
    figures: dict[str, Any]
    message: str
    cpu_seconds: float


class CommandFailedError(Exception):
    """A command that had to succeed did not."""


def run_command(*arguments: object) -> Outcome:
    """Run `rbmcli` with some arguments and `--json`, and return how it ended."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RBMCLI_")}
    before = _cpu_seconds()
    done = subprocess.run(
        [sys.executable, "-m", "rbmcli", *map(str, arguments), "--quiet", "--json"],
        env={**kept, "PYTHONPATH": os.pathsep.join([str(_ROOT), *_python_path()])},
        capture_output=True,
        text=True,
        check=False,
    )
    spent = _cpu_seconds() - before
    told = json.loads(done.stdout) if done.returncode == 0 else {}
    return Outcome(
        done.returncode, told.get("settings", {}), told.get("figures", {}), _error(done.stderr), spent
    )


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


def _python_path() -> list[str]:
    given = os.environ.get("PYTHONPATH")
    return [given] if given else []


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _error(talk: str) -> str:
    marked = [line.partition("error: ")[2] for line in talk.splitlines() if "rbmcli: error: " in line]
    return marked[-1] if marked else ""

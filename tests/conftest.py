"""What tests of several folders share: where the sample is, and how the real command is run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of this project's tests."""
    parser.addoption("--update-golden", action="store_true", help="write the files of tests/golden/ anew")
    parser.addoption(
        "--faults", choices=["some", "full"], default="some", help="how many faults tests/faults/ tries"
    )


def pytest_configure() -> None:
    """Hear Ctrl-C: what a shell runs in the background ignores it, and so would the commands under test."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def sample_ratings() -> Path:
    """The ratings of the sample, as CSV."""
    return ROOT / "sample_data" / "ratings.csv"


@pytest.fixture
def command_environment() -> dict[str, str]:
    """An environment in which `python -m rbmcli` is this source tree and no option is set."""
    # Unbuffered, what cannot be written fails at once, and not when the process ends.
    left_out = ("RBMCLI_", "PYTHONUNBUFFERED")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    return {**kept, "PYTHONPATH": str(ROOT)}


@pytest.fixture
def run_command(
    tmp_path: Path, command_environment: dict[str, str]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the real command in a fresh process, in the test's own folder."""

    def run(*arguments: object, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "rbmcli", *map(str, arguments)],
            input=stdin,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**command_environment, **environment},
            timeout=60,
            check=False,
        )

    return run

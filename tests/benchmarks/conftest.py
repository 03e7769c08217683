"""What tests of the benchmarks share: ratings of no size, and how a script is run."""

from __future__ import annotations

import subprocess
import sys

import pyarrow as pa
import pytest

from benchmarks.generated import Size, generated_ratings
from tests.conftest import ROOT

SIZE = Size(users=60, items=40, ratings=700)


@pytest.fixture(scope="session")
def ratings() -> pa.Table:
    """Ratings of `SIZE`."""
    return generated_ratings(SIZE)


def run_script(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a script of the benchmarks as `make bench` does."""
    return subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

"""Another process that holds the lock of an output, for tests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import ROOT

_PROGRAM = """
import sys
from pathlib import Path
from rbmcli.data.locks import locked

with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held_by_another(target: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Yield a process that holds the lock of a file until the block ends, or its standard input is closed."""
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(target)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        yield holder

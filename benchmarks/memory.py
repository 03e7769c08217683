"""The most memory that one process takes: run afresh, with a file of ratings or with none.

    python -m benchmarks.memory [RATINGS HIDDEN]

Without arguments everything is imported and nothing trained. Prints the bytes.
"""

from __future__ import annotations

import dataclasses
import resource
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent


def peak_of_this_process() -> int:
    """Return the most bytes that this process has had in memory at once."""
    status = Path("/proc/self/status")
    if status.exists():
        # What getrusage tells begins with what the parent had in memory when it started this process.
        for line in status.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def peak_of_training(ratings: Path | None, hidden: int = 0) -> int:
    """Return the peak of a fresh process that trains on a file of ratings, or that only imports."""
    arguments = [] if ratings is None else [str(ratings), str(hidden)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.memory", *arguments],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return int(done.stdout)


def _main(arguments: list[str]) -> None:
    # Not at the top: the process that starts the others asks for the figures alone.
    from benchmarks.setting import CD_1
    from rbmcli.pipeline.train import train

    if arguments:
        train(arguments[0], settings=dataclasses.replace(CD_1, hidden=int(arguments[1]), epochs=2))
    print(peak_of_this_process())


if __name__ == "__main__":
    _main(sys.argv[1:])

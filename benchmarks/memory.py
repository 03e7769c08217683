"""The most memory that one process takes: run afresh, with a file of ratings or with none.

    python -m benchmarks.memory [RATINGS HIDDEN]

Without arguments everything is imported and nothing trained. Prints the bytes.
"""

from __future__ import annotations

import dataclasses
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_LOOK_EVERY = 0.02


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


class OwnMemory:
    """Looks every so often at how much memory of its own a process has: pages of files that it maps are not.

    Parameters
    ----------
    pid : int
        Number of the process. Those that it starts do not count.

    Attributes
    ----------
    peak_bytes : int or None
        The most that was seen so far; None where the system does not tell.
    """

    def __init__(self, pid: int) -> None:
        self.peak_bytes: int | None = None
        self._status = Path(f"/proc/{pid}/status")
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            try:
                lines = self._status.read_text(encoding="ascii").splitlines()
            except OSError:
                return
            told = [int(line.split()[1]) for line in lines if line.startswith(("RssAnon:", "RssShmem:"))]
            if not told:
                # It has ended, and is still waited for.
                return
            self.peak_bytes = max(self.peak_bytes or 0, sum(told) * 1024)
            time.sleep(_LOOK_EVERY)


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

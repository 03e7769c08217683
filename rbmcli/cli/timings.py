"""How long the steps of a command take, for `--json` and for the log."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rbmcli.progress import Progress


class TimedProgress(Progress):
    """A progress that remembers how long each step took.

    Attributes
    ----------
    steps : list of dict
        `step`, a description, and `seconds` of each step that has ended.
    """

    def __init__(self) -> None:
        self.steps: list[dict[str, object]] = []
        self._started = time.monotonic()

    @contextmanager
    def timed(self, description: str) -> Iterator[None]:
        """Remember how long the block takes, if it ends well, and tell it as a detail."""
        started = time.monotonic()
        yield
        seconds = time.monotonic() - started
        self.steps.append({"step": description, "seconds": round(seconds, 3)})
        self.detail(f"{description}: done in {seconds:.1f} s")

    def timings(self) -> dict[str, object]:
        """Return seconds so far, those of the processor among all threads, and those of the steps."""
        used = os.times()
        return {
            "seconds": round(time.monotonic() - self._started, 3),
            "cpu_seconds": round(used.user + used.system, 3),
            "steps": self.steps,
        }

"""Processes of their own, with what each of them costs."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Ended:
    """How a process ended.

    Attributes
    ----------
    code : int
        Its exit code; negative for the signal that ended it.
    output, talk : str
        What it wrote to standard output and to standard error.
    cpu_seconds : float
        Processor time of all its threads, and of the processes that it waited for.
    peak_bytes : int
        The most memory that it held at once. It counts from what the process that started it held then, so
        that only larger ones are told apart.
    too_long : bool
        Whether it was ended because its time was over.
    wall_seconds : float
        Seconds by the clock.
    """

    code: int
    output: str
    talk: str
    cpu_seconds: float
    peak_bytes: int
    too_long: bool = False
    wall_seconds: float = 0.0


def run_process(
    command: Sequence[str],
    environment: Mapping[str, str],
    limit: float | None = None,
    started: Callable[[int], object] | None = None,
) -> Ended:
    """Run a command in the folder of the project, and return how it ended.

    Parameters
    ----------
    command : sequence of str
        The program and its arguments.
    environment : mapping
        All of its environment.
    limit : float or None
        Seconds by the clock after which it is killed.
    started : callable or None
        Called with the number of the process as soon as it runs.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as talk:
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, env=dict(environment), stdout=output, stderr=talk)
        if started is not None:
            started(process.pid)
        over = threading.Event()

        def end() -> None:
            over.set()
            process.kill()

        timer = threading.Timer(limit or threading.TIMEOUT_MAX, end)
        timer.daemon = True
        timer.start()
        # Not `Popen.wait`, which does not tell what the process used.
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        texts = []
        for file in (output, talk):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
    peak = used.ru_maxrss if sys.platform == "darwin" else used.ru_maxrss * 1024
    spent = used.ru_utime + used.ru_stime
    return Ended(process.returncode, texts[0], texts[1], spent, peak, over.is_set(), seconds)

"""Tells what a command does as lines on standard error: dated text, or one JSON object per line.

This is what a log file, a pipe or a cron mail gets; bars.py is for a terminal.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from rbmcli.cli.options import Running
from rbmcli.cli.timings import TimedProgress
from rbmcli.progress import EpochReport, Step

RUN_ID = os.urandom(6).hex()
"""Tells the JSON lines of this process from those of another."""


def log_line(running: Running, level: str, message: str, **fields: object) -> None:
    """Write one event to standard error.

    Parameters
    ----------
    running : Running
        Names the format.
    level : {"detail", "info", "warning", "error"}
        How important the event is.
    message : str
        The event, in words.
    **fields : object
        Further figures of the event, for the JSON format only.
    """
    now = datetime.now().astimezone()
    if running.log_format == "json":
        event = {
            "time": now.isoformat(timespec="milliseconds"),
            "level": level,
            "message": message,
            "run": RUN_ID,
        }
        line = json.dumps({**event, **fields}, ensure_ascii=False)
    else:
        prefix = f"{level}: " if level in {"warning", "error"} else ""
        line = "\n".join(f"{now:%Y-%m-%dT%H:%M:%S} rbmcli: {prefix}{part}" for part in message.splitlines())
    print(line, file=sys.stderr, flush=True)


def log_error(running: Running, message: str, hint: str = "") -> None:
    """Write the error that a command ends with to standard error, and what to do about it.

    On a terminal the two stand below each other, in a log on one dated line.
    """
    if running.log_format == "json":
        log_line(running, "error", message, **({"hint": hint} if hint else {}))
    elif sys.stderr.isatty():
        print(f"rbmcli: error: {message}", file=sys.stderr)
        if hint:
            print(f"rbmcli: hint: {hint}", file=sys.stderr)
    else:
        log_line(running, "error", f"{message} (hint: {hint})" if hint else message)


class LineProgress(TimedProgress):
    """Progress as one line per event.

    Parameters
    ----------
    running : Running
        Format, and how much is told.
    """

    def __init__(self, running: Running) -> None:
        super().__init__()
        self._running = running

    def info(self, message: str) -> None:
        """Write a line, unless quiet."""
        if not self._running.quiet:
            log_line(self._running, "info", message)

    def detail(self, message: str) -> None:
        """Write a line, if verbose."""
        if self._running.verbose:
            log_line(self._running, "detail", message)

    def warn(self, message: str) -> None:
        """Write a line."""
        log_line(self._running, "warning", message)

    def epoch(self, report: EpochReport) -> None:
        """Write a line with the figures of the epoch, unless quiet."""
        if not self._running.quiet:
            log_line(self._running, "info", describe_epoch(report), **dataclasses.asdict(report))

    @contextmanager
    def step(self, description: str, total: int | None = None, *, is_brief: bool = False) -> Iterator[Step]:
        """Write a line when the step begins, unless quiet or brief, and one when it has ended, if verbose."""
        if is_brief:
            yield Step()
            return
        self.info(description)
        with self.timed(description):
            yield Step()


def describe_epoch(report: EpochReport) -> str:
    """Return the figures of an epoch as one line of text."""
    parts = [f"epoch {report.epoch}/{report.epochs}: loss {report.loss:.4f}"]
    if report.valid_rmse is not None:
        parts.append(f"valid rmse {report.valid_rmse:.4f}")
    if report.valid_nll is not None:
        parts.append(f"valid nll {report.valid_nll:.4f}")
    parts.append(f"{report.ratings_per_second / 1e6:.2f} M ratings/s")
    parts.append(f"{report.seconds_left:.0f} s left")
    if report.is_best:
        parts.append("best")
    return ", ".join(parts)

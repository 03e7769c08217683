"""Tells what a command does on a terminal: bars for steps, a table that grows by a row an epoch.

Imported only when a terminal is there, because it needs Rich.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console
from rich.progress import (
    BarColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.text import Text

from rbmcli.cli.options import Running
from rbmcli.cli.timings import TimedProgress
from rbmcli.progress import EpochReport, Step

EPOCH_HEADER = f"{'epoch':>9}{'loss':>9}{'valid rmse':>12}{'valid nll':>11}{'ratings/s':>12}{'time left':>11}"


class _BarStep(Step):
    def __init__(self, bars: Bars, task: TaskID) -> None:
        self._bars = bars
        self._task = task
        self._done, self._started = 0, time.monotonic()

    def advance(self, amount: int) -> None:
        self._done += amount
        rate = self._done / max(time.monotonic() - self._started, 1e-9)
        self._bars.update(self._task, advance=amount, rate=f"{rate:,.0f}/s")


class BarProgress(TimedProgress):
    """Progress drawn on the terminal of standard error.

    Parameters
    ----------
    running : Running
        How much is told.
    """

    def __init__(self, running: Running) -> None:
        super().__init__()
        self._running = running
        self._has_header = False
        # Colours stay off where NO_COLOR is set: Rich looks at it itself.
        self._console = Console(
            stderr=True, force_terminal=True if running.progress == "always" else None, highlight=False
        )
        self._bars = Bars(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )

    def info(self, message: str) -> None:
        """Print a line above the bars, unless quiet."""
        if not self._running.quiet:
            self._console.print(Text(message), soft_wrap=True)

    def detail(self, message: str) -> None:
        """Print a faint line above the bars, if verbose."""
        if self._running.verbose:
            self._console.print(Text(message, style="dim"), soft_wrap=True)

    def warn(self, message: str) -> None:
        """Print a warning above the bars."""
        self._console.print(Text.assemble(("warning: ", "yellow"), message), soft_wrap=True)

    def epoch(self, report: EpochReport) -> None:
        """Print the epoch's row of the table, below a header if it is the first; unless quiet."""
        if self._running.quiet:
            return
        # Training that goes on from a checkpoint has no first epoch.
        if report.epoch == 1 or not self._has_header:
            self._has_header = True
            self._console.print(Text(EPOCH_HEADER, style="bold"), soft_wrap=True)
        self._console.print(Text(epoch_row(report), style="green" if report.is_best else ""), soft_wrap=True)

    @contextmanager
    def step(self, description: str, total: int | None = None) -> Iterator[Step]:
        """Draw a bar while the step runs, unless quiet; tell how long it took, if verbose."""
        if self._running.quiet:
            with self.timed(description):
                yield Step()
            return
        task = self._bars.add_task(description, total=total, rate="")
        self._bars.start()
        with self.timed(description):
            try:
                yield _BarStep(self._bars, task)
            finally:
                self._bars.remove_task(task)
                if not self._bars.task_ids:
                    self._bars.stop()


def epoch_row(report: EpochReport) -> str:
    """Return the figures of an epoch, aligned under `EPOCH_HEADER`; a star marks the best so far."""
    rmse = "-" if report.valid_rmse is None else f"{report.valid_rmse:.4f}"
    nll = "-" if report.valid_nll is None else f"{report.valid_nll:.4f}"
    left = str(timedelta(seconds=round(report.seconds_left)))
    return (
        f"{f'{report.epoch}/{report.epochs}':>9}{report.loss:>9.4f}{rmse:>12}{nll:>11}"
        f"{report.ratings_per_second / 1e6:>10.2f} M{left:>11}{' *' if report.is_best else ''}"
    )

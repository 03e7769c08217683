"""Tells what a command does on a terminal: bars for steps, a table that grows by a row an epoch.

Imported only when a terminal is there, because it needs Rich.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
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

_BRIEF_SECONDS = 1.0

EPOCH_HEADER = f"{'epoch':>9}{'loss':>9}{'valid rmse':>12}{'valid nll':>11}{'ratings/s':>12}{'time left':>11}"


class _BarStep(Step):
    """A step with a bar, which is drawn at once or after a second."""

    def __init__(self, bars: Bars, description: str, total: int | None) -> None:
        self._bars, self._description, self._total = bars, description, total
        self._task: TaskID | None = None
        self._done, self._started = 0, time.monotonic()

    def draw(self) -> None:
        """Draw the bar from now on."""
        if self._task is None:
            self._task = self._bars.add_task(
                self._description, total=self._total, completed=self._done, rate=""
            )
            self._bars.start()

    def advance(self, amount: int) -> None:
        """Tell that `amount` further units are done."""
        self._done += amount
        seconds = time.monotonic() - self._started
        if self._task is None and seconds < _BRIEF_SECONDS:
            return
        self.draw()
        assert self._task is not None
        self._bars.update(self._task, completed=self._done, rate=f"{self._done / max(seconds, 1e-9):,.0f}/s")

    def remove(self) -> None:
        """Remove the bar, if it was drawn."""
        if self._task is not None:
            self._bars.remove_task(self._task)
            if not self._bars.task_ids:
                self._bars.stop()


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
    def step(self, description: str, total: int | None = None, *, is_brief: bool = False) -> Iterator[Step]:
        """Draw a bar while the step runs, unless quiet; tell how long it took, if verbose.

        A brief step is drawn only when it has lasted for a second.
        """
        step = Step() if self._running.quiet else _BarStep(self._bars, description, total)
        with nullcontext() if is_brief else self.timed(description):
            try:
                if isinstance(step, _BarStep) and not is_brief:
                    step.draw()
                yield step
            finally:
                if isinstance(step, _BarStep):
                    step.remove()


def epoch_row(report: EpochReport) -> str:
    """Return the figures of an epoch, aligned under `EPOCH_HEADER`; a star marks the best so far."""
    rmse = "-" if report.valid_rmse is None else f"{report.valid_rmse:.4f}"
    nll = "-" if report.valid_nll is None else f"{report.valid_nll:.4f}"
    left = str(timedelta(seconds=round(report.seconds_left)))
    return (
        f"{f'{report.epoch}/{report.epochs}':>9}{report.loss:>9.4f}{rmse:>12}{nll:>11}"
        f"{report.ratings_per_second / 1e6:>10.2f} M{left:>11}{' *' if report.is_best else ''}"
    )

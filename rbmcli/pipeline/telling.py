"""Tasks that tell what they do, wherever an engine has them done.

What is told where the terminal is far is told here when the result comes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

from rbmcli.engine import Engine
from rbmcli.progress import EpochReport, Progress

Task = TypeVar("Task")
Result = TypeVar("Result")


class Notes(Progress):
    """Writes down what is told, to tell it later; steps under way are of no interest then."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []

    def info(self, message: str) -> None:
        """Write it down."""
        self.told.append(("info", message))

    def detail(self, message: str) -> None:
        """Write it down."""
        self.told.append(("detail", message))

    def warn(self, message: str) -> None:
        """Write it down."""
        self.told.append(("warn", message))

    def epoch(self, report: EpochReport) -> None:
        """Write it down."""
        self.told.append(("epoch", report))


def map_telling(
    engine: Engine,
    work: Callable[[Task, Progress], Result],
    tasks: Sequence[Task],
    progress_of: Callable[[Task], Progress],
) -> Iterator[Result]:
    """Do tasks, and yield what each gives, in their order.

    Parameters
    ----------
    engine : Engine
        Where.
    work : callable
        A function of a module, or a `functools.partial` of one, of a task and the progress that it tells.
    tasks : sequence
        What it is called with.
    progress_of : callable
        Returns what is told of a task.
    """
    if engine.is_here:
        yield from engine.map(lambda task: work(task, progress_of(task)), tasks)
        return
    for task, (result, told) in zip(tasks, engine.map(partial(_noted, work), tasks), strict=True):
        progress = progress_of(task)
        for how, what in told:
            getattr(progress, how)(what)
        yield result


def _noted(work: Callable[[Task, Progress], Result], task: Task) -> tuple[Result, list[tuple[str, Any]]]:
    notes = Notes()
    return work(task, notes), notes.told

"""The engine that is always there: this process, one task after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from rbmcli.engine.interface import Engine, Part, Result, Task
from rbmcli.models.crews import Crew, crew_here


class LocalEngine(Engine):
    """This process.

    Parameters
    ----------
    workers : int
        As how many workers it counts where the result depends on it; work is done one after the other all
        the same.
    """

    def __init__(self, workers: int = 1) -> None:
        self.workers = workers

    def map(self, work: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """Do each task when its result is asked for."""
        return map(work, tasks)

    def crew(self, make: Callable[[Part], Any], parts: Sequence[Part]) -> AbstractContextManager[Crew]:
        """Return a crew of this process."""
        return crew_here(make, parts)


LOCAL = LocalEngine()

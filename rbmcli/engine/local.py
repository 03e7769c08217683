"""The engine that is always there: this process, one task after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from rbmcli.engine.interface import Crew, Engine, Member, Part, Result, Task


class LocalCrew(Crew[Member]):
    """Members that are objects of this process."""

    def __init__(self, members: list[Member]) -> None:
        self._members = members

    def each(self, work: Callable[[Member, Task], Result], tasks: Sequence[Task]) -> list[Result]:
        """Let each member do its task, and return what they give."""
        return [work(member, task) for member, task in zip(self._members, tasks, strict=True)]


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

    @contextmanager
    def crew(self, make: Callable[[Part], Member], parts: Sequence[Part]) -> Iterator[Crew[Member]]:
        """Yield a crew of this process."""
        yield LocalCrew([make(part) for part in parts])


LOCAL = LocalEngine()

"""What the pipeline asks of an engine: tasks that need nothing of each other, and crews that keep their data.

Work is a function of what it is given alone. So it does not matter who does it, nor how often: what was lost
with a worker is done again by another, and the result is the same.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from rbmcli.models.crews import Crew

Task = TypeVar("Task")
Result = TypeVar("Result")
Part = TypeVar("Part")


class Engine(ABC):
    """Where work is done.

    Attributes
    ----------
    workers : int
        How many tasks are done at a time.
    is_here : bool
        Whether tasks are done in this process, so that they can be given what cannot leave it.
    """

    workers: int
    is_here: bool = True

    @abstractmethod
    def map(self, work: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
        """Do tasks, and yield what each gives, in the order of the tasks.

        No more of the tasks are taken in advance than workers need, so that results which nobody has asked
        for yet do not pile up.

        Parameters
        ----------
        work : callable
            A function of a module, or a `functools.partial` of one: it may have to go to another machine.
        tasks : iterable
            What it is called with.
        """

    @abstractmethod
    def crew(self, make: Callable[[Part], Any], parts: Sequence[Part]) -> AbstractContextManager[Crew]:
        """Return a crew with a member for each part, made by `make(part)`; it is dismissed with the block."""

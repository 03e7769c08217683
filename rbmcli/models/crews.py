"""Who learns together: members that each hold a part of the rows, wherever they work.

Engines have crews of this kind, wherever their workers are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

from rbmcli.config import TrainSettings
from rbmcli.errors import UsageError


class Crew(Protocol):
    """Members that were each made of a part of some data, where they work, and keep it."""

    def each(self, work: Callable[[Any, Any], Any], tasks: Sequence[Any]) -> list[Any]:
        """Let each member do its task, and return what they give, in the order of the parts.

        Parameters
        ----------
        work : callable
            Given a member and its task. It must not change the member in a way that later work depends on: a
            member that was lost is made again, and does its task again.
        tasks : sequence
            As many as there are members.
        """


MakeCrew = Callable[[Callable[[Any], Any], Sequence[Any]], AbstractContextManager[Crew]]
"""Given how a member is made of a part, and the parts; a member that is lost may be made again."""


class _CrewHere:
    def __init__(self, members: list[Any]) -> None:
        self._members = members

    def each(self, work: Callable[[Any, Any], Any], tasks: Sequence[Any]) -> list[Any]:
        """Let one member after the other do its task."""
        return [work(member, task) for member, task in zip(self._members, tasks, strict=True)]


@contextmanager
def crew_here(make: Callable[[Any], Any], parts: Sequence[Any]) -> Iterator[Crew]:
    """Yield a crew of this process."""
    yield _CrewHere([make(part) for part in parts])


def check_joint_learning(settings: TrainSettings) -> None:
    """Check that a crew can learn by some settings.

    Raises
    ------
    UsageError
        If it cannot.
    """
    for option, is_given, reason in (
        ("--persistent", settings.persistent, "its Gibbs chains stay with the rows from epoch to epoch"),
        ("--layers", bool(settings.upper_layers), "an upper layer learns from the one below of all rows"),
    ):
        if is_given:
            raise UsageError(
                f"{option}: cannot be learned by several workers: {reason}",
                hint=f"leave out {option}, or --engine and --workers",
            )

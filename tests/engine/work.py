"""What the tests of engines let workers do: functions of a module, as an engine needs them."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import NamedTuple

from rbmcli.errors import DataError


class Fragile(NamedTuple):
    """A task that dies with its worker the first time: then `marker` is not there yet."""

    number: int
    marker: str


def die_once(marker: str) -> None:
    """Kill this process, unless that was done before."""
    if marker and not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)


def squared(task: Fragile) -> int:
    """Return the square of the number of a task."""
    die_once(task.marker)
    return task.number**2


def slow_square(number: int, seconds: float = 0.1) -> int:
    """Return the square of a number after a while."""
    time.sleep(seconds)
    return number**2


def refuse(number: int) -> int:
    """Raise an error of the house, with what it has besides its message."""
    raise DataError(f"ratings.csv:{number}: is no rating", hint="mend it")


def always_die(number: int) -> None:
    """Kill this process."""
    os.kill(os.getpid(), signal.SIGKILL)


def process_of(task: object) -> int:
    """Return which process does a task."""
    return os.getpid()


def threads_of(task: object) -> int:
    """Return how many threads kernels use where a task is done."""
    import numba

    return int(numba.get_num_threads())


def member_of(part: int) -> list[int]:
    """Make a member of a crew."""
    return [part]


def refused_member(part: int) -> list[int]:
    """Fail to make one."""
    return [refuse(part)]


def times(member: list[int], task: Fragile) -> int:
    """Multiply the part of a member by the number of a task."""
    die_once(task.marker)
    return member[0] * task.number


def process_of_member(member: list[int], task: object) -> int:
    """Return in which process a member is."""
    return os.getpid()

"""What the tests of engines let workers do: functions of a module, as an engine needs them."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

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


def slow_square(number: int) -> int:
    """Return the square of a number after a while."""
    time.sleep(0.1)
    return number**2


def square_when_released(folder: str, number: int) -> int:
    """Return the square of a number as soon as there is a file; another tells that this has begun."""
    (Path(folder) / f"begun-{number}").touch()
    while not (Path(folder) / "released").exists():
        time.sleep(0.05)
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


def is_writeable(array: np.ndarray) -> bool:
    """Return whether an array can be changed: kernels are compiled for those alone."""
    return bool(array.flags.writeable)


def has_writeable(member: np.ndarray, task: object) -> bool:
    """Return whether the array that is a member can be changed."""
    return is_writeable(member)


def itself(part: np.ndarray) -> np.ndarray:
    """Make a member of an array that is the array."""
    return part

"""What is sent to the workers of a Ray cluster, what comes back, and what is sent again where it was lost."""

from __future__ import annotations

import pickle
import time
import traceback
from collections.abc import Callable
from typing import Any, NamedTuple

from rbmcli.errors import RbmcliError, UsageError

try:
    import ray
    from ray import cloudpickle, exceptions
except ModuleNotFoundError as error:
    if error.name != "ray":
        raise
    raise UsageError(
        "--engine ray needs the package ray, which is not installed", hint="pip install 'rbmcli[ray]'"
    ) from None

__all__ = ["Job", "Outcome", "Tell", "outcome_of", "packed", "ray", "unpacked_call"]

Tell = Callable[[str], None]

_ATTEMPTS = 6
_SECONDS_BEFORE_THE_SECOND = 0.1

_LOST = (
    exceptions.WorkerCrashedError,
    exceptions.NodeDiedError,
    exceptions.LocalRayletDiedError,
    exceptions.ObjectLostError,
    exceptions.RayActorError,
    exceptions.OutOfMemoryError,
)
"""What Ray tells of a task whose worker or node died, or whose result was lost with it."""


class Outcome(NamedTuple):
    """What a task gave, or the exception that it raised."""

    result: Any
    error: Exception | None = None


def outcome_of(function: Callable[..., Any], *given: Any) -> Outcome:
    """Call a function; its exception is a result, so that Ray does not put one of its own in its place."""
    try:
        return Outcome(function(*given))
    except Exception as error:
        error.add_note(f"raised on a worker:\n{traceback.format_exc()}")
        return Outcome(None, error)


def packed(thing: Any) -> bytes:
    """Return bytes for another process to make the same thing of.

    Arrays that lie in the store of Ray itself are read-only, for which kernels would be compiled anew.
    """
    return bytes(cloudpickle.dumps(thing))


def unpacked_call(function: bytes, given: bytes) -> Any:
    """Call a function with what it is given, both as `packed` returns them."""
    return pickle.loads(function)(pickle.loads(given))


class Job:
    """A task that is under way, and is begun anew as often as it is lost.

    Parameters
    ----------
    begin : callable
        Begins it, and returns the reference of its outcome.
    tell : callable
        Told when it is begun anew.
    """

    def __init__(self, begin: Callable[[], Any], tell: Tell) -> None:
        self._begin, self._tell, self._attempts = begin, tell, 1
        self.reference = begin()

    def result(self) -> Any:
        """Wait for the task, and return what it gave, or raise what it raised."""
        while True:
            try:
                outcome: Outcome = ray.get(self.reference)
            except _LOST as error:
                self._begin_again(error)
                continue
            if outcome.error is not None:
                raise outcome.error
            return outcome.result

    def _begin_again(self, error: Exception) -> None:
        if self._attempts == _ATTEMPTS:
            raise RbmcliError(
                f"a task was lost with its worker {_ATTEMPTS} times, the last time by {type(error).__name__}",
                hint="see whether the workers have enough memory, and what Ray's logs say of them",
            ) from error
        self._tell(f"a worker was lost ({type(error).__name__}): what it did is done again")
        time.sleep(_SECONDS_BEFORE_THE_SECOND * 2 ** (self._attempts - 1))
        self._attempts += 1
        self.reference = self._begin()

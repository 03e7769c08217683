"""What a run of training keeps, so that it can be stopped and go on: the trainings that it consists of.

A run asks its checkpoint, training by training: is this one known, or under way? So a run that goes on does
all that an unbroken one does, but for the learning that was done before.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from typing import Any

from rbmcli.errors import StoppedError
from rbmcli.models.fit_state import FitState

Key = dict[str, Any]
Stop = Callable[[], bool]


def _never() -> bool:
    return False


class Checkpoint:
    """A checkpoint that keeps nothing.

    Parameters
    ----------
    stop : callable
        Asked after every mini-batch whether training is to stop.
    """

    def __init__(self, stop: Stop = _never) -> None:
        self._stop = stop

    def finished(self, key: Key, limits: tuple[int, ...]) -> FitState | None:
        """Return the state of a training that is over; its parameters need not be there.

        Parameters
        ----------
        key : dict
            What tells the training from others of the run.
        limits : tuple of int
            Most epochs of each stage.
        """
        return None

    def begin(self, key: Key, limits: tuple[int, ...]) -> FitState | None:
        """Return the state that a training is to go on from; None begins it anew. Arguments as `finished`."""
        return None

    def watch(self, state: FitState) -> None:
        """Take note of the state of the training that has begun, which changes from now on."""

    def reached(self, collect: Callable[[], None], *, epoch_is_over: bool) -> None:
        """Take note that a mini-batch or an epoch is done.

        Parameters
        ----------
        collect : callable
            Puts the arrays of the training under way into its state.
        epoch_is_over : bool
            Whether it is an epoch.

        Raises
        ------
        StoppedError
            If training is to stop.
        """
        if self._stop():
            raise StoppedError("training was stopped")

    def ended(self) -> None:
        """Take note that the training under way is over."""

    def keep(self) -> None:
        """Take note that the last training is the best so far."""


KEEPING_NOTHING = Checkpoint()


class SavedCheckpoint(Checkpoint):
    """A checkpoint that is saved from time to time.

    Parameters
    ----------
    save : callable
        Saves all states with their keys, and whether the run is complete.
    interval : float
        Seconds between two times that it is saved; 0 saves at the end of every epoch.
    stop : callable
        Asked after every mini-batch whether training is to stop.
    saved : iterable of pairs of a key and a state
        Trainings of a run that was broken off.
    """

    def __init__(
        self,
        save: Callable[[list[tuple[Key, FitState]], bool], None],
        interval: float,
        stop: Stop = _never,
        saved: Iterable[tuple[Key, FitState]] = (),
    ) -> None:
        super().__init__(stop)
        self._save_states, self._interval = save, interval
        # In the order in which this run came to them, and those before that it has not come to.
        self._states: dict[str, FitState] = {}
        self._earlier = {_name(key): state for key, state in saved}
        self._last = ""
        self._kept: str | None = None
        self._saved_at = time.monotonic()

    def finished(self, key: Key, limits: tuple[int, ...]) -> FitState | None:
        """Return the state of a training that is over; its parameters need not be there."""
        name = _name(key)
        if name in self._earlier and self._earlier[name].is_result_of(limits):
            self._states[name] = self._earlier.pop(name)
            self._last = name
            return self._states[name]
        return None

    def begin(self, key: Key, limits: tuple[int, ...]) -> FitState | None:
        """Return the state that a training is to go on from; None begins it anew."""
        name = _name(key)
        found = self._states.get(name) or self._earlier.pop(name, None)
        self._last = name
        self._forget_parameters(besides=name)
        return found if found is not None and found.suits(limits) else None

    def watch(self, state: FitState) -> None:
        """Take note of the state of the training that has begun."""
        self._states[self._last] = state

    def reached(self, collect: Callable[[], None], *, epoch_is_over: bool) -> None:
        """Save if it is time to, or if training is to stop; then raise `StoppedError`."""
        is_late = time.monotonic() - self._saved_at >= self._interval
        is_due = is_late if self._interval else epoch_is_over
        is_to_stop = self._stop()
        if is_due or is_to_stop:
            collect()
            self._save()
        if is_to_stop:
            raise StoppedError("training was stopped")

    def ended(self) -> None:
        """Save."""
        self._save()

    def keep(self) -> None:
        """Take note that the last training is the best so far."""
        self._kept = self._last

    def complete(self) -> None:
        """Save that the run is complete, without what only an earlier one came to."""
        self._earlier = {}
        self._forget_parameters()
        self._save(is_complete=True)

    def _forget_parameters(self, besides: str = "") -> None:
        """Forget the parameters of trainings that are neither the best nor a refit, but for one."""
        for name, state in self._states.items():
            if state.measured and name not in {self._kept, besides}:
                state.arrays = {}

    def _save(self, *, is_complete: bool = False) -> None:
        states = self._states | self._earlier
        self._save_states([(json.loads(name), state) for name, state in states.items()], is_complete)
        self._saved_at = time.monotonic()


def _name(key: Key) -> str:
    return json.dumps(key, sort_keys=True)

"""What Ctrl-C and SIGTERM do to a running command.

The first one ends the command by an exception that unwinds it, or, where work can be stopped and go on later,
is held back until the work looks for it. The second one ends the process at once.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager


class Terminated(BaseException):
    """SIGTERM arrived: no Exception, so that nothing but the end of the program catches it."""


class _Arrivals:
    """Which signal arrived first, and whether signals are held back."""

    def __init__(self) -> None:
        self.first: int | None = None
        self.is_held_back = False


_arrivals = _Arrivals()


@contextmanager
def handling(exit_codes: Mapping[signal.Signals, int]) -> Iterator[None]:
    """Handle signals while the block runs, but for those that whoever started the process has it ignore.

    Parameters
    ----------
    exit_codes : mapping of signal to int
        The signals, with the code that the process exits with at the second of them.
    """

    def handle(number: int, frame: object) -> None:
        if _arrivals.first is not None:
            os._exit(exit_codes[signal.Signals(number)])
        _arrivals.first = number
        if not _arrivals.is_held_back:
            raise KeyboardInterrupt if number == signal.SIGINT else Terminated

    _arrivals.first, _arrivals.is_held_back = None, False
    handled = [number for number in exit_codes if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in handled}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def first_arrival() -> int | None:
    """Return the number of the signal that arrived first, if any did."""
    return _arrivals.first


@contextmanager
def held_back() -> Iterator[Callable[[], bool]]:
    """Yield a function that tells whether a signal has arrived.

    From its first call to the end of the block the first signal raises nothing, because whoever called it
    will call it again, and stop.
    """

    def has_arrived() -> bool:
        _arrivals.is_held_back = True
        return _arrivals.first is not None

    try:
        yield has_arrived
    finally:
        _arrivals.is_held_back = False

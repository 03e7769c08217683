"""The errors that a user can meet, each with the exit code that the command line ends with.

RbmcliError                  1   something unexpected
├── DivergenceError          1   training left the finite numbers
├── OutputError              1   an output that the system does not let be written
├── UsageError               2   options that do not fit together or are out of range
├── DataError                3   an input file or table that cannot be used
├── MismatchError            4   files that do not belong together, or a schema that differs
├── LockedError              5   another run is writing the same output
├── GateError                6   a figure is on the wrong side of --fail-if
└── StoppedError           130   no failure: training was asked to stop

A message says what is wrong, where, and what was expected; a hint says what to do next.
"""

from __future__ import annotations

import os


class RbmcliError(Exception):
    """An error with a message for the user.

    Parameters
    ----------
    message : str
        What is wrong, where it is, and what was expected, in one line where possible.
    hint : str
        What to do about it.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class DivergenceError(RbmcliError):
    """Training produced a parameter that is not finite."""


class OutputError(RbmcliError):
    """An output cannot be written: no space is left, it is read-only, or the system says no otherwise."""

    @classmethod
    def of(cls, name: object, error: OSError, hint: str | None = None) -> OutputError:
        """Return the error of an output by its name and what the system said.

        Without a hint the output is one of which the old file is as it was.
        """
        reason = os.strerror(error.errno).lower() if error.errno else str(error).splitlines()[0]
        return cls(
            f"{name}: cannot be written: {reason}",
            hint="what stood there before is as it was; mend it and run again" if hint is None else hint,
        )


class UsageError(RbmcliError):
    """An option is out of range, missing, or contradicts another one."""

    exit_code = 2


class DataError(RbmcliError):
    """An input cannot be read, or holds values that cannot be used."""

    exit_code = 3


class MismatchError(RbmcliError):
    """Inputs are each valid but do not belong together, or follow another schema."""

    exit_code = 4


class LockedError(RbmcliError):
    """Another run holds the lock of an output."""

    exit_code = 5


class GateError(RbmcliError):
    """A figure is on the wrong side of a bound that the user has set.

    Attributes
    ----------
    result : object
        What the command would have returned.
    """

    exit_code = 6

    def __init__(self, message: str, *, hint: str = "", result: object = None) -> None:
        super().__init__(message, hint=hint)
        self.result = result


class StoppedError(RbmcliError):
    """Training was asked to stop, and did between two mini-batches."""

    exit_code = 130

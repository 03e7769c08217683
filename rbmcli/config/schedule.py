"""Values that change from epoch to epoch, written as "1,3@20": 1, and from epoch 20 on 3."""

from __future__ import annotations

import math

from rbmcli.errors import UsageError


def check_schedule(schedule: str, option: str, low: float, high: float, *, whole: bool) -> None:
    """Raise `UsageError` if a schedule cannot be read or has a value out of range.

    Parameters
    ----------
    schedule : str
        The schedule.
    option : str
        The option that it was given by.
    low, high : float
        Range of its values.
    whole : bool
        Whether they must be whole numbers.
    """
    last = 0
    for place, part in enumerate(schedule.split(",")):
        number, at, start = (text.strip() for text in part.partition("@"))
        try:
            value, first = float(number), int(start) if at else 1
        except ValueError:
            value, first = math.nan, 0
        if not low <= value <= high or (whole and value != int(value)):
            kind = "whole numbers" if whole else "numbers"
            raise UsageError(
                f"{option} {schedule!r} is no schedule: expected {kind} from {low:g} to {high:g}, the "
                "first for the start and each other with the epoch it begins at, such as 1,3@20,5@40"
            )
        if first <= last or ((place > 0) != bool(at) and first != 1):
            raise UsageError(
                f"{option} {schedule!r}: {part.strip()!r} does not begin after the part before it",
                hint="epochs count from 1, and only the first part may leave its epoch out",
            )
        last = first


def at_epoch(schedule: str, epoch: int) -> float:
    """Return the value of a schedule at an epoch, counted from 0."""
    value = 0.0
    for part in schedule.split(","):
        number, _, start = part.partition("@")
        if epoch + 1 >= int(start or 1):
            value = float(number)
    return value

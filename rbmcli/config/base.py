"""What all settings have in common: they are frozen, and checked on creation.

A field declared with `setting` carries its range or its choices, and `__post_init__` checks them all, so that
a value out of range is told in the same words whether it came from the command line, from a file or from
Python.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field, fields
from typing import Any

from rbmcli.errors import UsageError


def setting(
    default: Any,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    choices: tuple[str, ...] = (),
) -> Any:
    """Declare a dataclass field with a default and the closed range, or the choices, it must be in."""
    return field(default=default, metadata={"low": low, "high": high, "choices": choices})


@dataclass(frozen=True)
class Settings:
    """Base of all settings: checks on creation that each value is in its range."""

    def __post_init__(self) -> None:
        for entry in fields(self):
            value = getattr(self, entry.name)
            option = "--" + entry.name.replace("_", "-")
            choices = entry.metadata.get("choices", ())
            if choices and value is not None and value not in choices:
                raise UsageError(f"{option} {value!r} is not one of {', '.join(choices)}")
            if isinstance(value, int | float) and not isinstance(value, bool):
                low, high = entry.metadata.get("low", -math.inf), entry.metadata.get("high", math.inf)
                if not (math.isfinite(value) and low <= value <= high):
                    raise UsageError(f"{option} {value} is outside {_range_text(low, high)}")

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as a dictionary of plain values, ready for JSON.

        Those of training by several workers are there where there are several.
        """
        return dataclasses.asdict(self, dict_factory=_as_dict)


def _as_dict(values: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return named values, without those that have no effect with one worker."""
    found = dict(values)
    if found.get("workers") == 1:
        del found["workers"], found["average_every"]
    return found


def _range_text(low: float, high: float) -> str:
    if high == math.inf:
        return f"the allowed range: at least {low:g}"
    return f"the allowed range: {low:g} to {high:g}"

"""Settings of `tune`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rbmcli.config.base import Settings, setting
from rbmcli.errors import UsageError

_SECONDS_OF = {"d": 86_400, "h": 3600, "m": 60, "s": 1}


@dataclass(frozen=True)
class TuneSettings(Settings):
    """How settings of training are searched.

    Attributes
    ----------
    trials : int
        Trials to have when the search ends, those that the journal holds already among them.
    budget : float or None
        Seconds after which no trial starts, and one under way is given up if another is complete.
    seed : int
        Seed of the search, of every training, and of what is held out.
    """

    trials: int = setting(100, low=1, high=1_000_000)
    budget: float | None = setting(None, low=1, high=1e8)
    seed: int = setting(0, low=0, high=2**63 - 1)


def seconds_of(text: str) -> float:
    """Return the seconds that a duration such as "90", "45m" or "1h30m" stands for.

    Raises
    ------
    UsageError
        If it is no duration.
    """
    parts = re.findall(r"([0-9]+(?:\.[0-9]+)?)([dhms])", text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return sum(float(number) * _SECONDS_OF[unit] for number, unit in parts)
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"--budget {text!r}: expected a duration such as 90s, 45m or 1h30m") from None

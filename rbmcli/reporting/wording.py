"""Numbers as people read them: few digits, thousands apart, a real minus sign, ranges in words."""

from __future__ import annotations

import math

MINUS = "\N{MINUS SIGN}"
_DASH = "\N{EN DASH}"
_MOST_DECIMALS = 2


def count(value: float) -> str:
    """Return a whole number, thousands apart."""
    return f"{round(value):,}".replace("-", MINUS)


def figure(value: float | None, digits: int = 3) -> str:
    """Return a figure with a fixed number of digits after the point; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return _DASH
    told = f"{value:,.{digits}f}"
    # What rounds to nothing has no sign.
    return told.replace("-", MINUS) if float(told.replace(",", "")) else told.removeprefix("-")


def signed(value: float, digits: int = 3) -> str:
    """Return a difference or a change, with its sign."""
    told = figure(value, digits)
    return told if told.startswith(MINUS) or not told.strip("0.,") else f"+{told}"


def percent(share: float, digits: int = 1) -> str:
    """Return a share as a percentage; what is not quite nothing, or not quite all, is told as such."""
    least = 0.5 * 10.0 ** (-2 - digits)
    if 0 < share < least:
        return f"<{figure(2 * 100 * least, digits)}%"
    if 1 - least < share < 1:
        return f">{figure(100 - 2 * 100 * least, digits)}%"
    return f"{figure(100 * share, digits)}%"


def interval(low: float | None, high: float | None, digits: int = 3) -> str:
    """Return an interval in words; empty where there is none."""
    if low is None or high is None:
        return ""
    return f"{figure(low, digits)} to {figure(high, digits)}"


def level(value: float) -> str:
    """Return the value of a level; of one that is the mean of a bin the first three digits."""
    told = f"{value:g}"
    if len(told.partition(".")[2]) > _MOST_DECIMALS:
        told = f"{value:.3g}"
    return told.replace("-", MINUS)


def plural(number: int, what: str) -> str:
    """Return a number of things."""
    return f"{count(number)} {what}{'' if number == 1 else 's'}"


def listed(names: list[str], last: str = "and") -> str:
    """Return names as in a sentence."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} {last} {names[-1]}"


def shortened(text: str, characters: int) -> str:
    """Return text of at most so many characters; where some are left out, with an ellipsis."""
    return text if len(text) <= characters else f"{text[: characters - 1].rstrip()}…"


def ordinal(number: int) -> str:
    """Return the ordinal of a number, such as 22nd."""
    ending = "th" if number % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number:,}{ending}"

"""Conditions under which a run counts as failed, such as 'rmse>0.92'.

They are checked before anything is written, so that what a run of yesterday has made stays.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from rbmcli.errors import GateError, UsageError

_CONDITION = re.compile(r"\s*([a-z_]+(?:@\d+)?)\s*(<=|>=|<|>)\s*(\S+)\s*")
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class Gate:
    """A condition on a figure under which a run fails.

    Attributes
    ----------
    text : str
        The condition as it was given.
    figure : str
        Name of the figure.
    comparison : {"<", "<=", ">", ">="}
        How it is compared.
    bound : float
        With what.
    """

    text: str
    figure: str
    comparison: str
    bound: float

    def trips(self, value: float | None) -> bool:
        """Return whether a value fulfils the condition; one that is not known, or no number, does."""
        if value is None or math.isnan(value):
            return True
        return _COMPARE[self.comparison](value, self.bound)


def parse_gates(conditions: Sequence[str], figures: Collection[str]) -> list[Gate]:
    """Return the gates that conditions stand for.

    Parameters
    ----------
    conditions : sequence of str
        Such as 'rmse>0.92': name of a figure, one of < <= > >=, a number.
    figures : collection of str
        Names of the figures that there can be.

    Raises
    ------
    UsageError
        If a condition is none, or of a figure that there is not.
    """
    gates = []
    for text in conditions:
        match = _CONDITION.fullmatch(text)
        try:
            bound = float(match[3]) if match else math.nan
        except ValueError:
            bound = math.nan
        if match is None or math.isnan(bound):
            raise UsageError(
                f"--fail-if {text!r}: expected a figure, one of < <= > >=, and a number",
                hint="such as --fail-if 'rmse>0.92'",
            )
        if match[1] not in figures:
            raise UsageError(
                f"--fail-if {text!r}: no figure {match[1]!r}, expected one of {', '.join(figures)}"
            )
        gates.append(Gate(text, match[1], match[2], bound))
    return gates


def check_gates(
    gates: Sequence[Gate],
    figures: Mapping[str, float | None],
    result: object = None,
    hint: str = "no file was written",
) -> None:
    """Raise `GateError`, naming all that trip, if a figure fulfils the condition of a gate."""
    tripped = [gate for gate in gates if gate.trips(figures.get(gate.figure))]
    if tripped:
        told = "; ".join(f"{gate.text}: {_told(gate.figure, figures)}" for gate in tripped)
        raise GateError(f"--fail-if {told}", hint=hint, result=result)


def _told(name: str, figures: Mapping[str, float | None]) -> str:
    value = figures.get(name)
    return f"{name} is not known here" if value is None else f"{name} is {value:.6g}"

"""The members of a model as a table, for cards and for `inspect`."""

from __future__ import annotations

from typing import Any

from rbmcli.models.portrait import Parts

_HEADS = ["member", "RMSE", "NLL", "weight", "share"]


def member_table(parts: Parts, kept: dict[str, Any] | None) -> tuple[list[str], list[list[str]]]:
    """Return the heads of a table and its rows, one for each member and the last for all together.

    Columns without a value are left out, and the last row where nothing was measured.

    Parameters
    ----------
    parts : Parts
        The members.
    kept : dict or None
        Figures of all together, from `rbmcli.models.portrait.kept_step`.
    """
    rows = [
        [part.told, _figure(part.rmse), _figure(part.nll), _figure(part.weight, ".2f"), _share(part.share)]
        for part in parts.models
    ]
    if kept is not None:
        rows.append([parts.together, _figure(kept["valid_rmse"]), _figure(kept["valid_nll"]), "", ""])
    filled = [place for place in range(len(_HEADS)) if any(row[place] for row in rows)]
    return [_HEADS[place] for place in filled], [[row[place] for place in filled] for row in rows]


def _figure(value: float | None, form: str = ".4f") -> str:
    return "" if value is None else format(value, form)


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"

"""What `benchmarks.accuracy` has found, a table for each group of runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.results import print_table

Result = dict[str, Any]


def _in_words(result: Result) -> str | None:
    """Return how a run ended, of a preset what it chose, and nothing where there is no more to tell."""
    if result["outcome"] != "done":
        return str(result["outcome"])
    if "--preset" in result["options"]:
        chosen = result["chosen"]
        return f"by {chosen['by']}, {chosen['objective']}, F={chosen['hidden']}"
    return None


_COLUMNS: dict[str, Callable[[Result], object]] = {
    "set": lambda result: result["set"],
    "options": lambda result: result["options"],
    "rates": lambda result: f"x {result['rate_factor']}",
    "seed": lambda result: result["seed"],
    "inference": lambda result: result["inference"],
    "RMSE": lambda result: _rounded(result.get("rmse"), 4),
    "NLL": lambda result: _rounded(result.get("nll"), 4),
    "bias RMSE": lambda result: _rounded(result.get("bias_rmse"), 4),
    "train CPU s": lambda result: _rounded(result.get("train_cpu_seconds"), 1),
    "predict CPU s": lambda result: _rounded(result.get("predict_cpu_seconds"), 1),
    "how it ended": _in_words,
}
_SAID_WHERE_THEY_DIFFER = {"rates", "seed", "inference", "how it ended"}


def tell(group: str, results: list[Result]) -> None:
    """Print the results of a group, without options that all of them share and figures that none has."""
    columns = {head: [cell(result) for result in results] for head, cell in _COLUMNS.items()}
    columns["how it ended"] = [_in_words(result) for result in results]
    said = {
        head: cells
        for head, cells in columns.items()
        if any(cell is not None for cell in cells)
        and (head not in _SAID_WHERE_THEY_DIFFER or len(set(cells)) > 1)
    }
    print_table(group, list(said), list(zip(*said.values(), strict=True)))


def _rounded(value: float | None, digits: int) -> str | None:
    return None if value is None else f"{value:.{digits}f}"

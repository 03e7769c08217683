"""What `benchmarks.scale` has found: tables for the terminal, and for a page in Markdown.

    python -m benchmarks.scale_tables scale.json [PAGE]

prints the tables in Markdown, or puts them between the marks `<!-- scale -->` and `<!-- /scale -->` of a
page.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.results import print_table, put_between_marks

WANTED = {
    "prepare": (300, 4e9),
    "epoch": (20, 4e9),
    "predict": (60, 3e9),
    "predict-shuffled": (60, 3e9),
    "recommend": (600, None),
}
"""Seconds by the clock and bytes of memory that each step may take at a hundred million ratings."""

MOST_GROWTH = 1.5
"""How many times what a rating costs at a million it may cost at a hundred million."""

_COST_HEADS = ["step", "ratings", "seconds", "CPU s", "peak MB", "of its own MB"]


def tell(result: dict[str, Any]) -> None:
    """Print the cost of each step at each size, and how the cost of a rating grows."""
    print(", ".join(f"{name} {value}" for name, value in result["machine"].items()))
    print_table("What each step costs", _COST_HEADS, _costs(result["rows"]))
    heads, growth = _growth(result["rows"])
    print_table(_growth_title(), heads, growth)
    for row in _failed(result["rows"]):
        print(f"{row['step']} at {row['size']}: {row['outcome']}")


def in_markdown(result: dict[str, Any]) -> str:
    """Return the same tables in Markdown."""
    machine, rows = result["machine"], result["rows"]
    threads = " or ".join(str(count) for count in sorted({row["threads"] for row in rows}))
    lines = [
        f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}, Python {machine['python']}; "
        f"{threads} threads.",
        "",
        *_table(_COST_HEADS, _costs(rows)),
        "",
        f"{_growth_title()}:",
        "",
        *_table(*_growth(rows)),
    ]
    if failed := _failed(rows):
        cells = [[row["step"], row["size"], row["outcome"]] for row in failed]
        lines += ["", *_table(["step", "size", "how it ended"], cells)]
    return "\n".join(lines) + "\n"


def _costs(rows: list[dict[str, Any]]) -> list[list[str]]:
    costs = []
    for row in _done(rows):
        seconds, most = WANTED[row["step"]] if row["size"] == "100m" else (None, None)
        own = row["own_peak_bytes"]
        costs.append(
            [
                row["step"],
                f"{row['ratings']:,}",
                f"{row['wall_seconds']:.2f}" + (f" (of {seconds})" if seconds else ""),
                f"{row['cpu_seconds']:.2f}",
                f"{row['peak_bytes'] / 1e6:,.0f}" + (f" (of {most / 1e6:,.0f})" if most else ""),
                "" if own is None else f"{own / 1e6:,.0f}",
            ]
        )
    return costs


def _growth(rows: list[dict[str, Any]]) -> tuple[list[str], list[list[str]]]:
    done = _done(rows)
    sizes = list(dict.fromkeys(row["size"] for row in done))
    cost = {(row["step"], row["size"]): 1e9 * row["cpu_seconds"] / row["ratings"] for row in done}
    cells = []
    for step in dict.fromkeys(row["step"] for row in done):
        least = cost.get((step, sizes[0]))
        cells.append([step, *(_grown(cost.get((step, size)), least) for size in sizes)])
    return ["step", *sizes], cells


def _grown(cost: float | None, least: float | None) -> str:
    if cost is None:
        return ""
    return f"{cost:.0f}" + (f" ({cost / least:.2f} x)" if least else "")


def _growth_title() -> str:
    return (
        f"CPU ns a rating of the set, in brackets beside the smallest set; at most {MOST_GROWTH} x is wanted"
    )


def _done(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if row["outcome"] == "done"]


def _failed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if row["outcome"] != "done"]


def _table(heads: list[str], rows: list[list[str]]) -> list[str]:
    return [
        f"| {' | '.join(heads)} |",
        "|---" * len(heads) + "|",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def main() -> int:
    """Print the tables of a result, or put them into a page."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale_tables", description=__doc__.splitlines()[0]
    )
    parser.add_argument("result", type=Path, help="what the measurement has written with --json")
    parser.add_argument("page", type=Path, nargs="?", help="page to put the tables into")
    chosen = parser.parse_args()
    told = in_markdown(json.loads(chosen.result.read_text(encoding="utf-8")))
    if not chosen.page:
        print(told, end="")
    elif not put_between_marks(chosen.page, "scale", told):
        parser.error(f"{chosen.page}: the marks for the tables are not there")
    return 0


if __name__ == "__main__":
    sys.exit(main())

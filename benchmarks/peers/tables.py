"""What the comparison has found: tables for the terminal, and for a page in Markdown.

    python -m benchmarks.peers.tables peers.json [PAGE]

prints the tables in Markdown, or puts them between the marks `<!-- peers -->` and `<!-- /peers -->` of a
page.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.results import print_table, put_between_marks

Row = dict[str, Any]

_MEGABYTE = 1e6


def _rounded(value: float | None, digits: int) -> str | None:
    return None if value is None else f"{value:.{digits}f}"


def _settings(row: Row) -> str:
    settings = row.get("settings", "")
    if isinstance(settings, str):
        return settings
    return " ".join(f"{name}={value}" for name, value in settings.items()) or "defaults"


def _peak(row: Row) -> str | None:
    return _rounded(row["peak_bytes"] / _MEGABYTE, 0) if "peak_bytes" in row else None


_COLUMNS: dict[str, Callable[[Row], str | None]] = {
    "tool": lambda row: row["tool"],
    "version": lambda row: row.get("version"),
    "RMSE": lambda row: _rounded(row.get("rmse"), 4),
    "NLL": lambda row: _rounded(row.get("nll"), 4),
    "search CPU s": lambda row: _rounded(row.get("search_cpu_seconds"), 1),
    "train CPU s": lambda row: _rounded(row.get("train_cpu_seconds"), 1),
    "predict CPU s": lambda row: _rounded(row.get("predict_cpu_seconds"), 1),
    "peak MB": _peak,
    "settings, or how it failed": lambda row: _settings(row) if row["outcome"] == "done" else row["outcome"],
}


def tell(name: str, rows: list[Row], differences: list[Row]) -> None:
    """Print the rows of a set, best RMSE first, and the differences of rbmcli's models from rivals."""
    ordered = sorted(rows, key=lambda row: row.get("rmse", float("inf")))
    print_table(name, list(_COLUMNS), [[cell(row) for cell in _COLUMNS.values()] for row in ordered])
    if differences:
        cells = [
            [each["tool"], each["against"], each["metric"].upper(), *_difference(each).split(" ", 1)]
            for each in differences
        ]
        heads = ["tool", "less", "metric", "difference", "95% interval"]
        print_table(f"{name}: differences on the same pairs, below zero where rbmcli is better", heads, cells)


def _difference(told: Row) -> str:
    return f"{told['value']:+.4f} ({told['low']:+.4f} to {told['high']:+.4f})"


def in_markdown(result: dict[str, Any]) -> str:
    """Return the tables of a result: accuracy, cost, differences, settings, and what failed."""
    rows: list[Row] = result["rows"]
    done = [row for row in rows if row["outcome"] == "done"]
    sets = list(dict.fromkeys(row["set"] for row in rows))
    machine = result["machine"]
    lines = [
        f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}, Python {machine['python']}; "
        "each tool on one thread, with other work on the machine.",
        "",
        "RMSE, and in brackets NLL:",
        "",
        *_by_set(done, sets, _accuracy),
        "",
        "CPU seconds of training (with the search for settings after a plus sign) and of prediction, and the "
        "most memory held, in MB:",
        "",
        *_by_set(done, sets, _cost),
    ]
    if result["differences"]:
        lines += [
            "",
            "Differences on the same pairs, below zero where rbmcli is better, with 95% intervals:",
            "",
            "| set | tool | less | RMSE | NLL |",
            "|---|---|---|---|---|",
            *_differences(result["differences"]),
        ]
    lines += ["", "| tool | version | settings, and where they are from |", "|---|---|---|", *_sources(done)]
    failed = [row for row in rows if row["outcome"] != "done"]
    if failed:
        lines += ["", "| set | tool | how it ended |", "|---|---|---|"]
        lines += [f"| {row['set']} | {row['tool']} | {row['outcome']} |" for row in failed]
    return "\n".join(lines) + "\n"


def _by_set(rows: list[Row], sets: list[str], cell: Callable[[Row], str]) -> list[str]:
    found = {(row["tool"], row["set"]): cell(row) for row in rows}
    tools = dict.fromkeys(row["tool"] for row in rows)
    return [
        f"| | {' | '.join(sets)} |",
        "|---" * (len(sets) + 1) + "|",
        *(f"| {tool} | {' | '.join(found.get((tool, name), '') for name in sets)} |" for tool in tools),
    ]


def _accuracy(row: Row) -> str:
    return f"{row['rmse']:.4f}" + (f" ({row['nll']:.3f})" if row.get("nll") is not None else "")


def _cost(row: Row) -> str:
    search = row.get("search_cpu_seconds")
    searching = "" if search is None else f" + {search:.0f}"
    trained, predicted = row["train_cpu_seconds"], row["predict_cpu_seconds"]
    return f"{trained:.0f}{searching}, {predicted:.1f}, {_peak(row)}"


def _differences(differences: list[Row]) -> list[str]:
    found: dict[tuple[str, ...], dict[str, str]] = {}
    for told in differences:
        key = (told["set"], told["tool"], told["against"])
        found.setdefault(key, {})[told["metric"]] = _difference(told)
    return [
        f"| {' | '.join(key)} | {told.get('rmse', '')} | {told.get('nll', '')} |"
        for key, told in found.items()
    ]


def _sources(rows: list[Row]) -> list[str]:
    lines = []
    for tool in dict.fromkeys(row["tool"] for row in rows):
        of_tool = [row for row in rows if row["tool"] == tool]
        by_settings: dict[str, list[str]] = {}
        for row in of_tool:
            by_settings.setdefault(_settings(row), []).append(row["set"])
        told = [
            f"`{settings}`" + (f" ({', '.join(sets)})" if len(by_settings) > 1 else "")
            for settings, sets in by_settings.items()
        ]
        first = of_tool[0]
        lines.append(f"| {tool} | {first['version']} | {'; '.join(told)}: {first['source']} |")
    return lines


def main() -> int:
    """Print the tables of a result, or put them into a page."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers.tables", description=__doc__.splitlines()[0]
    )
    parser.add_argument("result", type=Path, help="what the comparison has written with --json")
    parser.add_argument("page", type=Path, nargs="?", help="page to put the tables into")
    chosen = parser.parse_args()
    told = in_markdown(json.loads(chosen.result.read_text(encoding="utf-8")))
    if not chosen.page:
        print(told, end="")
    elif not put_between_marks(chosen.page, "peers", told):
        parser.error(f"{chosen.page}: the marks for the tables are not there")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What a command puts on the terminal: the right kind of progress, tables of figures, JSON results.

Data goes to standard output, talk to standard error.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rbmcli.cli.lines import LineProgress
from rbmcli.cli.options import Running
from rbmcli.cli.timings import TimedProgress
from rbmcli.versions import package_version

RESULT_SCHEMA_VERSION = 1
REPORTED_PACKAGES = ("rbmcli", "numpy", "numba", "pyarrow", "pandas")


def open_progress(running: Running) -> TimedProgress:
    """Return the progress that suits the options and what standard error is connected to."""
    on_terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    wanted = running.progress == "always" or (running.progress == "auto" and on_terminal)
    if wanted and running.log_format == "text":
        from rbmcli.cli.bars import BarProgress

        return BarProgress(running)
    return LineProgress(running)


@dataclass(frozen=True)
class CommandResult:
    """What a command has to say at its end, for `--json`.

    Attributes
    ----------
    command : str
        Name of the command.
    settings : mapping
        Settings that the result depends on.
    figures : mapping
        The result's figures: finite numbers, text, None, lists and mappings of these.
    files : sequence of str
        Paths or addresses of what was written.
    seed : int or None
        Seed of the command, if it has one.
    packages : sequence of str
        What the result depends on besides `REPORTED_PACKAGES`.
    """

    command: str
    settings: Mapping[str, Any]
    figures: Mapping[str, Any]
    files: Sequence[str] = field(default=())
    seed: int | None = None
    packages: Sequence[str] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the part of the result that equal runs have in common."""
        return {
            "schema_version": RESULT_SCHEMA_VERSION,
            "command": self.command,
            "versions": package_versions(self.packages),
            "seed": self.seed,
            "settings": dict(self.settings),
            "figures": dict(self.figures),
        }

    def write(self, target: str) -> None:
        """Write the result to a file as one JSON object, whole or not at all.

        Files and seconds stay out of it, so that equal runs write equal bytes.
        """
        from rbmcli.data.outputs import open_output

        with open_output(target) as file:
            file.write((_json_text(self.as_dict()) + "\n").encode())


def package_versions(further: Sequence[str] = ()) -> dict[str, str]:
    """Return the versions of Python and of the packages that a result may depend on."""
    return {
        "python": platform.python_version(),
        **{name: package_version(name) for name in (*REPORTED_PACKAGES, *further)},
    }


def print_result(result: CommandResult, progress: TimedProgress) -> None:
    """Print the result to standard output as one JSON object, with files written and how long it took."""
    files = [{"path": name, "bytes": _size(name)} for name in result.files]
    print_line(_json_text({**result.as_dict(), "files": files, "timings": progress.timings()}))


def print_line(line: str = "") -> None:
    """Print a line to standard output; where that cannot be written `OutputError` says so."""
    from rbmcli.data.outputs import STANDARD_OUTPUT, output_errors, told_target

    with output_errors(told_target(STANDARD_OUTPUT), hint=""):
        print(line)


def _size(name: str) -> int | None:
    """Return the bytes of a file of this machine."""
    path = Path(name)
    return path.stat().st_size if path.is_file() else None


def _json_text(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], title: str = "") -> None:
    """Print a table of figures to standard output: drawn on a terminal, plain and aligned in a pipe.

    Parameters
    ----------
    columns : sequence of str
        Heads of the columns.
    rows : sequence of sequences
        Cells: text to the left, numbers to the right (floats with 4 decimals); None stays empty.
    title : str
        Line above the table.
    """
    cells = [[_cell(value) for value in row] for row in rows]
    to_right = [
        any(isinstance(row[place], int | float) for row in rows)
        and not any(isinstance(row[place], str) for row in rows)
        for place in range(len(columns))
    ]
    if sys.stdout.isatty():
        _draw_table(columns, cells, to_right, title)
        return
    if title:
        print_line(title)
    widths = [max(len(row[place]) for row in [columns, *cells]) for place in range(len(columns))]
    for row in [columns, *cells]:
        aligned = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, to_right, strict=True)
        ]
        print_line("  ".join(aligned).rstrip())


def named(id_: object, title: str | None) -> str:
    """Return an item for a line of text: its id, and its title if that is known."""
    return f"item {id_}" if title is None else f"item {id_} ({title})"


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _draw_table(columns: Sequence[str], cells: list[list[str]], to_right: list[bool], title: str) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title) if title else None, title_justify="left")
    for column, right in zip(columns, to_right, strict=True):
        table.add_column(Text(column), justify="right" if right else "left")
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)

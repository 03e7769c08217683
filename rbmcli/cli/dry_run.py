"""`--dry-run`: what a command would do, on standard output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rbmcli.cli.options import RUNNING, Running

if TYPE_CHECKING:
    from rbmcli.cli.timings import TimedProgress
    from rbmcli.pipeline.plans import Plan

DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Read and check the inputs, tell what would be written and the memory needed; write nothing.",
        rich_help_panel=RUNNING,
    ),
]


def tell_plan(command: str, plan: Plan, running: Running, progress: TimedProgress) -> None:
    """Print a plan as tables, or as one JSON object with `--json`."""
    from rbmcli.cli.console import CommandResult, print_line, print_result, print_table

    if running.json:
        figures = {"dry_run": True, **plan.as_dict()}
        print_result(CommandResult(command, settings={}, figures=figures, seed=running.seed), progress)
        return
    facts: list[list[str]] = []
    for name, value in plan.facts.items():
        if isinstance(value, dict):
            facts += [[f"{name}: {key}", _told(entry)] for key, entry in value.items()]
        else:
            facts.append([name, _told(value)])
    facts.append(["memory", f"about {_bytes(plan.memory)}"])
    print_table(["dry run", "nothing is written"], [[name.replace("_", " "), value] for name, value in facts])
    if not plan.outputs:
        return
    print_line()
    print_table(
        ["would write", "rows", "about", "in place of another"],
        [
            [
                "standard output" if output.name == "-" else output.name,
                f"{output.rows:,}",
                _bytes(output.size),
                "yes" if output.replaces else "no",
            ]
            for output in plan.outputs
        ],
    )


def _told(value: object) -> str:
    if value is None:
        return "not given"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _bytes(count: float) -> str:
    for unit in ("bytes", "KB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"

"""The command `inspect`: what a file is, in a second."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer

from rbmcli.cli.console import CommandResult, open_progress, print_line, print_result, print_table
from rbmcli.cli.effective_settings import effective_settings
from rbmcli.cli.option_groups import with_options
from rbmcli.cli.options import FILES, Running
from rbmcli.cli.streams import Use
from rbmcli.cli.timings import TimedProgress
from rbmcli.errors import UsageError


@with_options
def command(
    context: typer.Context,
    *,
    file: Annotated[
        str | None,
        Use.READ,
        typer.Argument(metavar="[FILE]", help="Any Parquet file; - is standard input.", show_default=False),
    ] = None,
    card: Annotated[
        str | None,
        Use.WRITTEN_TEXT,
        typer.Option(
            "--card",
            metavar="CARD",
            help="Write the card of a model, in Markdown; - is standard output, and then no table is "
            "printed.",
            rich_help_panel=FILES,
        ),
    ] = None,
    show_config: Annotated[bool, typer.Option("--show-config", hidden=True)] = False,
    running: Running,
) -> None:
    """Tell what a file is, from its footer alone; with --config and no file, what every option is now.

    Knows the files that the other commands write, with their levels, settings and fingerprints; of a
    Parquet file of another tool it tells whether it could serve as ratings.

        rbmcli inspect model.parquet

    With --card, of a model of any kind, a model card too: what it is and is made of, its data and figures,
    what it is for and not for, its limits, how to use it.

        rbmcli inspect model.parquet --card card.md

    With --config, which needs no file of options here, each option of each command with its value and
    where that comes from: environment, file, or default.

        rbmcli inspect --config
    """
    progress = open_progress(running)
    if file is None:
        if running.config is None and not show_config:
            raise UsageError("Missing argument 'FILE'.", hint="see rbmcli inspect --help")
        _tell_settings(effective_settings(context, running.config), progress, as_json=running.json)
        return
    from rbmcli.pipeline.inspect import inspect

    description = inspect(file, card, progress=progress)
    if running.json:
        files = () if card is None else (card,)
        print_result(CommandResult("inspect", {}, description.as_dict(), files), progress)
        return
    if card == "-":
        return
    print_table(["fact", "value"], description.facts())
    print_line()
    members = description.members()
    if members is not None:
        print_table(*members)
        print_line()
    print_table(["column", "type"], list(description.columns.items()))
    if description.metadata.get("epochs") and not description.problem:
        from rbmcli.cli.text_plots import print_training_curve

        course = None if description.portrait is None else description.portrait.course
        print_training_curve(
            description.metadata["epochs"], description.metadata.get("best_epoch"), sys.stdout, course
        )


def _tell_settings(lines: list[dict[str, Any]], progress: TimedProgress, *, as_json: bool) -> None:
    if as_json:
        print_result(CommandResult("inspect", settings={}, figures={"options": lines}), progress)
        return
    rows = [
        [
            line["command"],
            line["option"],
            "" if line["value"] is None else json.dumps(line["value"], ensure_ascii=False),
            line["source"],
        ]
        for line in lines
    ]
    print_table(["command", "option", "value", "from"], rows)

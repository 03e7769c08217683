"""The command `inspect`: what a file is, in a second."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from rbmcli.cli.console import CommandResult, print_result, print_table
from rbmcli.cli.option_groups import with_options
from rbmcli.cli.options import Running
from rbmcli.cli.streams import Use


@with_options
def command(
    *,
    file: Annotated[
        str,
        Use.READ,
        typer.Argument(metavar="FILE", help="Any Parquet file; - is standard input.", show_default=False),
    ],
    running: Running,
) -> None:
    """Tell what a file is, from its footer alone.

    Knows the files that the other commands write, with their levels, settings and fingerprints; of a
    Parquet file of another tool it tells whether it could serve as ratings.

        rbmcli inspect model.parquet
    """
    started = time.monotonic()
    from rbmcli.pipeline.inspect import inspect

    description = inspect(file)
    if running.json:
        print_result(CommandResult("inspect", started, settings={}, figures=description.as_dict()))
        return
    print_table(["fact", "value"], description.facts())
    print()
    print_table(["column", "type"], list(description.columns.items()))

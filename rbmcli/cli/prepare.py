"""The command `prepare`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import typer

from rbmcli.cli.dry_run import DryRun, tell_plan
from rbmcli.cli.engine_options import Working
from rbmcli.cli.option_groups import with_options
from rbmcli.cli.options import FILES, Memory, OutputFormat, Reading, Running, Scale
from rbmcli.cli.streams import Use
from rbmcli.config import PrepareSettings

SPLIT = "Split"
FILTERS = "Filters"


@dataclass(frozen=True)
class Splitting:
    """Which ratings become which file."""

    split: Annotated[
        Literal["random", "leave-last", "time", "none"],
        typer.Option(
            "--split",
            help="random: each rating by itself, by a hash of seed, user and item; leave-last: the last "
            "ratings of each user; time: the last ratings of all; none: one file.",
            rich_help_panel=SPLIT,
        ),
    ] = "random"
    valid_fraction: Annotated[
        float,
        typer.Option(
            "--valid-fraction",
            help="Share of the ratings for validation; 0 leaves the file out, with leave-last too.",
            rich_help_panel=SPLIT,
        ),
    ] = 0.1
    test_fraction: Annotated[
        float,
        typer.Option(
            "--test-fraction",
            help="Share of the ratings for test; 0 leaves the file out, with leave-last too.",
            rich_help_panel=SPLIT,
        ),
    ] = 0.1
    leave_last: Annotated[
        int,
        typer.Option(
            "--leave-last",
            help="Ratings of each user for validation, and as many for test, with --split leave-last.",
            rich_help_panel=SPLIT,
        ),
    ] = 1
    min_user_ratings: Annotated[
        int,
        typer.Option(
            "--min-user-ratings", help="Drop users with fewer ratings than this.", rich_help_panel=FILTERS
        ),
    ] = 1
    min_item_ratings: Annotated[
        int,
        typer.Option(
            "--min-item-ratings", help="Drop items with fewer ratings than this.", rich_help_panel=FILTERS
        ),
    ] = 1


@with_options
def command(
    inputs: Annotated[
        list[str],
        Use.READ,
        typer.Argument(
            metavar="INPUT",
            help="CSV or another delimited text, JSON Lines, Arrow, or Parquet (file or folder); text plain "
            "or .gz, .zst, .bz2. - is standard input. Addresses such as s3://bucket/name are read too.",
        ),
    ],
    output: Annotated[
        str,
        Use.WRITTEN,
        typer.Option(
            "-o",
            "--output",
            metavar="FOLDER",
            help="Folder to write to; with --split none also a file that ends in .parquet, .csv, .jsonl or "
            ".arrow, or - for standard output. An address such as s3://bucket/name is in a remote store, "
            "where nothing locks out a second run.",
            rich_help_panel=FILES,
        ),
    ],
    *,
    output_format: OutputFormat = "auto",
    splitting: Splitting,
    reading: Reading,
    memory: Memory = None,
    working: Working,
    dry_run: DryRun = False,
    scale: Scale,
    running: Running,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Write even where files stand that prepare did not write, or made of other inputs.",
            rich_help_panel=FILES,
        ),
    ] = False,
) -> None:
    """Clean raw ratings and split them into train.parquet, valid.parquet and test.parquet.

    Separator, header, columns, levels and types of ids are detected; an option settles each of them.

        rbmcli prepare ratings.csv -o prepared --min-item-ratings 5

        rbmcli prepare ratings.csv --split none -o - | rbmcli train - -o model.parquet
    """
    settings = PrepareSettings(**vars(splitting), seed=running.seed)
    from rbmcli.cli.console import CommandResult, open_progress, print_result
    from rbmcli.config.memory import parse_memory
    from rbmcli.pipeline.prepare import prepare

    progress = open_progress(running)
    input_settings, level_settings = reading.settings(), scale.settings()
    given: dict[str, Any] = {
        "progress": progress,
        "overwrite": overwrite,
        "output_format": output_format,
        "memory": None if memory is None else parse_memory(memory),
    }
    if dry_run:
        from rbmcli.pipeline.plans import plan_prepare

        plan = plan_prepare(inputs, output, settings, input_settings, level_settings, **given)
        tell_plan("prepare", plan, running, progress)
        return
    with working.opened(running, progress) as engine:
        result = prepare(inputs, output, settings, input_settings, level_settings, **given, engine=engine)
    if running.json:
        told = {
            "inputs": inputs,
            **settings.as_dict(),
            **input_settings.as_dict(),
            **level_settings.as_dict(),
        }
        figures = {
            "counts": result.counts,
            **result.levels.as_metadata(),
            "run": result.run,
        }
        files = list(result.paths.values())
        print_result(CommandResult("prepare", told, figures, files, running.seed), progress)

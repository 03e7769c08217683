"""The options that several commands share, each written once, and the settings they stand for.

`Running`, `Reading` and `Scale` are groups (see option_groups.py): a command takes a group as one
parameter. The environment variable of an option is RBMCLI_<COMMAND>_<OPTION>; that of an option of
`Running` is RBMCLI_<OPTION>.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from rbmcli.cli.config_file import use_config
from rbmcli.cli.streams import Use
from rbmcli.config import InputSettings, LevelSettings
from rbmcli.errors import UsageError

FILES = "Input and output"
MODEL = "Model"
TRAINING = "Training"
RUNNING = "Running"

Output = Annotated[
    str,
    Use.WRITTEN,
    typer.Option(
        "-o",
        "--output",
        metavar="FILE",
        help="File to write, whole or not at all; - is standard output. An address such as s3://bucket/name "
        "is an object of a remote store, where nothing locks out a second run.",
        rich_help_panel=FILES,
    ),
]
OutputFormat = Annotated[
    Literal["auto", "parquet", "arrow", "csv", "jsonl"],
    typer.Option(
        "--format",
        help="Format of the output: auto goes by the ending of its name, and is Parquet for any other. arrow "
        "is Arrow's stream, jsonl JSON Lines.",
        rich_help_panel=FILES,
    ),
]
FailIf = Annotated[
    list[str],
    typer.Option(
        "--fail-if",
        metavar="CONDITION",
        help="End with code 6 and write nothing if a figure is so, such as 'coverage<0.9' in predict or "
        "'rmse>0.92' in evaluate; may be given several times.",
        rich_help_panel=RUNNING,
    ),
]
ShardOption = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="I/N",
        help="Do part I of N only, and leave it in FILE.shards; whoever completes the last part joins all "
        "into FILE. A part that is complete is skipped.",
        rich_help_panel=RUNNING,
    ),
]
MinSupport = Annotated[
    int,
    typer.Option(
        "--min-support", help="Leave out items with fewer ratings in training.", rich_help_panel=MODEL
    ),
]
AlsoRated = Annotated[
    str | None,
    Use.READ,
    typer.Option(
        "--also-rated",
        metavar="PAIRS",
        help="Pairs that are known to have been rated, the rating unknown.",
        rich_help_panel=FILES,
    ),
]
Memory = Annotated[
    str | None,
    typer.Option(
        "--memory",
        metavar="SIZE",
        help="About the most memory to take, such as 4GB, 500MB or 2GiB: what does not fit goes by way of "
        "temporary files, and the result is the same at any. By default half of what there is.",
        rich_help_panel=RUNNING,
    ),
]


@dataclass(frozen=True)
class Running:
    """How a command runs and talks; accepted before the command's name too."""

    quiet: Annotated[
        bool,
        typer.Option(
            "-q",
            "--quiet",
            help="Show warnings and errors only.",
            envvar="RBMCLI_QUIET",
            rich_help_panel=RUNNING,
        ),
    ] = False
    verbose: Annotated[
        bool,
        typer.Option(
            "-v", "--verbose", help="Show details too.", envvar="RBMCLI_VERBOSE", rich_help_panel=RUNNING
        ),
    ] = False
    json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="Print the result as one JSON object.",
            envvar="RBMCLI_JSON",
            rich_help_panel=RUNNING,
        ),
    ] = False
    progress: Annotated[
        Literal["auto", "always", "never"],
        typer.Option(
            "--progress",
            help="Draw progress bars: auto does on a terminal.",
            envvar="RBMCLI_PROGRESS",
            rich_help_panel=RUNNING,
        ),
    ] = "auto"
    log_format: Annotated[
        Literal["text", "json"],
        typer.Option(
            "--log-format",
            help="What is told on standard error: text, or one JSON object per line.",
            envvar="RBMCLI_LOG_FORMAT",
            rich_help_panel=RUNNING,
        ),
    ] = "text"
    seed: Annotated[
        int,
        typer.Option(
            "--seed",
            help="Seed of everything random: equal seeds give equal files.",
            envvar="RBMCLI_SEED",
            min=0,
            rich_help_panel=RUNNING,
        ),
    ] = 0
    threads: Annotated[
        int | None,
        typer.Option(
            "--threads",
            help="Threads to use; the result is the same at any number. All cores by default.",
            envvar="RBMCLI_THREADS",
            min=1,
            max=4096,
            rich_help_panel=RUNNING,
        ),
    ] = None
    lock_timeout: Annotated[
        float,
        typer.Option(
            "--lock-timeout",
            metavar="SECONDS",
            help="How long to wait for another run that is writing the same output.",
            envvar="RBMCLI_LOCK_TIMEOUT",
            min=0,
            rich_help_panel=RUNNING,
        ),
    ] = 0.0
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="TOML file of options: a table for each command, such as \\[train], an option a line, "
            "such as epochs = 20. The command line and the environment come before it, rbmcli.toml of the "
            "working folder after it.",
            envvar="RBMCLI_CONFIG",
            is_eager=True,
            callback=use_config,
            rich_help_panel=RUNNING,
        ),
    ] = None
    debug: Annotated[
        bool,
        typer.Option(
            "--debug",
            help="Show the traceback of an error.",
            envvar="RBMCLI_DEBUG",
            rich_help_panel=RUNNING,
        ),
    ] = False

    def __post_init__(self) -> None:
        if self.quiet and self.verbose:
            raise UsageError("--quiet and --verbose exclude each other: give one of them")


def _reading_option(*spellings: str, help: str, metavar: str | None = None) -> object:  # noqa: A002
    return typer.Option(*spellings, help=help, metavar=metavar, rich_help_panel=FILES)


@dataclass(frozen=True)
class Reading:
    """How tables of ratings and pairs are read."""

    user_column: Annotated[
        str | None, _reading_option("--user-column", help="Column of the users, by name or position.")
    ] = None
    item_column: Annotated[
        str | None, _reading_option("--item-column", help="Column of the items, by name or position.")
    ] = None
    rating_column: Annotated[
        str | None, _reading_option("--rating-column", help="Column of the ratings, by name or position.")
    ] = None
    timestamp_column: Annotated[
        str | None,
        _reading_option("--timestamp-column", help="Column of the timestamps, by name or position."),
    ] = None
    id_type: Annotated[
        Literal["auto", "int", "string"],
        _reading_option("--id-type", help="Type to read user and item ids as."),
    ] = "auto"
    input_format: Annotated[
        Literal["auto", "text", "jsonl", "parquet", "arrow"],
        _reading_option("--input-format", help="Format of the input; auto looks at its first bytes."),
    ] = "auto"
    separator: Annotated[
        str | None,
        _reading_option(
            "--separator", help="Separator of a text file, one or more characters; detected if not given."
        ),
    ] = None
    header: Annotated[
        bool | None,
        _reading_option(
            "--header/--no-header",
            help="Whether a text file starts with column names; detected if not given.",
        ),
    ] = None
    timestamp_unit: Annotated[
        Literal["s", "ms", "us", "ns"],
        _reading_option("--timestamp-unit", help="Unit of integer timestamps."),
    ] = "s"
    on_error: Annotated[
        str,
        _reading_option(
            "--on-error",
            metavar="fail|skip|FILE",
            help="At a bad row: end, leave it out, or collect it in a file.",
        ),
    ] = "fail"
    duplicates: Annotated[
        Literal["error", "first", "last", "mean"],
        _reading_option("--duplicates", help="What to do with several ratings of one item by one user."),
    ] = "error"
    unknown_level: Annotated[
        Literal["error", "nearest", "drop"],
        _reading_option("--unknown-level", help="What to do with a rating that is on none of the levels."),
    ] = "error"

    def settings(self) -> InputSettings:
        """Return the settings that the options stand for."""
        return InputSettings(**vars(self))


@dataclass(frozen=True)
class Scale:
    """How ratings are put on levels."""

    levels: Annotated[
        str | None,
        typer.Option(
            "--levels",
            metavar="NUMBER,...",
            help="Levels of the scale, such as 1,2,3,4,5; found in the ratings if not given.",
            rich_help_panel=MODEL,
        ),
    ] = None
    bins: Annotated[
        int,
        typer.Option(
            "--bins",
            help="Quantile bins for a continuous scale; 0 makes 10 where more than 20 ratings differ.",
            rich_help_panel=MODEL,
        ),
    ] = 0

    def settings(self) -> LevelSettings:
        """Return the settings that the options stand for.

        Raises
        ------
        UsageError
            If the levels are no numbers separated by commas.
        """
        try:
            levels = tuple(float(part) for part in self.levels.split(",")) if self.levels else ()
        except ValueError:
            raise UsageError(
                f"--levels {self.levels!r}: expected numbers separated by commas, such as 1,2,3,4,5"
            ) from None
        return LevelSettings(levels=levels, bins=self.bins)

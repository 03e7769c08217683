"""The command `report`: one HTML file for those who decide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import typer

from rbmcli.cli.dry_run import DryRun, tell_plan
from rbmcli.cli.evaluate import Resamples, Truth
from rbmcli.cli.option_groups import with_options
from rbmcli.cli.options import FILES, MODEL, Reading, Running
from rbmcli.cli.streams import Use
from rbmcli.cli.title_options import Titles
from rbmcli.config import ReportSettings

_DEFAULTS = ReportSettings()


@dataclass(frozen=True)
class Told:
    """What the report tells of."""

    model: Annotated[
        str, Use.READ, typer.Option("--model", metavar="MODEL", help="The model.", rich_help_panel=FILES)
    ]
    predictions: Annotated[
        list[str],
        Use.READ,
        typer.Option(
            "--predictions",
            metavar="PREDICTIONS",
            help="Predictions of the model for ratings that it has not seen; may be given again for others "
            "to compare. With --probabilities of predict there is more to tell.",
            rich_help_panel=FILES,
        ),
    ]
    truth: Truth = None
    history: Annotated[
        str | None,
        Use.READ,
        typer.Option(
            "--history",
            metavar="RATINGS",
            help="Ratings that the predictions start from: baselines are fitted on them, and users drawn "
            "from them as examples.",
            rich_help_panel=FILES,
        ),
    ] = None
    recommendations: Annotated[
        str | None,
        Use.READ,
        typer.Option(
            "--recommendations",
            metavar="FILE",
            help="Lists to take examples from; they are made, from the history, if not given.",
            rich_help_panel=FILES,
        ),
    ] = None


@dataclass(frozen=True)
class Pictures:
    """Pictures as files."""

    plots: Annotated[
        str | None,
        Use.WRITTEN_TEXT,
        typer.Option(
            "--plots",
            metavar="FOLDER",
            help="Write each picture as a file too, into this folder.",
            rich_help_panel=FILES,
        ),
    ] = None
    plots_format: Annotated[
        Literal["png", "svg"],
        typer.Option("--plots-format", help="Format of these files.", rich_help_panel=FILES),
    ] = "png"


@dataclass(frozen=True)
class Showing:
    """What is shown."""

    title: Annotated[str, typer.Option("--title", help="Heading of the report.", rich_help_panel=MODEL)] = (
        _DEFAULTS.title
    )
    examples: Annotated[
        int,
        typer.Option(
            "--examples",
            help="Users whose recommendations are shown and explained, drawn by the seed.",
            rich_help_panel=MODEL,
        ),
    ] = _DEFAULTS.examples
    resamples: Resamples = _DEFAULTS.resamples


@with_options
def command(
    *,
    told: Told,
    titles: Titles,
    output: Annotated[
        str,
        Use.WRITTEN_TEXT,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="HTML file to write, whole or not at all; - is standard output.",
            rich_help_panel=FILES,
        ),
    ],
    pictures: Pictures,
    showing: Showing,
    reading: Reading,
    dry_run: DryRun = False,
    running: Running,
) -> None:
    """Tell in one HTML file how good a model is, what it has learned and what it recommends.

    The file needs no network and no scripts, and is read on a screen, on a phone or on paper. What the inputs
    do not tell, or a kind of model has not, is left out, and the report says what would add it. Needs
    pip install 'rbmcli\\[report]'.

        rbmcli report --model m.parquet --predictions p.parquet --history train.parquet -o report.html
    """
    settings = ReportSettings(**vars(showing), plots_format=pictures.plots_format, seed=running.seed)
    from rbmcli.cli.console import CommandResult, open_progress, print_result
    from rbmcli.reporting.report import report

    progress = open_progress(running)
    given: dict[str, Any] = {
        "truth": told.truth,
        "history": told.history,
        "recommendations": told.recommendations,
        "items": titles.items,
        "plots": pictures.plots,
        "settings": settings,
        "input_settings": reading.settings(),
        "catalogue_settings": titles.settings(),
        "progress": progress,
    }
    if dry_run:
        from rbmcli.reporting.plan import plan_report

        tell_plan("report", plan_report(told.model, told.predictions, output, **given), running, progress)
        return
    result = report(told.model, told.predictions, output, **given)
    if running.json:
        packages = ("matplotlib",)
        outcome = CommandResult(
            "report", settings.as_dict(), result.as_dict(), result.files, running.seed, packages
        )
        print_result(outcome, progress)

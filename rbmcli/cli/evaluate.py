"""The command `evaluate`: how good predictions are, beside baselines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from rbmcli.cli.console import CommandResult, open_progress, print_line, print_result, print_table
from rbmcli.cli.dry_run import DryRun, tell_plan
from rbmcli.cli.option_groups import with_options
from rbmcli.cli.options import FILES, MODEL, FailIf, OutputFormat, Reading, Running
from rbmcli.cli.streams import Use
from rbmcli.errors import GateError

if TYPE_CHECKING:
    from rbmcli.pipeline.evaluate import EvaluateResult


Truth = Annotated[
    str | None,
    Use.READ,
    typer.Option(
        "--truth",
        metavar="RATINGS",
        help="Ratings to compare with; not needed where the predictions have a column rating.",
        rich_help_panel=FILES,
    ),
]
History = Annotated[
    str | None,
    Use.READ,
    typer.Option(
        "--history",
        metavar="RATINGS",
        help="Ratings to fit the baselines on: those that the model was trained on.",
        rich_help_panel=FILES,
    ),
]
Resamples = Annotated[
    int,
    typer.Option(
        "--resamples",
        min=0,
        max=1_000_000,
        help="How often users are drawn anew for the 95% intervals of the figures; 0 gives none.",
        rich_help_panel=MODEL,
    ),
]
MetricsOutput = Annotated[
    str | None,
    Use.WRITTEN,
    typer.Option(
        "-o",
        "--output",
        metavar="FILE",
        help="Where to write the metrics: a file, which is one JSON object if its name ends in .json; - is "
        "standard output, and then no table is printed.",
        rich_help_panel=FILES,
    ),
]


@with_options
def command(
    *,
    predictions: Annotated[
        str,
        Use.READ,
        typer.Argument(
            metavar="PREDICTIONS", help="File of predictions; - is standard input.", show_default=False
        ),
    ],
    truth: Truth = None,
    history: History = None,
    output: MetricsOutput = None,
    output_format: OutputFormat = "auto",
    resamples: Resamples = 1000,
    fail_if: FailIf = [],  # noqa: B006 (Typer copies it)
    reading: Reading,
    dry_run: DryRun = False,
    running: Running,
) -> None:
    """Tell how good predictions are.

    RMSE and MAE against the raw ratings; with probabilities the negative log-likelihood, the ranked
    probability score, and accuracy and quadratic-weighted kappa of the most probable level too; by source
    of the prediction; and, given a history, the same of the global mean, the item mean and the
    regularised user+item bias. Beside the RMSE stands its 95% interval: where that of other users of the
    same kind would lie.

        rbmcli evaluate predictions.parquet --truth test.parquet --history train.parquet
    """
    from rbmcli.pipeline.evaluate import evaluate

    as_json = output is not None and output_format == "auto" and output.lower().endswith(".json")
    settings, progress, failure = reading.settings(), open_progress(running), None
    given: dict[str, Any] = {
        "truth": truth,
        "history": history,
        "input_settings": settings,
        "progress": progress,
    }
    if dry_run:
        from rbmcli.pipeline.plans import plan_evaluate

        tell_plan("evaluate", plan_evaluate(predictions, output=output, **given), running, progress)
        return
    try:
        written = None if as_json else output
        given |= {"seed": running.seed, "resamples": resamples, "fail_if": fail_if}
        result = evaluate(predictions, output=written, output_format=output_format, **given)
    except GateError as error:
        # Whoever has to find out why wants to see the figures.
        result, failure = cast("EvaluateResult", error.result), error
    files = () if output is None or failure else (output,)
    drawn = settings.as_dict() | {"resamples": resamples}
    outcome = CommandResult("evaluate", drawn, result.as_dict(), files, running.seed)
    if files and as_json:
        outcome.write(files[0])
    if running.json:
        print_result(outcome, progress)
    elif output != "-":
        _print_tables(result)
    if failure is not None:
        raise failure


def _print_tables(result: EvaluateResult) -> None:
    from rbmcli.pipeline.evaluate import ALL, BASELINE, SOURCE

    segments = result.segments()
    models = {
        "model" if name == ALL else name.removeprefix(BASELINE): figures
        for name, figures in segments.items()
        if name == ALL or name.startswith(BASELINE)
    }
    intervals = result.intervals()
    ends = {
        "model" if name == ALL else name.removeprefix(BASELINE): found.get("rmse")
        for name, found in intervals.items()
    }
    _print_segments(models, ["rmse", "mae", "nll", "rps", "accuracy", "kappa"], "predictor", ends)
    sources = {
        name.removeprefix(SOURCE): figures for name, figures in segments.items() if name.startswith(SOURCE)
    }
    if sources:
        print_line()
        _print_segments(sources, ["share", "rmse", "mae"], "source")


def _print_segments(
    segments: dict[str, dict[str, float]],
    metrics: list[str],
    head: str,
    ends: Mapping[str, list[float] | None] | None = None,
) -> None:
    """Print the figures of segments, and where there are any the ends of the interval of the RMSE."""
    present = [metric for metric in metrics if any(metric in figures for figures in segments.values())]
    columns = [head, "n", *present]
    rows: list[list[object]] = [
        [name, figures["n"], *(figures.get(metric) for metric in present)]
        for name, figures in segments.items()
    ]
    if ends:
        place = columns.index("rmse") + 1
        columns[place:place] = ["from", "to"]
        for row in rows:
            row[place:place] = ends.get(str(row[0])) or ("", "")
    print_table(columns, rows)

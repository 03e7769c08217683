"""The command `evaluate`: how good predictions are, beside baselines, or lists of recommendations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from rbmcli.cli.console import CommandResult, open_progress, print_result
from rbmcli.cli.dry_run import DryRun, tell_plan
from rbmcli.cli.evaluation_tables import print_evaluation
from rbmcli.cli.option_groups import with_options
from rbmcli.cli.options import FILES, MODEL, FailIf, OutputFormat, Reading, Running
from rbmcli.cli.ranking_options import RankedLists
from rbmcli.cli.ranking_tables import print_ranking
from rbmcli.cli.streams import Use
from rbmcli.errors import GateError

if TYPE_CHECKING:
    from rbmcli.pipeline.evaluation import EvaluateResult
    from rbmcli.pipeline.ranking_result import RankingResult


Truth = Annotated[
    str | None,
    Use.READ,
    typer.Option(
        "--truth",
        metavar="RATINGS",
        help="Ratings to compare with; not needed where predictions have a column rating.",
        rich_help_panel=FILES,
    ),
]
History = Annotated[
    str | None,
    Use.READ,
    typer.Option(
        "--history",
        metavar="RATINGS",
        help="Ratings that the model was trained on: to fit the baselines on, or for lists the catalogue, "
        "how popular its items are, and the most popular ones as a baseline.",
        rich_help_panel=FILES,
    ),
]
Segments = Annotated[
    str | None,
    typer.Option(
        "--segments",
        metavar="NAME,...",
        help="Cut the pairs by source, level (the true one), activity (ratings of the user in the history), "
        "popularity (of the item), time, or any column of the predictions or of the truth; all is the first "
        "five [default: source]. Users with lists are cut by activity alone.",
        rich_help_panel=MODEL,
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
CalibratedModel = Annotated[
    str | None,
    Use.READ,
    typer.Option(
        "--model",
        metavar="MODEL",
        help="The model whose predictions these are, for --calibrate.",
        rich_help_panel=FILES,
    ),
]
Calibrate = Annotated[
    str | None,
    Use.WRITTEN,
    typer.Option(
        "--calibrate",
        metavar="FILE",
        help="Write a copy of --model whose probabilities are set right, by a temperature and a bias of each "
        "level that are fitted to these predictions: of validation ratings, not of those to test on.",
        rich_help_panel=FILES,
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
        list[str],
        Use.READ,
        typer.Argument(
            metavar="PREDICTIONS...",
            help="Files of predictions, or of recommendations, which are compared where there are several; - "
            "is standard input.",
            show_default=False,
        ),
    ],
    truth: Truth = None,
    history: History = None,
    model: CalibratedModel = None,
    calibrate: Calibrate = None,
    output: MetricsOutput = None,
    output_format: OutputFormat = "auto",
    segments: Segments = None,
    resamples: Resamples = 1000,
    lists: RankedLists,
    fail_if: FailIf = [],  # noqa: B006 (Typer copies it)
    reading: Reading,
    dry_run: DryRun = False,
    running: Running,
) -> None:
    """Tell how good predictions or recommendations are, and which of several are better.

    Of predictions: RMSE and MAE against the raw ratings; with probabilities the negative log-likelihood, the
    ranked probability score, accuracy and quadratic-weighted kappa of the most probable level, and the
    expected calibration error beside what a perfectly calibrated model would stay below; by segment; and,
    given a history, the same of the global mean, the item mean and the regularised user+item bias. Beside the
    RMSE stands its 95% interval: where that of other users of the same kind would lie. Differences have
    intervals of their own, of the same users drawn for both.

    Of lists of recommendations: precision, recall, NDCG, MAP, MRR and hit rate of their first N, means over
    the users with relevant items among the held-out ratings; one of them without a list counts as 0. Given a
    history, also the share of its items that are listed, and how unpopular what is listed is; and the same of
    a baseline, the most popular items that each user has not rated. What a user has not rated at all counts
    as not relevant, so the figures are for comparing lists with each other.

        rbmcli evaluate predictions.parquet --truth test.parquet --history train.parquet

        rbmcli evaluate predictions.parquet --truth valid.parquet --model m.parquet --calibrate right.parquet

        rbmcli evaluate a.parquet b.parquet --truth test.parquet --segments level,time

        rbmcli evaluate recommendations.parquet --truth test.parquet --relevant 4 --at 5,10
    """
    from rbmcli.pipeline.evaluate_files import evaluate_files
    from rbmcli.pipeline.ranking_result import RankingResult
    from rbmcli.pipeline.segments import parse_segments

    as_json = output is not None and output_format == "auto" and output.lower().endswith(".json")
    settings, progress, failure = reading.settings(), open_progress(running), None
    given: dict[str, Any] = {
        "segments": None if segments is None else parse_segments(segments),
        "truth": truth,
        "history": history,
        "model": model,
        "calibrate": calibrate,
        "ranking": lists.settings(),
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
        result = evaluate_files(predictions, output=written, output_format=output_format, **given)
    except GateError as error:
        # Whoever has to find out why wants to see the figures.
        result, failure = cast("EvaluateResult | RankingResult", error.result), error
    files = () if failure else tuple(name for name in (output, calibrate) if name is not None)
    drawn = settings.as_dict() | {"resamples": resamples, "segments": given["segments"]}
    if isinstance(result, RankingResult):
        drawn |= given["ranking"].as_dict() | {"at": result.at}
    outcome = CommandResult("evaluate", drawn, result.as_dict(), files, running.seed)
    if as_json and output is not None and not failure:
        outcome.write(output)
    if running.json:
        print_result(outcome, progress)
    elif "-" not in (output, calibrate):
        if isinstance(result, RankingResult):
            print_ranking(result)
        else:
            print_evaluation(result)
    if failure is not None:
        raise failure

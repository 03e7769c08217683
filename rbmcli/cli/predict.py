"""The command `predict`: a model, histories and pairs to predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import typer

from rbmcli.cli.dry_run import DryRun, tell_plan
from rbmcli.cli.engine_options import Working
from rbmcli.cli.option_groups import with_options
from rbmcli.cli.options import (
    FILES,
    MODEL,
    AlsoRated,
    FailIf,
    Output,
    OutputFormat,
    Reading,
    Running,
    ShardOption,
)
from rbmcli.cli.streams import Use
from rbmcli.config import PredictSettings
from rbmcli.config.shard import Shard
from rbmcli.errors import UsageError

ModelFile = Annotated[
    str, Use.READ, typer.Argument(metavar="MODEL", help="Model file from train.", show_default=False)
]
History = Annotated[
    str,
    Use.READ,
    typer.Option(
        "--history",
        metavar="RATINGS",
        help="Ratings of the users asked for, known to the model or new.",
        rich_help_panel=FILES,
    ),
]
Inference = Annotated[
    Literal["auto", "mean-field", "exact"],
    typer.Option(
        "--inference",
        help="How to sum over the hidden units; auto does as the model was trained to.",
        rich_help_panel=MODEL,
    ),
]


@dataclass(frozen=True)
class Asking:
    """What is predicted."""

    pairs: Annotated[
        str | None,
        Use.READ,
        typer.Option(
            "--pairs",
            metavar="PAIRS",
            help="Pairs of user and item to predict; their columns and row order are kept.",
            rich_help_panel=FILES,
        ),
    ] = None
    all_items: Annotated[
        bool,
        typer.Option(
            "--all-items",
            help="Predict every item of the model for every user of the history.",
            rich_help_panel=FILES,
        ),
    ] = False
    probabilities: Annotated[
        bool,
        typer.Option(
            "--probabilities",
            help="Give the probability of each level too, and their entropy.",
            rich_help_panel=FILES,
        ),
    ] = False
    suffix: Annotated[
        str,
        typer.Option("--suffix", help="Append this to the output columns.", rich_help_panel=FILES),
    ] = ""
    keep_own: Annotated[
        bool,
        typer.Option(
            "--keep-own",
            help="Predict a pair that stands in the history from all of it, its own rating included.",
            rich_help_panel=MODEL,
        ),
    ] = False
    allow_unknown: Annotated[
        bool,
        typer.Option(
            "--allow-unknown",
            help="Predict even if the model knows none of the users and items.",
            rich_help_panel=MODEL,
        ),
    ] = False


@with_options
def command(
    model: ModelFile,
    history: History,
    output: Output,
    *,
    output_format: OutputFormat = "auto",
    asking: Asking,
    also_rated: AlsoRated = None,
    inference: Inference = "auto",
    fail_if: FailIf = [],  # noqa: B006 (Typer copies it)
    shard: ShardOption = None,
    working: Working,
    reading: Reading,
    dry_run: DryRun = False,
    running: Running,
) -> None:
    """Predict ratings of pairs, for users that the model knows and for new ones.

    Every pair gets a prediction, and a source that tells where it is from: model, folded_in (the ratings
    differ from those trained on), or the base rates of the item, the user, or all ratings.

        rbmcli predict model.parquet --history train.parquet --pairs test.parquet -o predictions.parquet
    """
    if asking.all_items == (asking.pairs is not None):
        raise UsageError("give either --pairs FILE or --all-items")
    part = None if shard is None else Shard.of(shard)
    options = {name: value for name, value in vars(asking).items() if name not in {"pairs", "all_items"}}
    settings = PredictSettings(inference=inference, **options)
    from rbmcli.cli.console import CommandResult, open_progress, print_result
    from rbmcli.pipeline.predict import PredictResult, coverage, predict

    progress = open_progress(running)
    given: dict[str, Any] = {
        "output_format": output_format,
        "also_rated": also_rated,
        "settings": settings,
        "input_settings": reading.settings(),
        "progress": progress,
    }
    if dry_run:
        from rbmcli.pipeline.question_plans import plan_predict

        plan = plan_predict(model, history, asking.pairs, output, **given)
        tell_plan("predict", plan, running, progress)
        return
    figures: dict[str, Any] = {}
    files = [output]
    result: PredictResult | None
    with working.opened(running, progress) as engine:
        given |= {"fail_if": fail_if, "engine": engine}
        if part is None:
            result = predict(model, history, asking.pairs, output, **given)
        else:
            from rbmcli.pipeline.sharded import predict_shard

            given["lock_timeout"] = running.lock_timeout
            done = predict_shard(model, history, asking.pairs, output, part, **given)
            result, figures = done.result, done.state.as_dict()
            files = files if done.state.is_joined else []
    if running.json:
        if result is not None:
            figures |= {
                "predictions": result.rows,
                "coverage": coverage(result.counts),
                "sources": result.counts,
                "own_pairs": result.n_own,
            }
        print_result(CommandResult("predict", settings.as_dict(), figures, files), progress)

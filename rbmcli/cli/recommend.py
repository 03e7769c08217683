"""The command `recommend`: a model and histories to the best items for each user."""

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
    MinSupport,
    Output,
    OutputFormat,
    Reading,
    Running,
    ShardOption,
)
from rbmcli.cli.predict import History, Inference, ModelFile
from rbmcli.cli.streams import Use
from rbmcli.config import RecommendSettings
from rbmcli.config.shard import Shard

_DEFAULTS = RecommendSettings()


@dataclass(frozen=True)
class Ranking:
    """How many items, ranked by what."""

    top: Annotated[int, typer.Option("--top", help="Items per user.", rich_help_panel=MODEL)] = _DEFAULTS.top
    rank_by: Annotated[
        Literal["expectation", "lower-bound"],
        typer.Option(
            "--rank-by",
            help="Rank by the expected rating, or by that less some standard deviations.",
            rich_help_panel=MODEL,
        ),
    ] = "expectation"
    deviations: Annotated[
        float,
        typer.Option("--deviations", help="How many, with --rank-by lower-bound.", rich_help_panel=MODEL),
    ] = _DEFAULTS.deviations
    min_support: MinSupport = _DEFAULTS.min_support


@with_options
def command(
    model: ModelFile,
    history: History,
    output: Output,
    *,
    output_format: OutputFormat = "auto",
    users: Annotated[
        str | None,
        Use.READ,
        typer.Option(
            "--users",
            metavar="FILE",
            help="Users to recommend to, one a row; all of the history without it.",
            rich_help_panel=FILES,
        ),
    ] = None,
    ranking: Ranking,
    also_rated: AlsoRated = None,
    inference: Inference = "auto",
    shard: ShardOption = None,
    working: Working,
    reading: Reading,
    dry_run: DryRun = False,
    running: Running,
) -> None:
    """Recommend to each user the items not yet rated that are predicted best.

    rbmcli recommend model.parquet --history train.parquet --top 10 -o recommendations.parquet
    """
    part = None if shard is None else Shard.of(shard)
    settings = RecommendSettings(**vars(ranking), inference=inference)
    from rbmcli.cli.console import CommandResult, open_progress, print_result
    from rbmcli.pipeline.recommend import RecommendResult, recommend

    progress = open_progress(running)
    given: dict[str, Any] = {
        "output_format": output_format,
        "also_rated": also_rated,
        "settings": settings,
        "input_settings": reading.settings(),
        "progress": progress,
    }
    if dry_run:
        from rbmcli.pipeline.question_plans import plan_recommend

        plan = plan_recommend(model, history, users, output, **given)
        tell_plan("recommend", plan, running, progress)
        return
    figures: dict[str, Any] = {}
    files = [output]
    result: RecommendResult | None
    with working.opened(running, progress) as engine:
        given["engine"] = engine
        if part is None:
            result = recommend(model, history, users, output, **given)
        else:
            from rbmcli.pipeline.sharded import recommend_shard

            given["lock_timeout"] = running.lock_timeout
            done = recommend_shard(model, history, users, output, part, **given)
            result, figures = done.result, done.state.as_dict()
            files = files if done.state.is_joined else []
    if running.json:
        if result is not None:
            figures |= {"users": result.n_users, "recommendations": result.rows}
        print_result(CommandResult("recommend", settings.as_dict(), figures, files), progress)

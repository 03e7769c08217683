"""The command `tune`: ratings to the settings that suit them best."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rbmcli.cli.dry_run import DryRun, tell_plan
from rbmcli.cli.engine_options import Working
from rbmcli.cli.option_groups import with_options
from rbmcli.cli.options import FILES, Output, Reading, Running, Scale
from rbmcli.cli.streams import Use
from rbmcli.cli.train_options import Discriminative, Divergence, Learning, Machine
from rbmcli.cli.validation_options import Measuring
from rbmcli.config import TuneSettings
from rbmcli.config.tune import seconds_of
from rbmcli.data.outputs import told_target

if TYPE_CHECKING:
    from rbmcli.pipeline.tune import TuneResult

SEARCH = "Search"
_DEFAULTS = TuneSettings()


@dataclass(frozen=True)
class Searching:
    """How long is searched, and where the search is kept."""

    trials: Annotated[
        int,
        typer.Option(
            "--trials",
            help="Trials to have at the end, those that the journal holds already among them.",
            rich_help_panel=SEARCH,
        ),
    ] = _DEFAULTS.trials
    budget: Annotated[
        str | None,
        typer.Option(
            "--budget",
            metavar="DURATION",
            help="Time that the search may take, such as 45m or 1h30m; it ends with the first complete trial "
            "if that takes longer.",
            rich_help_panel=SEARCH,
        ),
    ] = None
    journal: Annotated[
        Path | None,
        Use.WRITTEN_TEXT,
        typer.Option(
            "--journal",
            help="File that keeps every trial; a search that was ended goes on from it. BEST.tune.journal "
            "for -o BEST.toml if not given.",
            rich_help_panel=FILES,
        ),
    ] = None


@with_options
def command(
    context: typer.Context,
    ratings: Annotated[
        str,
        Use.READ,
        typer.Argument(
            metavar="RATINGS", help="Ratings: from prepare, or any that prepare reads.", show_default=False
        ),
    ],
    output: Output,
    *,
    searching: Searching,
    measuring: Measuring,
    machine: Machine,
    learning: Learning,
    divergence: Divergence,
    discriminative: Discriminative,
    working: Working,
    reading: Reading,
    dry_run: DryRun = False,
    scale: Scale,
    running: Running,
) -> None:
    """Search the settings of train that suit the ratings best, and write them to a TOML file.

    The defaults are tried first, then what optuna makes of the trials so far; trials that fall behind are
    given up. A setting that is given is kept, and not searched; the defaults below are those of train. The
    same command goes on with a search that was interrupted. Needs pip install 'rbmcli\\[tune]'.

        rbmcli tune prepared/train.parquet --valid prepared/valid.parquet --budget 1h -o best.toml

        rbmcli train prepared/train.parquet --config best.toml -o model.parquet

    Of the workers of an engine each makes one trial at a time. As many trials as there are workers are chosen
    together, before any of them is known, so that the number of workers changes what is tried.

        rbmcli tune prepared/train.parquet --engine ray --workers 4 -o best.toml
    """
    settings = TuneSettings(
        trials=searching.trials,
        budget=None if searching.budget is None else seconds_of(searching.budget),
        seed=running.seed,
    )
    every = vars(machine) | vars(learning) | vars(divergence) | vars(discriminative)
    fixed = _given(context, every | {"holdout": measuring.holdout})
    from rbmcli.cli.console import CommandResult, open_progress, print_result
    from rbmcli.pipeline.tune import tune

    progress = open_progress(running)
    given: dict[str, Any] = {
        "journal": searching.journal,
        "valid": measuring.valid,
        "also_rated": measuring.also_rated,
        "fixed": fixed,
        "settings": settings,
        "input_settings": reading.settings(),
        "level_settings": scale.settings(),
        "progress": progress,
    }
    if dry_run:
        from rbmcli.pipeline.plans import plan_tune

        tell_plan("tune", plan_tune(ratings, output, **given), running, progress)
        return
    with working.opened(running, progress) as engine:
        result = tune(ratings, output, engine=engine, **given)
    if running.json:
        told = settings.as_dict() | {"fixed": fixed}
        outcome = CommandResult("tune", told, _figures(result), [output], running.seed, packages=("optuna",))
        print_result(outcome, progress)
        return
    if not running.quiet and output != "-":
        _print_table(result)
    place = f"{told_target(output)}: the settings of trial {result.trial}"
    progress.info(f"{place}, validation RMSE {result.valid_rmse:.4f}")


def _given(context: typer.Context, values: dict[str, Any]) -> dict[str, Any]:
    """Return the values that stand on the command line, in the environment, or in the file of `--config`."""
    sources = {name: context.get_parameter_source(name) for name in values}
    return {
        name: value
        for name, value in values.items()
        if (source := sources[name]) is not None and source.name != "DEFAULT"
    }


def _figures(result: TuneResult) -> dict[str, Any]:
    return {
        "trial": result.trial,
        "best_epoch": result.best_epoch,
        "valid_rmse": result.valid_rmse,
        "valid_nll": result.valid_nll,
        "default_rmse": result.default_rmse,
        "trials": result.endings,
        "searched": result.searched,
        "settings": result.settings.as_dict(),
    }


def _print_table(result: TuneResult) -> None:
    from rbmcli.cli.console import print_table

    defaults = "" if result.default_rmse is None else f", the defaults {result.default_rmse:.4f}"
    nll = "" if result.valid_nll is None else f", NLL {result.valid_nll:.4f}"
    rows = [[name, str(value)] for name, value in result.searched.items()]
    print_table(["setting", "best"], rows, f"validation RMSE {result.valid_rmse:.4f}{nll}{defaults}")

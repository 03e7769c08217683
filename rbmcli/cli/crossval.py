"""The command `crossval`: how good models of ratings are, fold by fold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from rbmcli.cli.blend_options import Blending
from rbmcli.cli.dry_run import DryRun, tell_plan
from rbmcli.cli.engine_options import Working
from rbmcli.cli.evaluate import Resamples
from rbmcli.cli.option_groups import with_options
from rbmcli.cli.options import FILES, AlsoRated, FailIf, Reading, Running, Scale
from rbmcli.cli.other_model_options import OtherModels, settings_by_kind
from rbmcli.cli.streams import Use
from rbmcli.cli.train_options import (
    Discriminative,
    Divergence,
    Learning,
    Machine,
    Model,
    Preset,
)
from rbmcli.cli.validation_options import HoldingOut, training_settings
from rbmcli.config import CrossvalSettings
from rbmcli.errors import GateError

if TYPE_CHECKING:
    from rbmcli.pipeline.crossval import CrossvalResult
    from rbmcli.pipeline.crossval_figures import Figures

SPLIT = "Split"
_DEFAULTS = CrossvalSettings()
_SHOWN = ("rmse", "mae", "nll", "rps", "accuracy", "kappa")

Folds = Annotated[
    int,
    typer.Option(
        "--folds", help="Parts that the ratings are dealt out to, at random.", rich_help_panel=SPLIT
    ),
]
CrossvalOutput = Annotated[
    str | None,
    Use.WRITTEN,
    typer.Option(
        "-o",
        "--output",
        metavar="FOLDER",
        help="Folder to write predictions and figures to, and to go on from; without it nothing is kept. An "
        "address such as s3://bucket/name is in a remote store, where nothing locks out a second run.",
        rich_help_panel=FILES,
    ),
]


@with_options
def command(
    ratings: Annotated[
        str,
        Use.READ,
        typer.Argument(
            metavar="RATINGS", help="Ratings: from prepare, or any that prepare reads.", show_default=False
        ),
    ],
    *,
    output: CrossvalOutput = None,
    folds: Folds = _DEFAULTS.folds,
    model: Model = "rbm",
    preset: Preset = "fast",
    machine: Machine,
    learning: Learning,
    divergence: Divergence,
    discriminative: Discriminative,
    others: OtherModels,
    blending: Blending,
    holding_out: HoldingOut,
    also_rated: AlsoRated = None,
    resamples: Resamples = _DEFAULTS.resamples,
    fail_if: FailIf = [],  # noqa: B006 (Typer copies it)
    working: Working,
    reading: Reading,
    dry_run: DryRun = False,
    scale: Scale,
    running: Running,
) -> None:
    """Cross-validate: predict each rating by a model of the others, and tell how good that is.

    The ratings are dealt out to folds by the seed. For each fold a model is trained on all others, as train
    does, and its predictions are measured beside baselines, as evaluate does. Told are the figures of each
    fold, their mean and their standard deviation over folds, and those of all predictions together with their
    95% interval over users. --fail-if looks at the means.

        rbmcli crossval ratings.csv --by item

    With -o every fold is kept as soon as it is done. The same command goes on with a run that was ended, and
    skips those that are done. A table \\[train] of a file of options holds here too, where \\[crossval] does
    not say otherwise.

        rbmcli crossval ratings.csv --folds 10 --config best.toml -o crossval

    The workers of an engine do one fold each at a time; the files are the same however many they are.

        rbmcli crossval ratings.csv --engine ray --workers 4
    """
    machine_groups = (machine, learning, divergence, discriminative)
    kind = "blend" if preset == "best" and model == "rbm" else model
    given = settings_by_kind(kind, preset, machine_groups, others, blending)
    train_settings = training_settings(kind, given, holding_out, running.seed)
    settings = CrossvalSettings(folds=folds, resamples=resamples)
    from rbmcli.cli.console import CommandResult, open_progress, print_result
    from rbmcli.pipeline.crossval import crossval

    progress, failure = open_progress(running), None
    options: dict[str, Any] = {
        "also_rated": also_rated,
        "settings": settings,
        "train_settings": train_settings,
        "input_settings": reading.settings(),
        "level_settings": scale.settings(),
        "progress": progress,
    }
    if dry_run:
        from rbmcli.pipeline.crossval_plan import plan_crossval

        tell_plan("crossval", plan_crossval(ratings, output, **options), running, progress)
        return
    try:
        with working.opened(running, progress) as engine:
            result = crossval(ratings, output, fail_if=fail_if, engine=engine, **options)
    except GateError as error:
        # Whoever has to find out why wants to see the figures.
        result, failure = cast("CrossvalResult", error.result), error
    if running.json:
        told = settings.as_dict() | train_settings.as_dict() | reading.settings().as_dict()
        told |= scale.settings().as_dict()
        files = list(result.paths.values())
        print_result(CommandResult("crossval", told, result.as_dict(), files, running.seed), progress)
    else:
        _print_tables(result)
    if failure is not None:
        raise failure


def _print_tables(result: CrossvalResult) -> None:
    from rbmcli.cli.console import print_line, print_table
    from rbmcli.cli.evaluation_tables import print_differences, print_predictors

    print_table(*_by_fold(result))
    print_line()
    head = [f"mean of {len(result.folds)} folds", "rmse", "spread", "mae", "spread"]
    print_table(head, _means(result.mean, result.spread))
    print_line("spread: the standard deviation over folds")
    print_line()
    print_line("The predictions of all folds together; from, to: 95% interval over users")
    print_predictors(result.pooled)
    print_differences(result.pooled)


def _by_fold(result: CrossvalResult) -> tuple[list[str], list[list[object]]]:
    """Return head and rows of the table of the model's figures by fold."""
    from rbmcli.pipeline.evaluation_input import MODEL_NAME

    lines: list[tuple[str, int | None, dict[str, float]]] = [
        *((str(fold.fold), fold.n, fold.figures[MODEL_NAME]) for fold in result.folds),
        ("mean", None, result.mean[MODEL_NAME]),
        ("spread", None, result.spread[MODEL_NAME]),
    ]
    shown = [name for name in _SHOWN if any(name in figures for _, _, figures in lines)]
    rows: list[list[object]] = [
        [name, n, *(figures.get(figure) for figure in shown)] for name, n, figures in lines
    ]
    return ["fold", "n", *shown], rows


def _means(mean: Figures, spread: Figures) -> list[list[object]]:
    """Return mean and spread of the model and of each baseline."""
    return [
        [predictor, *(of[predictor].get(name) for name in ("rmse", "mae") for of in (mean, spread))]
        for predictor in mean
    ]

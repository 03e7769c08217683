"""The command `train`: ratings to a model."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rbmcli.cli.blend_options import Blending
from rbmcli.cli.checkpoint_options import Keeping
from rbmcli.cli.dry_run import DryRun, tell_plan
from rbmcli.cli.engine_options import AverageEvery, Working
from rbmcli.cli.option_groups import with_options
from rbmcli.cli.options import Output, Reading, Running, Scale
from rbmcli.cli.other_model_options import OtherModels, settings_by_kind
from rbmcli.cli.signals import held_back
from rbmcli.cli.streams import Use
from rbmcli.cli.train_options import (
    Discriminative,
    Divergence,
    Learning,
    Machine,
    Model,
    Preset,
)
from rbmcli.cli.validation_options import Validating, training_settings
from rbmcli.config import AnyTrainSettings, TrainSettings
from rbmcli.data.outputs import told_target
from rbmcli.progress import Progress

if TYPE_CHECKING:
    from rbmcli.pipeline.train import TrainResult

_DEFAULTS = TrainSettings()


@with_options
def command(
    ratings: Annotated[
        str,
        Use.READ,
        typer.Argument(
            metavar="RATINGS", help="Ratings: from prepare, or any that prepare reads.", show_default=False
        ),
    ],
    output: Output,
    *,
    model: Model = "rbm",
    preset: Preset = "fast",
    machine: Machine,
    learning: Learning,
    divergence: Divergence,
    discriminative: Discriminative,
    others: OtherModels,
    blending: Blending,
    validating: Validating,
    keeping: Keeping,
    working: Working,
    average_every: AverageEvery = _DEFAULTS.average_every,
    reading: Reading,
    dry_run: DryRun = False,
    scale: Scale,
    running: Running,
) -> None:
    """Train a model, by default a Restricted Boltzmann Machine, and write it to one Parquet file.

    The parameters of the epoch with the best validation RMSE are kept. With a checkpoint, Ctrl-C and SIGTERM
    stop after the mini-batch under way, and all is saved. The same command with --resume goes on from there,
    and its model is that of an unbroken run, to the byte.

        rbmcli train prepared/train.parquet --valid prepared/valid.parquet -o model.parquet

        rbmcli train prepared/train.parquet -o model.parquet --checkpoint model.checkpoint --resume

    Several workers of an engine train one model together, each from its share of the rows of every
    mini-batch. The model depends on how many there are, but not on where they work.

        rbmcli train prepared/train.parquet -o model.parquet --engine ray --workers 4
    """
    machine_groups = (machine, learning, divergence, discriminative)
    kind = "blend" if preset == "best" and model == "rbm" else model
    given = settings_by_kind(kind, preset, machine_groups, others, blending)
    settings = training_settings(kind, given, validating, running.seed)
    from rbmcli.cli.console import CommandResult, open_progress, print_result
    from rbmcli.pipeline.train import train

    progress = open_progress(running)
    options: dict[str, Any] = {
        "valid": validating.valid,
        "also_rated": validating.also_rated,
        "settings": settings,
        "input_settings": reading.settings(),
        "level_settings": scale.settings(),
        "progress": progress,
    }
    if dry_run:
        options["settings"] = _with_workers(settings, working.workers or 1, average_every)
        from rbmcli.pipeline.plans import plan_train

        tell_plan("train", plan_train(ratings, output, **options), running, progress)
        return
    with ExitStack() as stack:
        engine = stack.enter_context(working.opened(running, progress))
        options["settings"] = _with_workers(settings, engine.workers, average_every)
        result = train(
            ratings,
            output,
            **options,
            engine=engine,
            checkpoint=keeping.checkpoint,
            resume=keeping.resume,
            checkpoint_interval=keeping.checkpoint_interval,
            stop=None if keeping.checkpoint is None else stack.enter_context(held_back()),
        )
    figures = {
        "best_epoch": result.best_epoch,
        "epochs_run": len(result.model.record["epochs"]),
        "valid_rmse": result.valid_rmse,
        "valid_nll": result.valid_nll,
        "ratings": result.model.record["n_ratings"],
        "levels": [float(value) for value in result.model.levels.values],
    }
    if result.model.members:
        figures["members"] = result.model.record["of_members"]
    if running.json:
        told = result.model.settings.as_dict()
        print_result(CommandResult("train", told, figures, [output], running.seed), progress)
        return
    _tell(result, output, progress, with_curve=not running.quiet and running.log_format == "text")


def _with_workers(settings: AnyTrainSettings, workers: int, average_every: int) -> AnyTrainSettings:
    """Return the settings with those of several workers, where the model has them."""
    if not isinstance(settings, TrainSettings):
        return settings
    return replace(settings, workers=workers, average_every=average_every)


def _tell(result: TrainResult, output: str, progress: Progress, *, with_curve: bool) -> None:
    """Tell what the model is and how good it is, with the curve of its training."""
    from rbmcli.cli.text_plots import print_training_curve
    from rbmcli.models.portraits import portrait_of
    from rbmcli.models.store import describe

    portrait = portrait_of(describe(result.model))
    course = portrait.course
    told = portrait.name if course is None else f"the model of {course.step} {result.best_epoch}"
    if result.valid_rmse is not None:
        told += f", validation RMSE {result.valid_rmse:.4f}"
    if result.valid_nll is not None:
        told += f", NLL {result.valid_nll:.4f}"
    progress.info(f"{told_target(output)}: {told}")
    if with_curve:
        print_training_curve(result.model.record["epochs"], result.best_epoch, sys.stderr, course)

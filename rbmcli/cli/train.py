"""The command `train`: ratings to a model."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated, Literal

import typer

from rbmcli.cli.option_groups import with_options
from rbmcli.cli.options import FILES, MODEL, TRAINING, Output, Reading, Running, Scale, Seed
from rbmcli.config import TrainSettings
from rbmcli.errors import UsageError

_DEFAULTS = TrainSettings()


@dataclass(frozen=True)
class Machine:
    """What the model is."""

    by: Annotated[
        Literal["user", "item"],
        typer.Option(
            "--by",
            help="Whose ratings make one training case. Items are usually more accurate; users need no "
            "folding in.",
            rich_help_panel=MODEL,
        ),
    ] = "user"
    hidden: Annotated[int, typer.Option("--hidden", help="Hidden units.", rich_help_panel=MODEL)] = (
        _DEFAULTS.hidden
    )
    conditional: Annotated[
        bool,
        typer.Option(
            "--conditional/--no-conditional",
            help="Let hidden units see which pairs were rated, besides how.",
            rich_help_panel=MODEL,
        ),
    ] = True
    row_bias: Annotated[
        bool,
        typer.Option(
            "--row-bias/--no-row-bias",
            help="Add to the levels a bias of the row, from its own ratings.",
            rich_help_panel=MODEL,
        ),
    ] = True
    row_bias_strength: Annotated[
        float,
        typer.Option(
            "--row-bias-strength",
            help="Ratings at the usual rates that the row bias starts from.",
            rich_help_panel=MODEL,
        ),
    ] = _DEFAULTS.row_bias_strength
    prior_strength: Annotated[
        float,
        typer.Option(
            "--prior-strength",
            help="Ratings at the overall rates that base rates start from.",
            rich_help_panel=MODEL,
        ),
    ] = _DEFAULTS.prior_strength
    inference: Annotated[
        Literal["mean-field", "exact"],
        typer.Option("--inference", help="How predictions sum over the hidden units.", rich_help_panel=MODEL),
    ] = "mean-field"


@dataclass(frozen=True)
class Learning:
    """How the model is trained."""

    epochs: Annotated[
        int | None,
        typer.Option(
            "--epochs",
            help=f"Most passes over the ratings [default: {_DEFAULTS.epochs}]; with --no-valid just so many.",
            rich_help_panel=TRAINING,
        ),
    ] = None
    patience: Annotated[
        int,
        typer.Option(
            "--patience",
            help="Stop after so many epochs without a better validation RMSE.",
            rich_help_panel=TRAINING,
        ),
    ] = _DEFAULTS.patience
    batch_size: Annotated[
        int, typer.Option("--batch-size", help="Rows of a mini-batch.", rich_help_panel=TRAINING)
    ] = _DEFAULTS.batch_size
    learning_rate: Annotated[
        float, typer.Option("--learning-rate", help="Step of the first epoch.", rich_help_panel=TRAINING)
    ] = _DEFAULTS.learning_rate
    rate_decay: Annotated[
        float,
        typer.Option(
            "--rate-decay",
            help="Epoch e, from 0, learns at the learning rate / (1 + this * e).",
            rich_help_panel=TRAINING,
        ),
    ] = _DEFAULTS.rate_decay
    momentum: Annotated[
        float,
        typer.Option(
            "--momentum", help="Share of the last step that goes on in the next.", rich_help_panel=TRAINING
        ),
    ] = _DEFAULTS.momentum
    weight_decay: Annotated[
        float | None,
        typer.Option(
            "--weight-decay",
            help="L2 shrinkage of the weights [default: 0.01 by user, 0.005 by item].",
            rich_help_panel=TRAINING,
        ),
    ] = None
    cd_steps: Annotated[
        str,
        typer.Option(
            "--cd-steps",
            help="Gibbs steps of contrastive divergence, or a schedule such as 1,3@20,5@40.",
            rich_help_panel=TRAINING,
        ),
    ] = _DEFAULTS.cd_steps
    reconstruction: Annotated[
        Literal["mean-field", "sampled"],
        typer.Option(
            "--reconstruction",
            help="Reconstruct probabilities, or sampled levels.",
            rich_help_panel=TRAINING,
        ),
    ] = "mean-field"


@dataclass(frozen=True)
class Validating:
    """How the number of epochs is chosen."""

    valid: Annotated[
        str | None,
        typer.Option(
            "--valid",
            metavar="RATINGS",
            help="Ratings to choose the best epoch by; without it a part of the others is held out.",
            rich_help_panel=FILES,
        ),
    ] = None
    holdout: Annotated[
        float,
        typer.Option(
            "--holdout", help="Share of the ratings to hold out without --valid.", rich_help_panel=TRAINING
        ),
    ] = _DEFAULTS.holdout
    refit: Annotated[
        bool,
        typer.Option(
            "--refit",
            help="Then train on all ratings, those for validation too, for the best number of epochs.",
            rich_help_panel=TRAINING,
        ),
    ] = False
    no_valid: Annotated[
        bool,
        typer.Option("--no-valid", help="Do without validation: needs --epochs.", rich_help_panel=TRAINING),
    ] = False


@with_options
def command(
    ratings: Annotated[
        str,
        typer.Argument(
            metavar="RATINGS", help="Ratings: from prepare, or any that prepare reads.", show_default=False
        ),
    ],
    output: Output,
    *,
    machine: Machine,
    learning: Learning,
    validating: Validating,
    reading: Reading,
    scale: Scale,
    running: Running,
    seed: Seed = 0,
) -> None:
    """Train a Restricted Boltzmann Machine and write it to one Parquet file.

    The parameters of the epoch with the best validation RMSE are kept.

        rbmcli train prepared/train.parquet --valid prepared/valid.parquet -o model.parquet
    """
    started = time.monotonic()
    settings = _settings(machine, learning, validating, seed)
    from rbmcli.cli.console import CommandResult, open_progress, print_result
    from rbmcli.pipeline.train import train

    progress = open_progress(running)
    result = train(
        ratings,
        output,
        valid=validating.valid,
        settings=settings,
        input_settings=reading.settings(),
        level_settings=scale.settings(),
        progress=progress,
    )
    figures = {
        "best_epoch": result.best_epoch,
        "epochs_run": len(result.model.record["epochs"]),
        "valid_rmse": result.valid_rmse,
        "valid_nll": result.valid_nll,
        "ratings": result.model.record["n_ratings"],
        "levels": [float(value) for value in result.model.levels.values],
    }
    if running.json:
        told = result.model.settings.as_dict()
        print_result(CommandResult("train", started, told, figures, [output], seed))
        return
    best = f"epoch {result.best_epoch}"
    if result.valid_rmse is not None and result.valid_nll is not None:
        best += f", validation RMSE {result.valid_rmse:.4f}, NLL {result.valid_nll:.4f}"
    progress.info(f"{output}: the model of {best}")


def _settings(machine: Machine, learning: Learning, validating: Validating, seed: int) -> TrainSettings:
    if validating.no_valid and learning.epochs is None:
        raise UsageError(
            "--no-valid needs --epochs: without validation nothing tells when to stop",
            hint="give the number of epochs, or leave out --no-valid to have it chosen",
        )
    chosen = vars(learning) | {"epochs": _DEFAULTS.epochs if learning.epochs is None else learning.epochs}
    return TrainSettings(
        **vars(machine),
        **chosen,
        validation="none" if validating.no_valid else "holdout",
        holdout=validating.holdout,
        refit=validating.refit,
        seed=seed,
    )

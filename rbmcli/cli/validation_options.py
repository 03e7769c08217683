"""The options that tell by what ratings the number of epochs is chosen, and the settings of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from rbmcli.cli.options import FILES, TRAINING, AlsoRated
from rbmcli.config import TrainSettings
from rbmcli.errors import UsageError

_DEFAULTS = TrainSettings()

Refit = Annotated[
    bool | None,
    typer.Option(
        "--refit/--no-refit",
        help="Then train on all ratings, those for validation too, for the best number of epochs "
        "[default: with preset accurate].",
        show_default=False,
        rich_help_panel=TRAINING,
    ),
]
NoValid = Annotated[
    bool,
    typer.Option("--no-valid", help="Do without validation: needs --epochs.", rich_help_panel=TRAINING),
]


@dataclass(frozen=True)
class Measuring:
    """What trainings are measured on."""

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
    also_rated: AlsoRated = None


@dataclass(frozen=True)
class Validating(Measuring):
    """How the number of epochs is chosen."""

    refit: Refit = None
    no_valid: NoValid = False


@dataclass(frozen=True)
class HoldingOut:
    """How the number of epochs is chosen where no ratings can be given for it."""

    holdout: Annotated[
        float,
        typer.Option(
            "--holdout",
            help="Share of the training ratings to hold out and choose the epoch by.",
            rich_help_panel=TRAINING,
        ),
    ] = _DEFAULTS.holdout
    refit: Refit = None
    no_valid: NoValid = False


def training_settings(
    model: Mapping[str, Any], validating: Validating | HoldingOut, seed: int
) -> TrainSettings:
    """Return the settings of a training.

    Parameters
    ----------
    model : mapping
        Settings by name, but for those of the validation and the seed.
    validating : Validating or HoldingOut
        How the number of epochs is chosen.
    seed : int
        Seed of everything random.

    Raises
    ------
    UsageError
        If they do not go together.
    """
    if validating.no_valid and model["epochs"] is None:
        raise UsageError(
            "--no-valid needs --epochs: without validation nothing tells when to stop",
            hint="give the number of epochs, or leave out --no-valid to have it chosen",
        )
    return TrainSettings(
        **model,
        validation="none" if validating.no_valid else "holdout",
        holdout=validating.holdout,
        refit=validating.refit,
        seed=seed,
    )

"""The options that tell by what ratings the number of epochs is chosen, and the settings of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from rbmcli.cli.options import FILES, TRAINING, AlsoRated
from rbmcli.config import AnyTrainSettings, BiasSettings, TrainSettings
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
    kind: str,
    machine: Mapping[str, Any],
    effects: Mapping[str, Any],
    validating: Validating | HoldingOut,
    seed: int,
) -> AnyTrainSettings:
    """Return the settings of a training.

    Parameters
    ----------
    kind : {"rbm", "bias"}
        What is trained.
    machine, effects : mapping
        Settings of the two kinds by name, but for those of the validation and the seed.
    validating : Validating or HoldingOut
        What is held out.
    seed : int
        Seed of everything random.

    Raises
    ------
    UsageError
        If they do not go together.
    """
    others, defaults = (machine, TrainSettings()) if kind == "bias" else (effects, BiasSettings())
    strange = [name for name, value in others.items() if value != getattr(defaults, name)]
    if strange:
        options = ", ".join("--" + name.replace("_", "-") for name in strange)
        raise UsageError(
            f"{options}: not an option of --model {kind}", hint="leave it out, or name another --model"
        )
    common: dict[str, Any] = {
        "validation": "none" if validating.no_valid else "holdout",
        "holdout": validating.holdout,
        "seed": seed,
    }
    if kind == "bias":
        refit = True if validating.refit is None else validating.refit
        return BiasSettings(**effects, **common, refit=refit)
    if validating.no_valid and machine["epochs"] is None:
        raise UsageError(
            "--no-valid needs --epochs: without validation nothing tells when to stop",
            hint="give the number of epochs, or leave out --no-valid to have it chosen",
        )
    return TrainSettings(**machine, **common, refit=validating.refit)

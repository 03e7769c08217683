"""The options that tell by what ratings the number of epochs is chosen, and the settings of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any

import typer

from rbmcli.cli.options import FILES, TRAINING, AlsoRated
from rbmcli.config import SETTINGS_OF, AnyTrainSettings, TrainSettings
from rbmcli.errors import UsageError

_DEFAULTS = TrainSettings()

Refit = Annotated[
    bool | None,
    typer.Option(
        "--refit/--no-refit",
        help="Then train on all ratings, those for validation too, for the best number of epochs "
        "[default: with preset accurate, and with every --model but rbm].",
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
    kind: str, given: Mapping[str, Mapping[str, Any]], validating: Validating | HoldingOut, seed: int
) -> AnyTrainSettings:
    """Return the settings of a training.

    Parameters
    ----------
    kind : str
        What is trained, one of `rbmcli.config.SETTINGS_OF`.
    given : mapping of str to mapping
        Of each kind its settings by name, but for those of the validation and the seed.
    validating : Validating or HoldingOut
        What is held out.
    seed : int
        Seed of everything random.

    Raises
    ------
    UsageError
        If they do not go together.
    """
    for other, values in given.items():
        defaults = {entry.name: entry.default for entry in fields(SETTINGS_OF[other])}
        strange = [name for name, value in values.items() if value != defaults[name]]
        if other != kind and strange:
            options = ", ".join("--" + name.replace("_", "-") for name in strange)
            raise UsageError(
                f"{options}: not an option of --model {kind}", hint=f"leave it out, or take --model {other}"
            )
    own = dict(given[kind])
    own |= {"validation": "none" if validating.no_valid else "holdout", "holdout": validating.holdout}
    own |= {"seed": seed} if validating.refit is None else {"seed": seed, "refit": validating.refit}
    if validating.no_valid and own.get("epochs", 0) is None:
        raise UsageError(
            "--no-valid needs --epochs: without validation nothing tells when to stop",
            hint="give the number of epochs, or leave out --no-valid to have it chosen",
        )
    return SETTINGS_OF[kind](**own)

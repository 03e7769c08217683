"""The options of `train` for models of an expected rating, and those of all kinds put together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from rbmcli.cli.blend_options import Blending
from rbmcli.config import AutoencoderSettings, FactorizationSettings

EFFECTS = "User and item effects (--model bias)"
FACTORIZATION = "Matrix factorization (--model mf)"
AUTOENCODER = "Autoencoder (--model autoencoder)"

_OF_FACTORIZATION, _OF_AUTOENCODER = FactorizationSettings(), AutoencoderSettings()

_SHARED_WITH_RBM = (
    "by",
    "epochs",
    "patience",
    "batch_size",
    "average",
    "network_rate",
    "network_rate_decay",
    "penalty",
)
"""Options of an RBM that an autoencoder has too."""


@dataclass(frozen=True)
class Effects:
    """How user and item effects are fitted."""

    user_penalty: Annotated[
        float | None,
        typer.Option(
            "--user-penalty",
            help="Ratings of no effect that count against a user's [default: chosen on held-out ratings].",
            rich_help_panel=EFFECTS,
        ),
    ] = None
    item_penalty: Annotated[
        float | None,
        typer.Option(
            "--item-penalty",
            help="The same against an item's [default: chosen on held-out ratings].",
            rich_help_panel=EFFECTS,
        ),
    ] = None


@dataclass(frozen=True)
class Factorization:
    """How a matrix factorization is sampled."""

    latent_factors: Annotated[
        int,
        typer.Option(
            "--latent-factors",
            help="Factors of users and items, beside biases.",
            rich_help_panel=FACTORIZATION,
        ),
    ] = _OF_FACTORIZATION.latent_factors
    implicit: Annotated[
        bool,
        typer.Option(
            "--implicit/--no-implicit",
            help="Whether which items a user has rated, and who has rated an item, counts too.",
            rich_help_panel=FACTORIZATION,
        ),
    ] = _OF_FACTORIZATION.implicit
    sweeps: Annotated[
        int,
        typer.Option("--sweeps", help="How often everything is drawn.", rich_help_panel=FACTORIZATION),
    ] = _OF_FACTORIZATION.sweeps
    burn_in: Annotated[
        int,
        typer.Option(
            "--burn-in", help="Sweeps before the first one that counts.", rich_help_panel=FACTORIZATION
        ),
    ] = _OF_FACTORIZATION.burn_in
    samples: Annotated[
        int,
        typer.Option("--samples", help="Samples that the model keeps.", rich_help_panel=FACTORIZATION),
    ] = _OF_FACTORIZATION.samples


@dataclass(frozen=True)
class Network:
    """What an autoencoder is, and what is dropped in its training."""

    layers: Annotated[
        str,
        typer.Option(
            "--layers",
            metavar="N[,N...]",
            help="Units of each hidden layer. It takes --by, --epochs, --patience, --batch-size, --average, "
            "--network-rate and --penalty too.",
            rich_help_panel=AUTOENCODER,
        ),
    ] = _OF_AUTOENCODER.layers
    input_dropout: Annotated[
        float,
        typer.Option(
            "--input-dropout",
            help="Share of a row's ratings that is hidden from the input, to be predicted.",
            rich_help_panel=AUTOENCODER,
        ),
    ] = _OF_AUTOENCODER.input_dropout
    dropout: Annotated[
        float,
        typer.Option("--dropout", help="Share of hidden units that is dropped.", rich_help_panel=AUTOENCODER),
    ] = _OF_AUTOENCODER.dropout


def settings_by_kind(
    model: str,
    preset: str,
    machine_groups: Iterable[object],
    factorization: Factorization,
    network: Network,
    effects: Effects,
    blending: Blending,
) -> dict[str, dict[str, Any]]:
    """Return the settings that options give each kind of model, by its name; `model` is that wanted."""
    machine = {} if preset == "best" else {"preset": preset}
    for group in machine_groups:
        machine |= vars(group)
    shared: dict[str, Any] = {}
    if model == "autoencoder":
        shared = {name: machine.pop(name) for name in _SHARED_WITH_RBM}
    single = {
        "rbm": machine,
        "mf": vars(factorization),
        "autoencoder": vars(network) | shared,
        "bias": vars(effects),
    }
    return single | blending.settings(model, preset)

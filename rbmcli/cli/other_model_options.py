"""The options of `train` for models of an expected rating, and those of all kinds put together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal

import typer

from rbmcli.cli.blend_options import Blending
from rbmcli.config import AutoencoderSettings, FactorizationSettings, NeighboursSettings

EFFECTS = "User and item effects (--model bias)"
FACTORIZATION = "Matrix factorization (--model mf)"
AUTOENCODER = "Autoencoder (--model autoencoder)"
NEIGHBOURS = "Neighbours of items (--model neighbours)"

_OF_FACTORIZATION, _OF_AUTOENCODER = FactorizationSettings(), AutoencoderSettings()
_OF_NEIGHBOURS = NeighboursSettings()

_SHARED_WITH_RBM = (
    "by",
    "layers",
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
    """How a matrix factorization is found."""

    method: Annotated[
        Literal["gibbs", "als"],
        typer.Option(
            "--method",
            help="gibbs: draw samples from the posterior. als: one estimate, by alternating least squares; "
            "faster.",
            rich_help_panel=FACTORIZATION,
        ),
    ] = "gibbs"
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
        typer.Option(
            "--sweeps",
            help="How often everything is drawn; of als the most sweeps, of which validation ratings choose "
            "the best.",
            rich_help_panel=FACTORIZATION,
        ),
    ] = _OF_FACTORIZATION.sweeps
    burn_in: Annotated[
        int,
        typer.Option(
            "--burn-in",
            help="Of gibbs: sweeps before the first one that counts.",
            rich_help_panel=FACTORIZATION,
        ),
    ] = _OF_FACTORIZATION.burn_in
    samples: Annotated[
        int,
        typer.Option(
            "--samples", help="Of gibbs: samples that the model keeps.", rich_help_panel=FACTORIZATION
        ),
    ] = _OF_FACTORIZATION.samples
    factor_penalty: Annotated[
        float | None,
        typer.Option(
            "--factor-penalty",
            help="Of als: ratings of no effect that count against factors [default: chosen on validation "
            "ratings, from 18].",
            rich_help_panel=FACTORIZATION,
        ),
    ] = None
    bias_penalty: Annotated[
        float | None,
        typer.Option(
            "--bias-penalty",
            help="Of als: the same against biases [default: 6].",
            rich_help_panel=FACTORIZATION,
        ),
    ] = None
    implicit_penalty: Annotated[
        float | None,
        typer.Option(
            "--implicit-penalty",
            help="Of als: the same against what having rated adds [default: chosen on validation ratings, "
            "from 32].",
            rich_help_panel=FACTORIZATION,
        ),
    ] = None


@dataclass(frozen=True)
class Neighbours:
    """How neighbours of items are found."""

    base: Annotated[
        Literal["rbm", "mf", "als", "bias"],
        typer.Option(
            "--base",
            help="The model whose residuals they explain, trained as its kind is by default; an RBM with "
            "items as rows; als is mf by least squares.",
            rich_help_panel=NEIGHBOURS,
        ),
    ] = "rbm"
    neighbours: Annotated[
        int,
        typer.Option("--neighbours", help="Most neighbours of an item.", rich_help_panel=NEIGHBOURS),
    ] = _OF_NEIGHBOURS.neighbours
    similarity_shrinkage: Annotated[
        float,
        typer.Option(
            "--similarity-shrinkage",
            help="Ratings that count against the similarity of items with few of them.",
            rich_help_panel=NEIGHBOURS,
        ),
    ] = _OF_NEIGHBOURS.similarity_shrinkage


@dataclass(frozen=True)
class Network:
    """What is dropped in the training of an autoencoder; it shares options with an RBM too."""

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


@dataclass(frozen=True)
class OtherModels(Effects, Neighbours, Network, Factorization):
    """All of these."""


def settings_by_kind(
    model: str, preset: str, machine_groups: Iterable[object], others: OtherModels, blending: Blending
) -> dict[str, dict[str, Any]]:
    """Return the settings that options give each kind of model, by its name; `model` is that wanted."""
    machine: dict[str, Any] = {} if preset == "best" else {"preset": preset}
    for group in machine_groups:
        machine |= vars(group)
    shared: dict[str, Any] = {}
    if model == "autoencoder":
        shared = {name: machine.pop(name) for name in _SHARED_WITH_RBM}
        # The empty text is one layer, which each kind has as its defaults say.
        shared = {name: value for name, value in shared.items() if value != ""}
    single = {
        "rbm": machine,
        "mf": _of(others, Factorization),
        "autoencoder": _of(others, Network) | shared,
        "neighbours": _of(others, Neighbours),
        "bias": _of(others, Effects),
    }
    # That of a blend is an option of the machines that it has.
    day_bias = model == "blend" and machine.pop("day_bias")
    return single | blending.settings(model, preset, day_bias=day_bias)


def _of(others: OtherModels, group: type) -> dict[str, Any]:
    return {entry.name: getattr(others, entry.name) for entry in fields(group)}

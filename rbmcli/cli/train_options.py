"""The options of `train`, in the groups that its help shows; `tune` has most of them too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import typer

from rbmcli.cli.options import MODEL, TRAINING
from rbmcli.config import TrainSettings

DIVERGENCE = "Contrastive divergence"
DISCRIMINATIVE = "Discriminative training"

_DEFAULTS = TrainSettings()

Model = Annotated[
    Literal["rbm", "mf", "autoencoder", "neighbours", "bias", "ensemble", "blend"],
    typer.Option(
        "--model",
        help="rbm: a Restricted Boltzmann Machine. mf: a matrix factorization, Bayesian or by least "
        "squares. autoencoder: a network that fills in what is left out of a row. neighbours: neighbours of "
        "items, upon another of these. bias: regularised effects of users and items, the floor of "
        "comparisons. ensemble: one of these over several seeds. blend: several of these. All but rbm have "
        "panels of their own.",
        rich_help_panel=MODEL,
    ),
]
Preset = Annotated[
    Literal["fast", "accurate", "best"],
    typer.Option(
        "--preset",
        help="fast: one training at settings that suit the data. accurate: try orientation and objective "
        "on validation ratings, as far as they are not given, and train the best again on all ratings. "
        "best: a blend of several models, the most accurate predictions there are.",
        rich_help_panel=MODEL,
    ),
]


@dataclass(frozen=True)
class Machine:
    """What the model is."""

    by: Annotated[
        Literal["user", "item"] | None,
        typer.Option(
            "--by",
            help="Whose ratings make one training case [default: user]. Items are usually more accurate; "
            "users need no folding in.",
            rich_help_panel=MODEL,
        ),
    ] = None
    hidden: Annotated[
        int | None,
        typer.Option("--hidden", help="Hidden units [default: by the data].", rich_help_panel=MODEL),
    ] = None
    layers: Annotated[
        str,
        typer.Option(
            "--layers",
            help="Stack layers of hidden units, '200,100': the first is that of --hidden, each other one "
            "learns from the one below [default: one layer]. Those of an autoencoder too.",
            show_default=False,
            rich_help_panel=MODEL,
        ),
    ] = _DEFAULTS.layers
    hidden_units: Annotated[
        Literal["binary", "gaussian"],
        typer.Option("--hidden-units", help="What hidden units are.", rich_help_panel=MODEL),
    ] = "binary"
    factors: Annotated[
        int,
        typer.Option(
            "--factors",
            help="Factor the weights by so many factors; 0 does not. For many hidden units.",
            rich_help_panel=MODEL,
        ),
    ] = _DEFAULTS.factors
    level_functions: Annotated[
        int | None,
        typer.Option(
            "--level-functions",
            help="Let levels share weights: 1 linear in the rating, 2 with its square ...; 0 gives each "
            "level its own [default: 2, with few levels 0].",
            rich_help_panel=MODEL,
        ),
    ] = None
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
    tilt_strength: Annotated[
        float,
        typer.Option(
            "--tilt-strength",
            help="Ratings at these rates that count against tilting them to what was counted.",
            rich_help_panel=MODEL,
        ),
    ] = _DEFAULTS.tilt_strength
    day_bias: Annotated[
        bool,
        typer.Option(
            "--day-bias/--no-day-bias",
            help="Add to the levels how the user rates on the day, from the other ratings of that day; needs "
            "timestamps, of pairs to predict too.",
            rich_help_panel=MODEL,
        ),
    ] = False
    day_bias_strength: Annotated[
        float,
        typer.Option(
            "--day-bias-strength",
            help="Ratings as expected of the user that count against those of a day.",
            rich_help_panel=MODEL,
        ),
    ] = _DEFAULTS.day_bias_strength
    inference: Annotated[
        Literal["mean-field", "exact"],
        typer.Option("--inference", help="How predictions sum over the hidden units.", rich_help_panel=MODEL),
    ] = "mean-field"


@dataclass(frozen=True)
class Learning:
    """How the model is trained, whatever the objective."""

    objective: Annotated[
        Literal["divergence", "discriminative"] | None,
        typer.Option(
            "--objective",
            help="Contrastive divergence, the objective of the RBM, or the loss of ratings that are hidden "
            "from the input [default: discriminative].",
            rich_help_panel=TRAINING,
        ),
    ] = None
    fine_tune: Annotated[
        bool,
        typer.Option(
            "--fine-tune",
            help="After contrastive divergence train the same parameters discriminatively.",
            rich_help_panel=TRAINING,
        ),
    ] = False
    epochs: Annotated[
        int | None,
        typer.Option(
            "--epochs",
            help="Most passes over the ratings [default: 200, or fewer where there are many]; with "
            "--no-valid just so many.",
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
        int | None,
        typer.Option(
            "--batch-size", help="Rows of a mini-batch [default: by the data].", rich_help_panel=TRAINING
        ),
    ] = _DEFAULTS.batch_size
    average: Annotated[
        int,
        typer.Option(
            "--average", help="Average the parameters over so many last epochs.", rich_help_panel=TRAINING
        ),
    ] = _DEFAULTS.average


@dataclass(frozen=True)
class Divergence:
    """How contrastive divergence learns."""

    learning_rate: Annotated[
        float | None,
        typer.Option(
            "--learning-rate",
            help="Step of the first epoch [default: 0.05, 0.005 for gaussian units].",
            rich_help_panel=DIVERGENCE,
        ),
    ] = None
    rate_decay: Annotated[
        float,
        typer.Option(
            "--rate-decay",
            help="Epoch e, from 0, learns at the learning rate / (1 + this * e).",
            rich_help_panel=DIVERGENCE,
        ),
    ] = _DEFAULTS.rate_decay
    momentum: Annotated[
        str,
        typer.Option(
            "--momentum",
            help="Share of the last step that goes on in the next, or a schedule such as 0.5,0.9@6.",
            rich_help_panel=DIVERGENCE,
        ),
    ] = _DEFAULTS.momentum
    weight_decay: Annotated[
        float | None,
        typer.Option(
            "--weight-decay",
            help="L2 shrinkage of the weights [default: 0.01 by user, 0.005 by item].",
            rich_help_panel=DIVERGENCE,
        ),
    ] = None
    cd_steps: Annotated[
        str,
        typer.Option(
            "--cd-steps",
            help="Gibbs steps, or a schedule such as 1,3@20,5@40.",
            rich_help_panel=DIVERGENCE,
        ),
    ] = _DEFAULTS.cd_steps
    reconstruction: Annotated[
        Literal["mean-field", "sampled"],
        typer.Option(
            "--reconstruction",
            help="Reconstruct probabilities, or sampled levels.",
            rich_help_panel=DIVERGENCE,
        ),
    ] = "mean-field"
    persistent: Annotated[
        bool,
        typer.Option(
            "--persistent",
            help="Let Gibbs chains go on from epoch to epoch; reconstructs sampled levels.",
            rich_help_panel=DIVERGENCE,
        ),
    ] = False


@dataclass(frozen=True)
class Discriminative:
    """How discriminative training learns."""

    keep: Annotated[
        float,
        typer.Option(
            "--keep", help="Share of a row's ratings that stay input.", rich_help_panel=DISCRIMINATIVE
        ),
    ] = _DEFAULTS.keep
    squared_share: Annotated[
        float,
        typer.Option(
            "--squared-share",
            help="Share of squared error in the loss; the rest is cross-entropy.",
            rich_help_panel=DISCRIMINATIVE,
        ),
    ] = _DEFAULTS.squared_share
    network_rate: Annotated[
        float,
        typer.Option(
            "--network-rate", help="Step of Adam in the first epoch.", rich_help_panel=DISCRIMINATIVE
        ),
    ] = _DEFAULTS.network_rate
    network_rate_decay: Annotated[
        float,
        typer.Option(
            "--network-rate-decay",
            help="As --rate-decay, of --network-rate.",
            rich_help_panel=DISCRIMINATIVE,
        ),
    ] = _DEFAULTS.network_rate_decay
    penalty: Annotated[
        float | None,
        typer.Option(
            "--penalty",
            help="L2 penalty of the weights [default: by the data].",
            rich_help_panel=DISCRIMINATIVE,
        ),
    ] = None

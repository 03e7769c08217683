"""A small model of every kind, trained in no time, and the options of `train` that make it."""

from __future__ import annotations

import functools
from typing import Any

import pyarrow as pa

import rbmcli
from rbmcli.config import BlendSettings, EnsembleSettings, Member
from rbmcli.models.rating_model import RatingModel
from rbmcli.pipeline.prepare import PrepareResult
from tests.small_ratings import quick, tastes

MF = "mf:latent-factors=3,sweeps=20,burn-in=4,samples=4"
RBM = "rbm:by=item,hidden=4,epochs=3"
NEAR = "neighbours:base=bias,neighbours=5"

OPTIONS = {
    "rbm": "--by item --hidden 4 --epochs 4",
    "bias": "--model bias",
    "mf": "--model mf --latent-factors 3 --sweeps 20 --burn-in 4 --samples 4",
    "autoencoder": "--model autoencoder --layers 6 --epochs 4",
    "neighbours": "--model neighbours --base bias --neighbours 5",
    "ensemble": f"--model ensemble --member {MF} --seeds 3",
    "blend": f"--model blend --member {MF} --member {RBM} --member {NEAR}",
}
"""Options of `train` for a small model of each kind."""

OTHERS = tuple(kind for kind in OPTIONS if kind != "rbm")
MADE_OF_OTHERS = ("neighbours", "ensemble", "blend")


def members(*texts: str) -> tuple[Member, ...]:
    """Return the members of a blend, as `train --member` reads them."""
    return tuple(map(Member.of, texts))


SETTINGS: dict[str, Any] = {
    "rbm": quick("item", validation="holdout", epochs=5),
    "bias": rbmcli.BiasSettings(),
    "mf": rbmcli.FactorizationSettings(latent_factors=3, sweeps=20, burn_in=4, samples=4),
    "autoencoder": rbmcli.AutoencoderSettings(layers="6,5", epochs=4),
    "neighbours": rbmcli.NeighboursSettings(base="bias", neighbours=5),
    "ensemble": EnsembleSettings(members=members(MF), seeds=3),
    "blend": BlendSettings(members=members(MF, RBM, NEAR)),
}
"""The same as settings, but for an autoencoder of two layers."""


@functools.cache
def parts() -> PrepareResult:
    """Return ratings that tell something, with timestamps, in parts for training, validation and test."""
    table = tastes()
    return rbmcli.prepare(table.append_column("timestamp", pa.array(range(10**9, 10**9 + table.num_rows))))


@functools.cache
def model_of(kind: str) -> RatingModel:
    """Return a model of a kind; it is not to be changed."""
    return trained_with(SETTINGS[kind])


def trained_with(settings: Any) -> RatingModel:
    """Return a model by its settings, measured on a part of the training ratings if it is at all."""
    return rbmcli.train(parts().train, settings=settings).model

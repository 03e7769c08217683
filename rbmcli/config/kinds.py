"""The kinds of models that can be trained by themselves, and what settings each has."""

from __future__ import annotations

from collections.abc import Mapping

from rbmcli.config.autoencoder import AutoencoderSettings
from rbmcli.config.effects import BiasSettings
from rbmcli.config.factorization import FactorizationSettings
from rbmcli.config.neighbours import NeighboursSettings
from rbmcli.config.train import TrainSettings

SingleSettings = (
    TrainSettings | FactorizationSettings | AutoencoderSettings | NeighboursSettings | BiasSettings
)
"""Settings of a training of one model, of whatever kind."""

SINGLE_KINDS: Mapping[str, type[SingleSettings]] = {
    "rbm": TrainSettings,
    "mf": FactorizationSettings,
    "autoencoder": AutoencoderSettings,
    "neighbours": NeighboursSettings,
    "bias": BiasSettings,
}
"""The settings of each kind, by its name in `train --model`."""

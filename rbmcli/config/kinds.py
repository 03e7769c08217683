"""The kinds of models that can be trained, and what settings each has."""

from __future__ import annotations

from collections.abc import Mapping

from rbmcli.config.effects import BiasSettings
from rbmcli.config.factorization import FactorizationSettings
from rbmcli.config.train import TrainSettings

AnyTrainSettings = TrainSettings | BiasSettings | FactorizationSettings
"""Settings of a training, of whatever kind of model."""

SETTINGS_OF: Mapping[str, type[AnyTrainSettings]] = {
    "rbm": TrainSettings,
    "mf": FactorizationSettings,
    "bias": BiasSettings,
}
"""The settings of each kind, by its name in `train --model`."""

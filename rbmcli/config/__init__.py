"""Every setting of every step, with its default and its range."""

from __future__ import annotations

from collections.abc import Mapping

from rbmcli.config.autoencoder import AutoencoderSettings
from rbmcli.config.base import Settings
from rbmcli.config.blend import BlendSettings, EnsembleSettings, Member
from rbmcli.config.crossval import CrossvalSettings
from rbmcli.config.effects import BiasSettings
from rbmcli.config.factorization import FactorizationSettings
from rbmcli.config.inputs import CatalogueSettings, InputSettings, LevelSettings
from rbmcli.config.insight import ExplainSettings, SimilarSettings
from rbmcli.config.kinds import SINGLE_KINDS, SingleSettings
from rbmcli.config.neighbours import NeighboursSettings
from rbmcli.config.predict import PredictSettings, RecommendSettings
from rbmcli.config.prepare import PrepareSettings
from rbmcli.config.ranking import RankingSettings
from rbmcli.config.report import ReportSettings
from rbmcli.config.train import ResolvedSettings, TrainSettings
from rbmcli.config.tune import TuneSettings

AnyTrainSettings = SingleSettings | BlendSettings | EnsembleSettings
"""Settings of a training, of whatever kind of model."""

SETTINGS_OF: Mapping[str, type[AnyTrainSettings]] = {
    **SINGLE_KINDS,
    "ensemble": EnsembleSettings,
    "blend": BlendSettings,
}
"""The settings of each kind, by its name in `train --model`."""

__all__ = [
    "SETTINGS_OF",
    "SINGLE_KINDS",
    "AnyTrainSettings",
    "AutoencoderSettings",
    "BiasSettings",
    "BlendSettings",
    "CatalogueSettings",
    "CrossvalSettings",
    "EnsembleSettings",
    "ExplainSettings",
    "FactorizationSettings",
    "InputSettings",
    "LevelSettings",
    "Member",
    "NeighboursSettings",
    "PredictSettings",
    "PrepareSettings",
    "RankingSettings",
    "RecommendSettings",
    "ReportSettings",
    "ResolvedSettings",
    "Settings",
    "SimilarSettings",
    "SingleSettings",
    "TrainSettings",
    "TuneSettings",
]

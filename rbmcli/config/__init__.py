"""Every setting of every step, with its default and its range."""

from __future__ import annotations

from rbmcli.config.base import Settings
from rbmcli.config.crossval import CrossvalSettings
from rbmcli.config.effects import BiasSettings
from rbmcli.config.factorization import FactorizationSettings
from rbmcli.config.inputs import CatalogueSettings, InputSettings, LevelSettings
from rbmcli.config.insight import ExplainSettings, SimilarSettings
from rbmcli.config.kinds import SETTINGS_OF, AnyTrainSettings
from rbmcli.config.predict import PredictSettings, RecommendSettings
from rbmcli.config.prepare import PrepareSettings
from rbmcli.config.ranking import RankingSettings
from rbmcli.config.report import ReportSettings
from rbmcli.config.train import ResolvedSettings, TrainSettings
from rbmcli.config.tune import TuneSettings

__all__ = [
    "SETTINGS_OF",
    "AnyTrainSettings",
    "BiasSettings",
    "CatalogueSettings",
    "CrossvalSettings",
    "ExplainSettings",
    "FactorizationSettings",
    "InputSettings",
    "LevelSettings",
    "PredictSettings",
    "PrepareSettings",
    "RankingSettings",
    "RecommendSettings",
    "ReportSettings",
    "ResolvedSettings",
    "Settings",
    "SimilarSettings",
    "TrainSettings",
    "TuneSettings",
]

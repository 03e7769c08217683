"""Rating predictions from a Restricted Boltzmann Machine: the Python side of the command ``rbmcli``.

Each function does what the subcommand of its name does; it takes paths, Arrow tables or pandas frames
and returns a result with Arrow tables. Everything is imported when it is first asked for.

    import rbmcli

    parts = rbmcli.prepare("ratings.csv")
    model = rbmcli.train(parts.train, valid=parts.valid).model
    result = rbmcli.predict(model, history=parts.train, pairs=parts.test)
    print(rbmcli.evaluate(result.table, history=parts.train).as_dict())
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rbmcli.config import (
        AutoencoderSettings,
        BiasSettings,
        CatalogueSettings,
        CrossvalSettings,
        ExplainSettings,
        FactorizationSettings,
        InputSettings,
        LevelSettings,
        NeighboursSettings,
        PredictSettings,
        PrepareSettings,
        RankingSettings,
        RecommendSettings,
        ReportSettings,
        SimilarSettings,
        TrainSettings,
        TuneSettings,
    )
    from rbmcli.errors import RbmcliError
    from rbmcli.models.store import load_model, save_model
    from rbmcli.pipeline.crossval import crossval
    from rbmcli.pipeline.evaluate import evaluate
    from rbmcli.pipeline.evaluate_ranking import evaluate_ranking
    from rbmcli.pipeline.explain import explain
    from rbmcli.pipeline.predict import predict
    from rbmcli.pipeline.prepare import prepare
    from rbmcli.pipeline.recommend import recommend
    from rbmcli.pipeline.similar import similar
    from rbmcli.pipeline.train import train
    from rbmcli.pipeline.tune import tune
    from rbmcli.reporting.report import report

__all__ = [
    "AutoencoderSettings",
    "BiasSettings",
    "CatalogueSettings",
    "CrossvalSettings",
    "ExplainSettings",
    "FactorizationSettings",
    "InputSettings",
    "LevelSettings",
    "NeighboursSettings",
    "PredictSettings",
    "PrepareSettings",
    "RankingSettings",
    "RbmcliError",
    "RecommendSettings",
    "ReportSettings",
    "SimilarSettings",
    "TrainSettings",
    "TuneSettings",
    "crossval",
    "evaluate",
    "evaluate_ranking",
    "explain",
    "load_model",
    "predict",
    "prepare",
    "recommend",
    "report",
    "save_model",
    "similar",
    "train",
    "tune",
]

_HOMES = {
    "AutoencoderSettings": "rbmcli.config",
    "BiasSettings": "rbmcli.config",
    "CatalogueSettings": "rbmcli.config",
    "CrossvalSettings": "rbmcli.config",
    "ExplainSettings": "rbmcli.config",
    "FactorizationSettings": "rbmcli.config",
    "InputSettings": "rbmcli.config",
    "LevelSettings": "rbmcli.config",
    "NeighboursSettings": "rbmcli.config",
    "PredictSettings": "rbmcli.config",
    "PrepareSettings": "rbmcli.config",
    "RankingSettings": "rbmcli.config",
    "RbmcliError": "rbmcli.errors",
    "RecommendSettings": "rbmcli.config",
    "ReportSettings": "rbmcli.config",
    "SimilarSettings": "rbmcli.config",
    "TrainSettings": "rbmcli.config",
    "TuneSettings": "rbmcli.config",
    "crossval": "rbmcli.pipeline.crossval",
    "evaluate": "rbmcli.pipeline.evaluate",
    "evaluate_ranking": "rbmcli.pipeline.evaluate_ranking",
    "explain": "rbmcli.pipeline.explain",
    "load_model": "rbmcli.models.store",
    "predict": "rbmcli.pipeline.predict",
    "prepare": "rbmcli.pipeline.prepare",
    "recommend": "rbmcli.pipeline.recommend",
    "report": "rbmcli.reporting.report",
    "save_model": "rbmcli.models.store",
    "similar": "rbmcli.pipeline.similar",
    "train": "rbmcli.pipeline.train",
    "tune": "rbmcli.pipeline.tune",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'rbmcli' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

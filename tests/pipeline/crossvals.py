"""Cross-validations of small ratings, for tests of `crossval`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from rbmcli.config import CrossvalSettings
from rbmcli.pipeline.crossval import CrossvalResult, crossval
from tests.small_ratings import quick, tastes

FOLDS = 3


def small() -> pa.Table:
    """Return the ratings that are cross-validated where no others are given."""
    return tastes(30, 12)


def crossed(
    source: object = None, output: object = None, folds: int = FOLDS, **options: Any
) -> CrossvalResult:
    """Cross-validate by trainings of few epochs; `training` changes their settings."""
    training = {"validation": "holdout", "epochs": 3, "average": 2} | options.pop("training", {})
    return crossval(
        small() if source is None else source,
        output,
        settings=CrossvalSettings(folds=folds, **options.pop("settings", {})),
        train_settings=quick(**training),
        **options,
    )


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the contents of all files of a folder, hidden ones too, by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def metadata_of(path: Path) -> dict[str, Any]:
    """Return what a file says of itself."""
    return json.loads(pq.read_metadata(path).metadata[b"rbmcli"])

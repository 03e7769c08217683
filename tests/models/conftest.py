"""What tests of model files start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from rbmcli.models.rbm import Rbm
from rbmcli.models.store import save_model
from tests.small_ratings import trained


@pytest.fixture(params=["user", "item"])
def saved(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Rbm, Path]:
    """A model and its file."""
    model = trained(request.param)
    save_model(model, tmp_path / "model.parquet")
    return model, tmp_path / "model.parquet"

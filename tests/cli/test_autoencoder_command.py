"""`train --model autoencoder` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.csv
import pytest

from rbmcli.cli.main import main
from tests.small_ratings import tastes

SMALL = ("--layers", "4,3", "--epochs", "20", "--batch-size", "10")


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pyarrow.csv.write_csv(tastes(), "r.csv")


def trained(*options: str) -> int:
    return main(["train", "r.csv", "--model", "autoencoder", *SMALL, "-o", "m.parquet", "-q", *options])


def test_an_autoencoder_goes_through_every_step(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--history", "r.csv", "-q"]

    assert trained("--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (
        main(["predict", "m.parquet", *asked, "--pairs", "r.csv", "--probabilities", "-o", "p.parquet"]) == 0
    )
    assert main(["recommend", "m.parquet", *asked, "--top", "2", "-o", "l.parquet"]) == 0
    assert main(["explain", "m.parquet", *asked, "--user", "u03", "--item", "101"]) == 0
    assert main(["similar", "m.parquet", "101"]) == 0
    assert main(["inspect", "m.parquet"]) == 0
    capsys.readouterr()
    assert main(["evaluate", "p.parquet", "--json"]) == 0

    figures = json.loads(capsys.readouterr().out)["figures"]["predictors"][0]["segments"]["all"]
    assert told["figures"]["valid_nll"] is not None
    assert figures["coverage"] == 1
    assert "nll" in figures


def test_a_dry_run_tells_the_size_of_the_model(capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert trained("--dry-run", "--json") == 0
    told = json.loads(capsys.readouterr().out)["figures"]
    assert not Path("m.parquet").exists()

    assert trained() == 0

    assert told["outputs"][0]["size"] / 4 < Path("m.parquet").stat().st_size < told["outputs"][0]["size"] * 8


def test_options_of_other_kinds_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert trained("--sweeps", "3") == 2
    assert "--sweeps: not an option of --model autoencoder" in capsys.readouterr().err

    assert main(["train", "r.csv", "-o", "m.parquet", "--input-dropout=0.3", "-q"]) == 2
    assert "take --model autoencoder" in capsys.readouterr().err


def test_without_validation_the_link_cuts_at_the_middles(capsys: pytest.CaptureFixture[str]) -> None:
    assert trained("--no-valid", "--json") == 0

    assert json.loads(capsys.readouterr().out)["figures"]["valid_rmse"] is None

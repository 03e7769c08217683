"""`train --model mf` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.csv
import pytest

from rbmcli.cli.main import main
from tests.small_ratings import tastes

SMALL = ("--latent-factors", "2", "--sweeps", "20", "--burn-in", "4", "--samples", "8")
LEAST_SQUARES = ("--method", "als", "--latent-factors", "2", "--sweeps", "20")


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pyarrow.csv.write_csv(tastes(), "r.csv")


def trained(*options: str, size: tuple[str, ...] = SMALL) -> int:
    return main(["train", "r.csv", "--model", "mf", *size, "-o", "m.parquet", "-q", *options])


METHODS = pytest.mark.parametrize("size", [SMALL, LEAST_SQUARES], ids=["gibbs", "als"])


@METHODS
def test_a_factorization_goes_through_every_step(
    capsys: pytest.CaptureFixture[str], size: tuple[str, ...]
) -> None:
    asked = ["--history", "r.csv", "-q"]

    assert trained("--json", size=size) == 0
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


@METHODS
def test_a_dry_run_tells_the_size_of_the_model(
    capsys: pytest.CaptureFixture[str], size: tuple[str, ...]
) -> None:
    capsys.readouterr()
    assert trained("--dry-run", "--json", size=size) == 0
    told = json.loads(capsys.readouterr().out)["figures"]
    assert not Path("m.parquet").exists()

    assert trained(size=size) == 0

    assert told["outputs"][0]["size"] / 4 < Path("m.parquet").stat().st_size < told["outputs"][0]["size"] * 8


def test_options_of_other_kinds_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert trained("--hidden", "3") == 2
    assert "--hidden: not an option of --model mf" in capsys.readouterr().err

    assert main(["train", "r.csv", "-o", "m.parquet", "--no-implicit", "-q"]) == 2
    assert "take --model mf" in capsys.readouterr().err


def test_options_of_the_other_method_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert trained("--method", "als") == 2
    assert "--burn-in, --samples: not an option of --method als" in capsys.readouterr().err

    assert trained("--bias-penalty", "3") == 2
    assert "leave it out, or take --method als" in capsys.readouterr().err


def test_least_squares_tell_the_penalties_that_were_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    assert trained("--json", "--bias-penalty", "3", size=LEAST_SQUARES) == 0

    told = json.loads(capsys.readouterr().out)["settings"]
    assert told["bias_penalty"] == 3
    assert told["factor_penalty"] > 0
    assert told["implicit_penalty"] / told["factor_penalty"] == pytest.approx(32 / 18, rel=1e-3)
    assert main(["inspect", "m.parquet", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["figures"]["metadata"]["settings"]["method"] == "als"


def test_without_validation_the_link_cuts_at_the_middles(capsys: pytest.CaptureFixture[str]) -> None:
    assert trained("--no-valid", "--json") == 0

    assert json.loads(capsys.readouterr().out)["figures"]["valid_rmse"] is None

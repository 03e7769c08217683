"""`train --model neighbours` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.csv
import pytest

from rbmcli.cli.main import main
from tests.small_ratings import tastes


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pyarrow.csv.write_csv(tastes(), "r.csv")


def trained(*options: str) -> int:
    return main(["train", "r.csv", "--model", "neighbours", "-o", "n.parquet", "-q", *options])


def test_neighbours_go_through_every_step(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--history", "r.csv", "-q"]

    assert trained() == 0
    assert (
        main(["predict", "n.parquet", *asked, "--pairs", "r.csv", "--probabilities", "-o", "p.parquet"]) == 0
    )
    assert main(["recommend", "n.parquet", *asked, "--top", "2", "-o", "l.parquet"]) == 0
    assert main(["explain", "n.parquet", *asked, "--user", "u03", "--item", "101"]) == 0
    assert main(["similar", "n.parquet", "101"]) == 0
    assert main(["inspect", "n.parquet"]) == 0
    capsys.readouterr()
    assert main(["evaluate", "p.parquet", "--json"]) == 0

    figures = json.loads(capsys.readouterr().out)["figures"]["predictors"][0]["segments"]["all"]
    assert figures["coverage"] == 1
    assert "nll" in figures


def test_it_tells_what_the_base_alone_comes_to(capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()

    assert trained("--base", "bias", "--neighbours", "5", "--json") == 0

    figures = json.loads(capsys.readouterr().out)["figures"]
    assert figures["members"][0]["member"] == "bias"
    assert figures["valid_rmse"] < figures["members"][0]["valid_rmse"]


@pytest.mark.parametrize(
    ("options", "named"),
    [(["--hidden", "7"], "--hidden"), (["--sweeps", "9"], "--sweeps")],
)
def test_options_of_other_kinds_are_refused(
    options: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert trained(*options) == 2

    assert f"{named}: not an option of --model neighbours" in capsys.readouterr().err


def test_a_dry_run_tells_the_size_of_the_model(capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert trained("--base", "bias", "--dry-run", "--json") == 0
    told = json.loads(capsys.readouterr().out)["figures"]
    assert not Path("n.parquet").exists()

    assert trained("--base", "bias") == 0

    assert told["outputs"][0]["size"] / 4 < Path("n.parquet").stat().st_size < told["outputs"][0]["size"] * 8

"""`train --model bias` from the command line, and what its models are not for."""

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
    return main(["train", "r.csv", "--model", "bias", "-o", "b.parquet", "-q", *options])


def test_a_bias_model_goes_through_every_step(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--history", "r.csv", "-q"]

    assert trained() == 0
    assert (
        main(["predict", "b.parquet", *asked, "--pairs", "r.csv", "--probabilities", "-o", "p.parquet"]) == 0
    )
    assert main(["recommend", "b.parquet", *asked, "--top", "2", "-o", "l.parquet"]) == 0
    assert main(["explain", "b.parquet", *asked, "--user", "u03", "--item", "101"]) == 0
    assert main(["inspect", "b.parquet"]) == 0
    capsys.readouterr()
    assert main(["evaluate", "p.parquet", "--json"]) == 0

    figures = json.loads(capsys.readouterr().out)["figures"]["predictors"][0]["segments"]["all"]
    assert figures["coverage"] == 1
    assert "nll" in figures


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--hidden", "7"], "--hidden"),
        (["--by", "item", "--epochs", "3"], "--by, --epochs"),
        (["--preset", "accurate"], "--preset"),
    ],
)
def test_options_of_the_machine_are_refused(
    options: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert trained(*options) == 2

    assert f"{named}: not an option of --model bias" in capsys.readouterr().err


def test_options_of_effects_are_refused_for_a_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "r.csv", "-o", "m.parquet", "--user-penalty", "3", "-q"]) == 2

    assert "--user-penalty: not an option of --model rbm" in capsys.readouterr().err


def test_penalties_that_are_given_are_taken() -> None:
    assert trained("--user-penalty", "7", "--item-penalty", "9", "--no-valid") == 0

    from rbmcli import load_model

    effects = load_model("b.parquet").effects  # type: ignore[attr-defined]
    assert (effects.user_penalty, effects.item_penalty) == (7, 9)


def test_a_dry_run_tells_the_size_of_the_model(capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert trained("--dry-run", "--json") == 0
    told = json.loads(capsys.readouterr().out)["figures"]
    assert not Path("b.parquet").exists()

    assert trained() == 0

    assert told["outputs"][0]["size"] / 4 < Path("b.parquet").stat().st_size < told["outputs"][0]["size"] * 8


def test_what_it_holds_nothing_for_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert trained() == 0

    assert main(["similar", "b.parquet", "101", "-q"]) == 4

    assert "kind 'bias'" in capsys.readouterr().err


def test_cross_validation_takes_it(capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()

    assert main(["crossval", "r.csv", "--model", "bias", "--folds", "3", "--json", "-q"]) == 0

    assert len(json.loads(capsys.readouterr().out)["figures"]["folds"]) == 3

"""The real commands `inspect` and `evaluate`, from a shell's point of view."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import rbmcli
from tests.small_ratings import trained

RunCommand = Callable[..., "subprocess.CompletedProcess[str]"]
PREDICTIONS = """user,item,prediction,source,rating
1,a,1.5,model,1
1,b,2,model,2
2,a,3,global_prior,2
"""
HISTORY = "user,item,rating\n1,c,1\n2,c,3\n3,a,2\n"


@pytest.fixture
def files(tmp_path: Path) -> None:
    (tmp_path / "predictions.csv").write_text(PREDICTIONS)
    (tmp_path / "history.csv").write_text(HISTORY)


@pytest.mark.usefixtures("files")
def test_evaluate_prints_the_model_beside_the_baselines_and_the_sources(run_command: RunCommand) -> None:
    ended = run_command("evaluate", "predictions.csv", "--history", "history.csv")

    assert ended.returncode == 0
    heads = [line.split("  ")[0] for line in ended.stdout.splitlines()]
    assert heads == [
        "predictor",
        "model",
        "global mean",
        "item mean",
        "user+item bias",
        "",
        "difference",
        "model - global mean",
        "model - item mean",
        "model - user+item bias",
        "",
        "source",
        "model",
        "global_prior",
    ]
    assert ended.stdout.splitlines()[1].split() == ["model", "3", "0.6455", "0.5000"]


@pytest.mark.usefixtures("files")
def test_evaluate_reads_predictions_from_a_pipe(run_command: RunCommand) -> None:
    piped = run_command("evaluate", "-", stdin=PREDICTIONS)

    assert piped.stdout == run_command("evaluate", "predictions.csv").stdout


@pytest.mark.usefixtures("files")
def test_evaluate_json_names_the_file_written(run_command: RunCommand, tmp_path: Path) -> None:
    ended = run_command("--json", "evaluate", "predictions.csv", "-o", "metrics.parquet")

    result = json.loads(ended.stdout)
    size = (tmp_path / "metrics.parquet").stat().st_size
    assert result["files"] == [{"path": "metrics.parquet", "bytes": size}]
    assert result["figures"]["predictors"][0]["segments"]["all"]["mae"] == pytest.approx(0.5)


@pytest.mark.usefixtures("files")
def test_evaluate_writes_json_where_the_name_ends_so(run_command: RunCommand, tmp_path: Path) -> None:
    first = run_command("evaluate", "predictions.csv", "-o", "metrics.json")
    content = (tmp_path / "metrics.json").read_bytes()
    run_command("evaluate", "predictions.csv", "-o", "metrics.json")

    assert first.stdout.startswith("predictor")
    assert json.loads(content)["figures"]["n"] == 3
    assert (tmp_path / "metrics.json").read_bytes() == content


@pytest.mark.usefixtures("files")
def test_quiet_evaluate_says_nothing_on_standard_error(run_command: RunCommand) -> None:
    assert run_command("-q", "evaluate", "predictions.csv", "--history", "history.csv").stderr == ""


@pytest.mark.usefixtures("files")
def test_inspect_tells_what_evaluate_wrote(run_command: RunCommand) -> None:
    run_command("evaluate", "predictions.csv", "-o", "metrics.parquet")

    told = run_command("inspect", "metrics.parquet").stdout
    as_json = json.loads(run_command("inspect", "metrics.parquet", "--json").stdout)

    assert "rbmcli metrics, format version 1" in told
    assert as_json["figures"]["format"] == "metrics"
    assert as_json["figures"]["columns"]["value"] == "double"


@pytest.mark.usefixtures("files")
def test_evaluate_without_truth_says_what_to_give(run_command: RunCommand) -> None:
    without = "".join(line.rpartition(",")[0] + "\n" for line in PREDICTIONS.splitlines())

    ended = run_command("evaluate", "-", stdin=without)

    assert ended.returncode == 3
    assert ended.stderr.endswith("(hint: give a file of ratings as --truth)\n")


def test_a_gate_that_trips_ends_with_6_shows_the_figures_and_writes_nothing(
    run_command: RunCommand, tmp_path: Path
) -> None:
    (tmp_path / "m.json").write_text("of yesterday")

    ended = run_command("evaluate", "-", "-o", "m.json", "--fail-if", "rmse>0.1", stdin=PREDICTIONS)

    assert ended.returncode == 6
    assert "--fail-if rmse>0.1: rmse is 0." in ended.stderr
    assert "predictor" in ended.stdout
    assert (tmp_path / "m.json").read_text() == "of yesterday"


def test_a_gate_that_holds_lets_the_metrics_be_written(run_command: RunCommand, tmp_path: Path) -> None:
    ended = run_command("evaluate", "-", "-o", "m.json", "--fail-if", "rmse>9", "--json", stdin=PREDICTIONS)

    assert ended.returncode == 0
    assert (tmp_path / "m.json").exists()
    assert json.loads(ended.stdout)["files"] == [
        {"path": "m.json", "bytes": (tmp_path / "m.json").stat().st_size}
    ]


@pytest.mark.parametrize("condition", ["rmse", "rmse>", "rmse>x", "rmse=1", "rmsd>1", "rmse>nan"])
def test_a_condition_that_is_none_ends_with_2(run_command: RunCommand, condition: str) -> None:
    ended = run_command("evaluate", "-", "--fail-if", condition, stdin=PREDICTIONS)

    assert (ended.returncode, ended.stdout) == (2, "")


def test_a_gate_on_a_figure_that_is_not_known_trips(run_command: RunCommand) -> None:
    ended = run_command("evaluate", "-", "--fail-if", "nll>2", stdin=PREDICTIONS)

    assert ended.returncode == 6
    assert "nll is not known here" in ended.stderr


def test_metrics_go_to_standard_output_alone(run_command: RunCommand) -> None:
    ended = run_command("evaluate", "-", "-o", "-", "--format", "csv", "-q", stdin=PREDICTIONS)

    assert ended.stdout.splitlines()[0] == '"metric","predictor","against","segment","value","low","high","n"'
    assert "predictor " not in ended.stdout


def test_what_every_option_is_and_where_that_comes_from(run_command: RunCommand, tmp_path: Path) -> None:
    (tmp_path / "rbmcli.toml").write_text("threads = 2\n[train]\nepochs = 3\nhidden = 5\n")
    (tmp_path / "c.toml").write_text("[train]\nhidden = 7\n")

    told = run_command("inspect", "--config", "c.toml", "--json", RBMCLI_TRAIN_BY="item").stdout

    options = {
        (line["command"], line["option"]): (line["value"], line["source"])
        for line in json.loads(told)["figures"]["options"]
    }
    assert options["train", "--epochs"] == ("3", "rbmcli.toml")
    assert options["train", "--hidden"] == ("7", "c.toml")
    assert options["train", "--by"] == ("item", "environment")
    assert options["train", "--patience"] == (20, "default")
    assert options["predict", "--threads"] == ("2", "rbmcli.toml")


def test_inspect_config_needs_no_file(run_command: RunCommand) -> None:
    ended = run_command("inspect", "--config")

    assert ended.returncode == 0
    assert ended.stdout.splitlines()[0].split() == ["command", "option", "value", "from"]


def test_inspect_writes_the_card_of_a_model_from_a_file_and_a_pipe(
    run_command: RunCommand, tmp_path: Path
) -> None:
    rbmcli.save_model(trained("user"), tmp_path / "m.parquet")

    printed = run_command("inspect", "m.parquet", "--card", "-", "-q")
    written = run_command("inspect", "m.parquet", "--card", "card.md", "--json", "-q")

    assert printed.stdout.startswith("# Model card")
    assert (tmp_path / "card.md").read_text() == printed.stdout
    assert [file["path"] for file in json.loads(written.stdout)["files"]] == ["card.md"]


def test_inspect_refuses_a_card_of_what_is_no_model(run_command: RunCommand) -> None:
    assert run_command("inspect", "predictions.csv", "--card", "card.md").returncode == 3
    assert run_command("inspect", "--card", "card.md").returncode == 2

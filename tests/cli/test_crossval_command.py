"""The command `crossval`: what it tells, how it ends, and that a run that was ended goes on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow.csv
import pytest

from rbmcli.cli.main import main
from tests.lock_holder import held_by_another
from tests.small_ratings import ratings

OPTIONS = ["--folds", "3", "--epochs", "2", "--hidden", "4"]
LONG = ["--folds", "3", "--hidden", "6", "--batch-size", "10", "--no-valid", "--epochs", "600"]
COMMAND = ["crossval", "r.csv", *OPTIONS]
FILES = ["fold-1.parquet", "fold-2.parquet", "fold-3.parquet", "predictions.parquet", "metrics.parquet"]


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pyarrow.csv.write_csv(ratings(), "r.csv")


def files_of(folder: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def test_the_tables_tell_each_fold_mean_spread_and_all_together_beside_the_baselines(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([*COMMAND, "-q"]) == 0
    shown = capsys.readouterr().out
    assert main([*COMMAND, "--json", "-q"]) == 0
    told = json.loads(capsys.readouterr().out)["figures"]

    lines = [line.split() for line in shown.splitlines()]
    assert lines[0] == ["fold", "n", "rmse", "mae", "nll", "rps", "accuracy", "kappa"]
    assert [line[0] for line in lines[1:6]] == ["1", "2", "3", "mean", "spread"]
    rmse = [fold["figures"]["model"]["rmse"] for fold in told["folds"]]
    rmse += [told[name]["model"]["rmse"] for name in ("mean", "spread")]
    assert [line[2 if line[0].isdigit() else 1] for line in lines[1:6]] == [f"{value:.4f}" for value in rmse]
    assert lines[7] == ["mean", "of", "3", "folds", "rmse", "spread", "mae", "spread"]
    bias = [told[name]["user+item bias"][figure] for figure in ("rmse", "mae") for name in ("mean", "spread")]
    assert lines[11] == ["user+item", "bias", *(f"{value:.4f}" for value in bias)]
    assert "spread: the standard deviation over folds\n" in shown
    assert "\nThe predictions of all folds together; from, to: 95% interval over users\n" in shown
    model = told["pooled"]["predictors"][0]
    pooled = [model["segments"]["all"]["rmse"], *model["intervals"]["all"]["rmse"]]
    assert lines[16][:5] == ["model", str(told["pooled"]["n"]), *(f"{value:.4f}" for value in pooled)]
    assert [" ".join(line[:3]) for line in lines[-3:]] == [
        "model - global",
        "model - item",
        "model - user+item",
    ]


def test_json_is_one_object_with_the_files(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*COMMAND, "-o", "cv", "--json", "-q", "--seed", "3", "--by", "item"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert (told["command"], told["seed"]) == ("crossval", 3)
    assert (told["settings"]["folds"], told["settings"]["by"], told["settings"]["resamples"]) == (
        3,
        "item",
        1000,
    )
    assert [file["path"] for file in told["files"]] == [f"cv/{name}" for name in FILES]
    assert all(file["bytes"] > 0 for file in told["files"])
    assert [fold["fold"] for fold in told["figures"]["folds"]] == [1, 2, 3]
    assert told["figures"]["folds"][0]["training"]["settings"]["by"] == "item"


def test_the_log_tells_each_fold_and_its_epochs_only_with_verbose(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(COMMAND) == 0
    told = capsys.readouterr().err
    assert main([*COMMAND, "-v"]) == 0
    told_more = capsys.readouterr().err

    assert [f"fold {number} of 3: " in told for number in (1, 2, 3)] == [True] * 3
    assert "epoch 1/2" not in told
    assert "fold 2: epoch 1/2: loss " in told_more


def test_quiet_prints_the_tables_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*COMMAND, "-q"]) == 0

    shown = capsys.readouterr()
    assert shown.err == ""
    assert shown.out.startswith("fold ")


def test_a_gate_ends_with_6_shows_the_figures_and_keeps_the_folds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*COMMAND, "-o", "cv", "--fail-if", "rmse>0.1", "-q"]) == 6

    shown = capsys.readouterr()
    assert "spread" in shown.out
    assert "--fail-if rmse>0.1: rmse is " in shown.err
    assert set(files_of("cv")) == {"fold-1.parquet", "fold-2.parquet", "fold-3.parquet"}


def test_the_bytes_do_not_depend_on_the_number_of_threads(command_environment: dict[str, str]) -> None:
    for threads in ("1", "2"):
        run(command_environment, *COMMAND, "-o", threads, "--threads", threads, "--by", "item")

    assert files_of("1") == files_of("2")


def test_evaluate_and_crossval_read_what_it_writes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*COMMAND, "-o", "cv", "--json", "-q"]) == 0
    pooled = json.loads(capsys.readouterr().out)["figures"]["pooled"]
    assert main(["evaluate", "cv/predictions.parquet", "--json", "-q"]) == 0
    found = json.loads(capsys.readouterr().out)["figures"]["predictors"]
    assert main([*COMMAND[:1], "cv/predictions.parquet", *OPTIONS, "-o", "again", "-q"]) == 0

    assert found == pooled["predictors"][:1]
    assert files_of("again") == files_of("cv")


def run(environment: dict[str, str], *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    ended = subprocess.run(
        [sys.executable, "-m", "rbmcli", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended


def test_ratings_and_pairs_may_come_from_standard_input(command_environment: dict[str, str]) -> None:
    run(command_environment, "crossval", "-", *OPTIONS, "-o", "cv", stdin=Path("r.csv").read_text())
    run(command_environment, *COMMAND, "-o", "file")
    run(command_environment, *COMMAND, "--also-rated", "-", stdin="user,item\nu00,101\n")

    assert files_of("cv") == files_of("file")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--folds", "1"], 2, "--folds 1 is outside"),
        (["--folds", "500"], 2, "--folds 500: r.csv has 174 ratings"),
        (["--hidden", "0"], 2, "--hidden 0 is outside"),
        (["--no-valid", "--preset", "accurate"], 2, "--preset accurate chooses by validation ratings"),
        (["--valid", "r.csv"], 2, "No such option: --valid"),
        (["--resamples", "-1"], 2, "resamples"),
        (["-o", "-"], 2, "-o -: a cross-validation is several files"),
        (["-o", "r.csv"], 2, "r.csv: is a file, expected a folder"),
        (["--fail-if", "n>3"], 2, "no figure 'n'"),
        (["--day-bias"], 3, "--day-bias needs timestamps"),
        (["--rating-column", "none"], 3, "none"),
        (["--also-rated", "missing"], 3, "missing: no such file"),
    ],
)
def test_a_mistake_ends_with_its_code(
    arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ended_with = main([*COMMAND, *arguments])

    told = capsys.readouterr().err
    assert (ended_with, words in told, "Traceback" in told) == (code, True, False)
    assert {path.name for path in Path().iterdir()} == {"r.csv"}


def test_a_folder_of_another_run_ends_with_4_and_a_damaged_fold_with_3(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([*COMMAND, "-o", "cv", "-q"]) == 0
    capsys.readouterr()

    assert main([*COMMAND, "-o", "cv", "-q", "--by", "item"]) == 4
    other = capsys.readouterr().err
    Path("cv/fold-2.parquet").write_bytes(Path("cv/fold-2.parquet").read_bytes()[:-100])
    assert main([*COMMAND, "-o", "cv", "-q"]) == 3

    assert "--by is item, and was not given in that run" in other
    assert "remove cv/fold-2.parquet, and run the same command again" in capsys.readouterr().err


@pytest.fixture
def going(command_environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A run in the folder cv that is in its second fold."""
    running = subprocess.Popen(
        [sys.executable, "-m", "rbmcli", "crossval", "r.csv", *LONG, "-o", "cv"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=command_environment,
    )
    assert running.stderr is not None
    for line in running.stderr:
        if "fold 2 of 3: " in line:
            break
    yield running
    running.kill()
    running.communicate()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)]
)
def test_a_run_that_a_signal_ended_goes_on_to_the_bytes_of_an_unbroken_run(
    number: int, code: int, going: subprocess.Popen[str], command_environment: dict[str, str]
) -> None:
    going.send_signal(number)
    _, told = going.communicate(timeout=60)
    left = set(files_of("cv"))
    resumed = run(command_environment, "crossval", "r.csv", *LONG, "-o", "cv", "--threads", "1")
    run(command_environment, "crossval", "r.csv", *LONG, "-o", "unbroken")

    assert going.returncode == code
    # On a busy machine it may come to the third fold before it hears of the signal.
    assert {"fold-1.parquet"} <= left <= {"fold-1.parquet", "fold-2.parquet"}
    assert "Traceback" not in told
    if number != signal.SIGKILL:
        assert f"warning: stopped: {len(left)} of 3 folds are done, and the same command goes on" in told
    assert "fold 1 of 3: done before, in cv/fold-1.parquet" in resumed.stderr
    assert files_of("cv") == files_of("unbroken")


def test_a_second_run_on_the_folder_ends_with_5(capsys: pytest.CaptureFixture[str]) -> None:
    with held_by_another(Path("cv")) as other:
        assert main([*COMMAND, "-o", "cv"]) == 5

    assert f"cv: another run is writing it, process {other.pid}" in capsys.readouterr().err

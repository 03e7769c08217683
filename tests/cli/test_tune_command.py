"""The command `tune`: what it searches, what it tells, how it ends, and that `train` takes its file."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import rbmcli
from rbmcli.cli.main import main
from tests.small_ratings import ratings, with_rating

QUICK = ["--epochs", "3", "--trials", "5"]


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pq.write_table(ratings(), "r.parquet")


def tune(*arguments: str, output: str = "best.toml") -> int:
    return main(["tune", "r.parquet", "-o", output, *QUICK, *arguments])


def written(name: str = "best.toml") -> dict:
    return tomllib.loads(Path(name).read_text(encoding="utf-8"))["train"]


def test_train_takes_the_file_and_uses_its_settings() -> None:
    assert tune("-q", "--seed", "4", "--levels", "1,2,3,4,5") == 0

    assert main(["train", "r.parquet", "--config", "best.toml", "-o", "m.parquet", "-q"]) == 0

    model = rbmcli.load_model("m.parquet")
    settings = {**model.settings.as_dict(), "levels": "1,2,3,4,5"}
    best = model.record["epochs"][model.record["best_epoch"] - 1]
    assert {name: settings[name] for name in written()} == written()
    assert f"Validation RMSE {best['valid_rmse']:.4f}" in Path("best.toml").read_text()


def test_what_is_given_anywhere_is_kept_and_not_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("c.toml").write_text("[tune]\nhidden = 9\n\n[train]\nhidden = 8\n")
    monkeypatch.setenv("RBMCLI_TUNE_OBJECTIVE", "divergence")

    # Half is the default of --keep; it is given all the same.
    assert tune("-q", "--by", "item", "--keep", "0.5", "--config", "c.toml", "--fine-tune") == 0

    text = Path("best.toml").read_text(encoding="utf-8")
    searched = text.partition("# Searched.")[2].partition("# Given")[0]
    found = written()
    assert (found["by"], found["keep"], found["hidden"], found["objective"], found["fine_tune"]) == (
        "item",
        0.5,
        9,
        "divergence",
        True,
    )
    assert not any(f"\n{name} = " in searched for name in ("by", "keep", "hidden", "objective"))
    assert "\nnetwork_rate = " in searched
    assert "\nlearning_rate = " in searched


def test_what_is_told_is_a_line_a_trial_and_a_table_of_the_best(capsys: pytest.CaptureFixture[str]) -> None:
    assert tune() == 0

    told = capsys.readouterr()
    trials = [line for line in told.err.splitlines() if "rbmcli: trial " in line]
    assert len(trials) == 5
    assert "epoch 1/" not in told.err
    table = [line.split() for line in told.out.splitlines()]
    assert table[0][:2] == ["validation", "RMSE"]
    assert table[1] == ["setting", "best"]
    assert all(str(written()[name]) == value for name, value in table[2:])
    assert told.err.splitlines()[-1].partition("best.toml: ")[2].startswith("the settings of trial ")


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert tune("-q") == 0

    assert capsys.readouterr() == ("", "")


def test_json_is_one_object_with_the_best_settings_and_how_trials_ended(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert tune("--json", "-q", "--by", "item", "--seed", "2") == 0

    told = json.loads(capsys.readouterr().out)
    figures = told["figures"]
    assert (told["command"], told["seed"]) == ("tune", 2)
    assert told["settings"] == {
        "trials": 5,
        "budget": None,
        "seed": 2,
        "fixed": {"by": "item", "epochs": 3},
    }
    assert figures["trials"] == {"complete": 5, "pruned": 0, "diverged": 0}
    assert figures["searched"].items() <= written().items()
    assert figures["settings"]["by"] == "item"
    assert figures["valid_rmse"] <= figures["default_rmse"]
    assert told["versions"]["optuna"] != "not installed"
    assert told["files"] == [{"path": "best.toml", "bytes": Path("best.toml").stat().st_size}]


def test_the_command_goes_on_with_what_the_journal_holds(capsys: pytest.CaptureFixture[str]) -> None:
    assert tune("--journal", "j", "--trials", "2", "-q") == 0
    assert tune("--journal", "j", "--json", "-q") == 0

    assert sum(json.loads(capsys.readouterr().out)["figures"]["trials"].values()) == 5
    assert not Path("best.tune.journal").exists()


def test_a_journal_of_other_data_ends_with_4_and_leaves_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert tune("-q") == 0
    before = Path("best.toml").read_bytes()
    pq.write_table(with_rating(ratings(), "u00", 100, 5), "r.parquet")

    code = tune("-q")

    told = capsys.readouterr().err
    assert code == 4
    assert (
        "rbmcli: error: best.tune.journal: the search in it was begun with other ratings (hint: give" in told
    )
    assert "give --journal another file" in told
    assert Path("best.toml").read_bytes() == before


def test_without_optuna_the_command_ends_with_2_and_names_what_installs_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)

    assert tune() == 2

    assert capsys.readouterr().err.endswith(
        "tune needs the package optuna, which is not installed (hint: pip install 'rbmcli[tune]')\n"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--trials", "0"], 2, "--trials 0 is outside"),
        (["--budget", "soon"], 2, "--budget 'soon'"),
        (["--budget", "0s"], 2, "--budget 0.0 is outside"),
        (["--hidden", "0"], 2, "--hidden 0 is outside"),
        (["--level-functions", "7"], 2, "--level-functions 7"),
        (["--preset", "fast"], 2, "No such option"),
        (["--journal", "best.toml"], 2, "is the output and the journal too"),
        (["--journal", "r.parquet"], 2, "is an input"),
        (["--journal", "text"], 3, "text:1: is no line of the journal"),
        (["--valid", "r.parquet"], 4, "stand in r.parquet too"),
    ],
)
def test_a_mistake_ends_with_its_code_and_leaves_the_old_file(
    arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("best.toml").write_text("the old one")
    Path("text").write_text("something else\n")

    ended_with = tune(*arguments)

    told = capsys.readouterr().err
    assert (ended_with, words in told, "Traceback" in told) == (code, True, False)
    assert Path("best.toml").read_text() == "the old one"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_the_real_command_with_its_code_and_the_search_can_go_on(
    number: int, code: int, command_environment: dict[str, str]
) -> None:
    command = [sys.executable, "-m", "rbmcli", "tune", "r.parquet", "-o", "best.toml", "--epochs", "3"]
    running = subprocess.Popen(
        [*command, "--trials", "100000"],
        stderr=subprocess.PIPE,
        text=True,
        env=command_environment,
    )
    assert running.stderr is not None
    for line in running.stderr:
        if "trial 2 of" in line:
            break
    running.send_signal(number)
    _, told = running.communicate(timeout=60)

    again = subprocess.run(
        [*command, "--trials", "1", "--json"],
        capture_output=True,
        text=True,
        env=command_environment,
        timeout=60,
        check=False,
    )

    assert running.returncode == code
    assert "the same command goes on from best.tune.journal" in told
    assert "Traceback" not in told
    assert again.returncode == 0, again.stderr
    assert sum(json.loads(again.stdout)["figures"]["trials"].values()) >= 2


def test_optuna_itself_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.INFO)

    assert tune("-q", "--journal", "j") == 0
    assert tune("-q", "--journal", "j", "--trials", "6") == 0

    assert capfd.readouterr() == ("", "")
    assert optuna.logging.get_verbosity() == optuna.logging.INFO

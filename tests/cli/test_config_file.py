"""Options from a TOML file: behind the command line and the environment, and checked like what is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import rbmcli
from rbmcli.cli.main import main
from tests.small_ratings import ratings


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pq.write_table(ratings(), "r.parquet")


def trained(config: str, *arguments: str) -> rbmcli.TrainSettings:
    """Train with a file of options, and return the settings of the model."""
    Path("c.toml").write_text(config, encoding="utf-8")
    assert main(["train", "r.parquet", "-o", "m.parquet", "-q", "--config", "c.toml", *arguments]) == 0
    return rbmcli.load_model("m.parquet").settings


def test_text_numbers_and_switches_are_taken_from_the_table_of_the_command() -> None:
    settings = trained(
        '[train]\nby = "item"\nhidden = 7\nepochs = 2\nkeep = 0.25\nmomentum = 0.5\nrow_bias = false\n'
        "refit = true\nfine_tune = true\n\n[predict]\nprobabilities = true\n"
    )

    assert (settings.by, settings.hidden, settings.epochs, settings.keep) == ("item", 7, 2, 0.25)
    assert (settings.momentum, settings.row_bias, settings.refit) == ("0.5", False, True)
    assert settings.fine_tune


def test_names_may_be_written_as_on_the_command_line() -> None:
    assert trained("[train]\nbatch-size = 9\nepochs = 1\n").batch_size == 9


def test_the_command_line_comes_before_the_environment_and_that_before_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RBMCLI_TRAIN_HIDDEN", "6")
    monkeypatch.setenv("RBMCLI_TRAIN_EPOCHS", "2")

    settings = trained(
        '[train]\nhidden = 5\nepochs = 5\nby = "item"\nrow_bias = false\nbatch_size = 5\n',
        "--epochs",
        "1",
        "--row-bias",
    )

    assert (settings.epochs, settings.hidden, settings.batch_size) == (1, 6, 5)
    assert (settings.by, settings.row_bias) == ("item", True)


def test_the_file_can_be_named_before_the_command_and_in_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("c.toml").write_text("[train]\nepochs = 1\nhidden = 5\n")
    rest = ["train", "r.parquet", "-o", "m.parquet", "-q"]

    assert main(["--config", "c.toml", *rest]) == 0
    before = rbmcli.load_model("m.parquet").settings
    monkeypatch.setenv("RBMCLI_CONFIG", "c.toml")
    assert main(rest) == 0

    assert before.hidden == rbmcli.load_model("m.parquet").settings.hidden == 5


def test_options_that_a_command_must_have_and_those_of_all_commands_may_stand_there(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("c.toml").write_text('[train]\noutput = "there.parquet"\nepochs = 1\nquiet = true\n')

    assert main(["train", "r.parquet", "--config", "c.toml"]) == 0

    assert capsys.readouterr() == ("", "")
    assert Path("there.parquet").exists()


def test_a_table_of_another_command_does_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    Path("c.toml").write_text("[train]\nepochs = 1\n")

    assert main(["inspect", "r.parquet", "--config", "c.toml"]) == 0

    assert "r.parquet" in capsys.readouterr().out


def test_crossval_takes_the_settings_of_training_from_the_table_of_train(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("c.toml").write_text(
        '[crossval]\nhidden = 4\n\n[train]\nepochs = 1\nhidden = 5\nseed = 6\noutput = "m"\nvalid = "none"\n'
        'user_column = "no"\nquiet = false\ncheckpoint-interval = 3\n'
    )

    assert main(["crossval", "r.parquet", "--folds", "2", "--config", "c.toml", "--json", "-q"]) == 0

    told = json.loads(capsys.readouterr().out)
    settings = told["settings"]
    assert (told["seed"], settings["epochs"], settings["hidden"], settings["seed"]) == (6, 1, 4, 6)
    assert told["files"] == []


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (None, 3, "c.toml: no such file"),
        (b"[train\n", 3, "c.toml: not a readable TOML file"),
        (b"\xff\xfe", 3, "c.toml: not a readable TOML file"),
        (b"epochs = 3\n", 2, "c.toml: 'epochs' is neither a table of a command nor an option of all"),
        (b"[trian]\nepochs = 3\n", 2, "c.toml: [trian] is no table of a command"),
        (b"[train]\nepoch = 3\n", 2, "c.toml: 'epoch' is no option of train"),
        (b"[train]\nratings = 'x'\n", 2, "c.toml: 'ratings' is no option of train"),
        (b"[train]\nconfig = 'c.toml'\n", 2, "c.toml: 'config' is no option of train"),
        (b"[train]\nhidden = 2.5\n", 2, "c.toml: hidden of [train]: "),
        (b"[train]\nhidden = true\n", 2, "c.toml: hidden of [train]: "),
        (b"[train]\nby = 'shop'\n", 2, "c.toml: by of [train]: "),
        (b"[train]\nrow_bias = 'maybe'\n", 2, "c.toml: row_bias of [train]: "),
        (b"[train]\nhidden = [5]\n", 2, "c.toml: hidden of [train]: expected text, a number, true or false"),
        (b"[train]\nhidden = 0\n", 2, "--hidden 0 is outside"),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_place(
    content: bytes | None, code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        Path("c.toml").write_bytes(content)

    ended_with = main(["train", "r.parquet", "-o", "m.parquet", "--config", "c.toml"])

    assert (ended_with, words in capsys.readouterr().err) == (code, True)
    assert not Path("m.parquet").exists()


def test_the_file_of_the_working_folder_comes_after_the_one_that_is_named() -> None:
    Path("rbmcli.toml").write_text("[train]\nhidden = 5\nepochs = 1\n")

    settings = trained("[train]\nhidden = 6\n")

    assert (settings.hidden, settings.epochs) == (6, 1)


def test_options_of_all_commands_may_stand_above_the_tables(capsys: pytest.CaptureFixture[str]) -> None:
    Path("rbmcli.toml").write_text("quiet = true\nseed = 5\n[train]\nepochs = 1\nseed = 6\n")

    assert main(["train", "r.parquet", "-o", "m.parquet"]) == 0

    assert capsys.readouterr() == ("", "")
    assert rbmcli.load_model("m.parquet").settings.seed == 6


def test_an_option_that_may_be_given_several_times_takes_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    Path("p.csv").write_text("user,item,prediction,rating\n1,2,3,4\n")
    Path("rbmcli.toml").write_text("[evaluate]\nfail-if = ['rmse>2', 'mae>0.5']\n")

    assert main(["evaluate", "p.csv"]) == 6

    assert "--fail-if mae>0.5: mae is 1" in capsys.readouterr().err

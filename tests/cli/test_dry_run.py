"""A dry run reads and checks what a run would, tells what that would do, and leaves everything as it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.csv
import pytest

from rbmcli.cli.main import main
from tests.lock_holder import held_by_another
from tests.small_ratings import ratings

GIVEN = ("--history", "r.csv", "-q")
COMMANDS = {
    "prepare": ("prepare", "r.csv", "-o", "prepared", "-q"),
    "predict": ("predict", "m.parquet", *GIVEN, "--all-items", "--probabilities", "-o", "p.parquet"),
    "recommend": ("recommend", "m.parquet", *GIVEN, "-o", "p.csv"),
    "crossval": ("crossval", "r.csv", "--folds", "2", "--epochs", "1", "-o", "folds", "-q"),
}


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pyarrow.csv.write_csv(ratings(), "r.csv")
    assert main(["train", "r.csv", "-o", "m.parquet", "--epochs", "1", "--hidden", "5", "-q"]) == 0


@pytest.fixture
def planned(capsys: pytest.CaptureFixture[str]) -> Callable[..., dict]:
    def plan(*arguments: str) -> dict:
        assert main([*arguments, "--dry-run", "--json"]) == 0
        return json.loads(capsys.readouterr().out)["figures"]

    return plan


def names() -> list[str]:
    return sorted(path.name for path in Path().iterdir())


@pytest.mark.parametrize("command", COMMANDS)
def test_it_tells_rows_and_about_the_size_of_what_is_then_written_and_writes_nothing(
    command: str, planned: Callable[..., dict], capsys: pytest.CaptureFixture[str]
) -> None:
    before = names()

    told = planned(*COMMANDS[command])
    after = names()
    assert main([*COMMANDS[command], "--json"]) == 0

    written = json.loads(capsys.readouterr().out)["files"]
    sizes = {file["path"]: file["bytes"] for file in written}
    assert after == before
    assert [output["name"] for output in told["outputs"]] == list(sizes)
    for output in told["outputs"]:
        assert not output["replaces"]
        assert sizes[output["name"]] / 4 < output["size"] < sizes[output["name"]] * 4
    assert told["memory"] > 1e8


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "r.csv", "-o", "new.parquet", "--checkpoint", "c.parquet", "-q"),
        ("tune", "r.csv", "-o", "best.toml", "--trials", "3", "-q"),
        ("evaluate", "p.csv", "--history", "r.csv", "-o", "metrics.json", "-q"),
        ("evaluate", "l.csv", "--truth", "r.csv", "-o", "metrics.json", "-q"),
    ],
)
def test_the_other_commands_have_it_too(arguments: tuple[str, ...], planned: Callable[..., dict]) -> None:
    Path("p.csv").write_text("user,item,prediction,rating\nu1,2,3,4\n")
    Path("l.csv").write_text("user,item,rank\nu01,102,1\n")
    before = names()

    told = planned(*arguments)

    assert names() == before
    assert told["outputs"][0]["name"] == arguments[arguments.index("-o") + 1]
    assert told["memory"] > 1e7


def test_a_file_that_would_be_replaced_is_told(planned: Callable[..., dict]) -> None:
    Path("p.csv").touch()

    assert [output["replaces"] for output in planned(*COMMANDS["recommend"])["outputs"]] == [True]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["prepare", "none.csv", "-o", "prepared"], 3),
        (["prepare", "r.csv", "-o", "r.csv"], 2),
        (["predict", "r.csv", "--history", "r.csv", "--all-items", "-o", "p"], 3),
        (["recommend", "m.parquet", "--history", "r.csv", "-o", "none/p"], 2),
    ],
)
def test_what_would_fail_fails(arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*arguments, "--dry-run"]) == code
    assert capsys.readouterr().out == ""


def test_it_needs_no_lock(planned: Callable[..., dict]) -> None:
    with held_by_another(Path("p.csv")):
        assert planned(*COMMANDS["recommend"])["dry_run"]


def test_without_json_it_prints_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*COMMANDS["recommend"], "--dry-run"]) == 0

    told = capsys.readouterr().out
    assert "nothing is written" in told
    assert "p.csv" in told

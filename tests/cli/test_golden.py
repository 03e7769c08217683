"""What programs rely on stays as it is: the help of each command, and the JSON of each.

`pytest tests/cli/test_golden.py --update-golden` writes the files of tests/golden/ anew, for a change that
is meant; one that takes something out of the JSON needs another schema_version.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.csv
import pytest

from rbmcli.cli.commands import COMMANDS
from rbmcli.cli.main import main
from tests.small_ratings import ratings

GOLDEN = Path(__file__).parent.parent / "golden"
QUICK = ("--epochs", "2", "--hidden", "4")
TRAIN, HISTORY = "prepared/train.parquet", ("--history", "prepared/train.parquet")
RUNS = {
    "version": ("--version", "--json"),
    "prepare": ("prepare", "r.csv", "-o", "prepared"),
    "train": (
        "train",
        "prepared/train.parquet",
        "--valid",
        "prepared/valid.parquet",
        *QUICK,
        "-o",
        "m.parquet",
    ),
    "predict": (
        *("predict", "m.parquet", *HISTORY, "--pairs", "prepared/test.parquet"),
        *("--probabilities", "-o", "p.parquet"),
    ),
    "recommend": ("recommend", "m.parquet", *HISTORY, "-o", "r.parquet"),
    "evaluate": ("evaluate", "p.parquet", *HISTORY),
    "evaluate_recommendations": ("evaluate", "r.parquet", "--truth", "prepared/test.parquet", *HISTORY),
    "crossval": ("crossval", "r.csv", "--folds", "2", *QUICK, "-o", "folds"),
    "report": ("report", "--model", "m.parquet", "--predictions", "p.parquet", *HISTORY, "-o", "r.html"),
    "similar": ("similar", "m.parquet", "101", "--top", "2", "--items", "items.csv"),
    "explain": ("explain", "m.parquet", *HISTORY, "--user", "u01", "--item", "101", "--top", "2"),
    "inspect": ("inspect", "p.parquet"),
    "tune": ("tune", TRAIN, "--trials", "2", *QUICK, "-o", "best.toml"),
    "warmup": ("warmup",),
    "dry_run": (
        "recommend",
        "m.parquet",
        "--history",
        "prepared/train.parquet",
        "-o",
        "r.parquet",
        "--dry-run",
    ),
}
UNSTEADY = {"bytes", "folder", "compiled", "loaded", "size", "memory", "fingerprint", "run"}
Check = Callable[[str, str], None]


@pytest.fixture
def check(request: pytest.FixtureRequest) -> Check:
    """Compare a text with the golden file of a name, or write it."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(exist_ok=True, parents=True)
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8")

    return compare


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The JSON of each command, the one after the other in one folder."""
    folder = tmp_path_factory.mktemp("golden")
    pyarrow.csv.write_csv(ratings(), folder / "r.csv")
    (folder / "items.csv").write_text("item,title\n101,One\n")
    told = {}
    for name, arguments in RUNS.items():
        done = run_in(folder, *arguments, "--json", "-q")
        told[name] = json.loads(done)
    return told


def run_in(folder: Path, *arguments: str) -> str:
    """Run a command in a folder, and return what it prints."""
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as printed:
        patch.chdir(folder)
        assert main(arguments) == 0
    return printed.getvalue()


@pytest.mark.parametrize("name", list(COMMANDS))
def test_the_help_of_each_command_is_as_it_was(
    name: str, check: Check, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setenv("TERM", "dumb")

    assert main([name, "--help"]) == 0

    # Boxes and the width of columns are Rich's, and how types and ranges are shown is Typer's.
    words = re.sub(r"[╭╮╰╯─│]", " ", capsys.readouterr().out)
    words = re.sub(r"<(bool|str|int|float)( range)?>|\[[^\]=]*<=?[^\]]*\]|\[x>=\d+\]", "", words)
    lines = [re.sub(r" {2,}", "  ", line).strip() for line in words.splitlines()]
    check(f"help/{name}.txt", "\n".join(line for line in lines if line) + "\n")


@pytest.mark.parametrize("name", RUNS)
def test_the_json_of_each_command_is_as_it_was(name: str, results: dict[str, Any], check: Check) -> None:
    check(f"json/{name}.json", json.dumps(_steady(results[name]), indent=2, ensure_ascii=False) + "\n")


def _steady(value: Any, key: str = "") -> Any:
    """Return a result with what differs between machines and versions replaced by its type."""
    if key in {"versions", "searched"}:
        return sorted(value)
    if isinstance(value, dict):
        return {name: _steady(entry, name) for name, entry in value.items()}
    if key in {
        "bytes",
        "folder",
        "compiled",
        "loaded",
        "size",
        "memory",
        "fingerprint",
        "run",
    } or key.endswith("_fingerprint"):
        return type(value).__name__
    if isinstance(value, list):
        return [_steady(entry, key) for entry in value]
    if isinstance(value, float) and key not in {"levels", "bins"}:
        return "float"
    return value

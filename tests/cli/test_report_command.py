"""The command `report`: what it writes and tells, how it ends, and that it runs as it is installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.csv
import pytest

from rbmcli.cli.main import main
from tests.lock_holder import held_by_another
from tests.small_ratings import ratings

RunCommand = Callable[..., "subprocess.CompletedProcess[str]"]
NEEDED = ("--model", "m.parquet", "--predictions", "p.parquet")
QUICK = ("--resamples", "0", "--examples", "1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that a report can be made of."""
    folder = tmp_path_factory.mktemp("report")
    pyarrow.csv.write_csv(ratings(40, 16), folder / "r.csv")
    lines = [f"{item},Title of {item}" for item in range(100, 116)]
    (folder / "items.csv").write_text("\n".join(["item,title", *lines]))
    history = ("--history", "prepared/train.parquet")
    asked = ("--pairs", "prepared/test.parquet", "--probabilities")
    train = ("train", "prepared/train.parquet", "--valid", "prepared/valid.parquet", "--by", "item")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for words in (
            ("prepare", "r.csv", "-o", "prepared"),
            (*train, "--epochs", "4", "--hidden", "4", "-o", "m.parquet"),
            ("predict", "m.parquet", *history, *asked, "-o", "p.parquet"),
            ("recommend", "m.parquet", *history, "--top", "3", "-o", "best.parquet"),
        ):
            assert main([*words, "-q"]) == 0
    return folder


@pytest.fixture(autouse=True)
def _files(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for path in folder.iterdir():
        Path(path.name).symlink_to(path)


def report(*arguments: str) -> int:
    return main(["report", *NEEDED, *QUICK, *arguments])


def names() -> list[str]:
    return sorted(path.name for path in Path().iterdir())


def test_it_writes_one_page_and_tells_what_was_found(capsys: pytest.CaptureFixture[str]) -> None:
    before = names()

    assert report("-o", "r.html", "--history", "prepared/train.parquet", "--items", "items.csv") == 0

    told = capsys.readouterr()
    assert told.out == ""
    assert "r.html: the report, 9 sections: RMSE " in told.err
    assert names() == sorted([*before, "r.html"])
    page = Path("r.html").read_text(encoding="utf-8")
    assert page.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert "Title of 10" in page


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert report("-o", "r.html", "-q") == 0

    assert capsys.readouterr() == ("", "")


def test_the_json_tells_the_finding_the_figures_and_every_file(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("-o", "r.html", "--plots", "plots", "--plots-format", "svg", "--title", "Ours", "--seed", "3")
    assert report(*words, "--json", "-q") == 0

    told = json.loads(capsys.readouterr().out)
    assert told["settings"]["title"] == "Ours"
    assert told["seed"] == told["settings"]["seed"] == 3
    assert told["figures"]["finding"].startswith(f"RMSE {told['figures']['figures']['rmse']:.3f}")
    assert told["versions"]["matplotlib"] != "not installed"
    files = {file["path"]: file["bytes"] for file in told["files"]}
    assert set(files) == {"r.html", *(f"plots/{name}.svg" for name in told["figures"]["pictures"])}
    assert all(Path(name).stat().st_size == size for name, size in files.items())
    assert "<h1>Ours</h1>" in Path("r.html").read_text()


def test_lists_of_a_file_are_those_that_are_shown() -> None:
    history = ("--history", "prepared/train.parquet")
    assert report("-o", "r.html", *history, "--recommendations", "best.parquet", "-q") == 0

    page = Path("r.html").read_text()
    assert "users that the file of recommendations has lists of" in page
    assert page.count('<span class="title">') == 3


def test_the_page_goes_to_standard_output_and_pictures_into_their_folder(run_command: RunCommand) -> None:
    ended = run_command("report", *NEEDED, *QUICK, "-o", "-", "--plots", "plots", "-q")

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("<!DOCTYPE html>")
    assert ended.stdout.endswith("</html>\n")
    assert len(list(Path("plots").glob("*.png"))) > 5


def test_history_and_predictions_come_through_pipes_too(run_command: RunCommand) -> None:
    history = Path("prepared/train.parquet").read_bytes()
    words = ("report", *NEEDED, *QUICK, "--history", "-", "-o", "r.html", "-q")

    ended = subprocess.run(
        [sys.executable, "-m", "rbmcli", *words],
        input=history,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        timeout=60,
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (0, b"")
    assert report("-o", "other.html", "--history", "prepared/train.parquet", "-q") == 0
    piped, plain = Path("r.html").read_text(), Path("other.html").read_text()
    assert piped.replace("standard input", "train.parquet") == plain


def test_a_dry_run_checks_and_tells_and_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    before = names()
    words = (
        "--history",
        "prepared/train.parquet",
        "--items",
        "items.csv",
        "--recommendations",
        "best.parquet",
    )

    assert report("-o", "r.html", *words, "--plots", "plots", "--dry-run", "--json", "-q") == 0

    told = json.loads(capsys.readouterr().out)["figures"]
    assert names() == before
    assert [output["name"] for output in told["outputs"]] == ["r.html", "plots/*.png"]
    assert told["titles"] == 16
    assert told["memory"] > 1e8
    assert report("-o", "r.html", *words, "--plots", "plots", "-q") == 0
    assert Path("r.html").stat().st_size / 4 < told["outputs"][0]["size"] < Path("r.html").stat().st_size * 4


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--predictions", "p.parquet", "-o", "r.html"], 2, "Missing option '--model'"),
        (["--model", "m.parquet", "-o", "r.html"], 2, "Missing option '--predictions'"),
        ([*NEEDED], 2, "Missing option '-o'"),
        ([*NEEDED, "-o", "none/r.html"], 2, "does not exist"),
        ([*NEEDED, "-o", "m.parquet"], 2, "is an input"),
        ([*NEEDED, "-o", "r.html", "--plots", "items.csv"], 2, "is a file, expected a folder"),
        ([*NEEDED, "-o", "r.html", "--plots", "-"], 2, "expected a folder"),
        ([*NEEDED, "-o", "r.html", "--examples", "-1"], 2, "--examples -1 is outside"),
        ([*NEEDED, "-o", "r.html", "--items", "none.csv"], 3, "no such file"),
        (["--model", "p.parquet", "--predictions", "p.parquet", "-o", "r.html"], 4, "format 'model'"),
        ([*NEEDED, "-o", "r.html", "--history", "-", "--truth", "-"], 2, "is named twice"),
        ([*NEEDED, "-o", "-", "--json"], 2, "--json prints the result"),
    ],
)
@pytest.mark.parametrize("dry", [[], ["--dry-run"]], ids=["run", "dry run"])
def test_a_mistake_ends_with_its_code_and_writes_nothing(
    arguments: list[str], code: int, words: str, dry: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = names()

    ended_with = main(["report", *arguments, *dry])

    told = capsys.readouterr()
    assert (ended_with, words in told.err, told.out) == (code, True, "")
    assert names() == before


def test_without_matplotlib_it_ends_with_2_and_names_what_installs_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    assert report("-o", "r.html") == 2

    told = capsys.readouterr().err
    assert told.endswith(
        "report needs the package matplotlib, which is not installed (hint: pip install 'rbmcli[report]')\n"
    )


def test_another_run_that_writes_the_same_page_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with held_by_another(Path("r.html")) as holder:
        assert report("-o", "r.html") == 5

    assert f"process {holder.pid}" in capsys.readouterr().err

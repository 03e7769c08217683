"""The real commands on a model of every kind: its card, its report and what `inspect` tells of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pyarrow.csv
import pytest

import rbmcli
from rbmcli.cli.main import main
from rbmcli.models.kinds import has_vectors
from tests.every_kind import MADE_OF_OTHERS, OPTIONS
from tests.small_ratings import ratings

EACH = pytest.mark.parametrize("kind", OPTIONS)
REPORT = [
    "--history",
    "prepared/train.parquet",
    "--items",
    "items.csv",
    "--resamples",
    "0",
    "--examples",
    "1",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model of each kind and its predictions."""
    folder = tmp_path_factory.mktemp("kinds")
    pyarrow.csv.write_csv(ratings(40, 16), folder / "r.csv")
    lines = [f"{item},Title of {item}" for item in range(100, 116)]
    (folder / "items.csv").write_text("\n".join(["item,title", *lines]))
    asked = "--history prepared/train.parquet --pairs prepared/test.parquet --probabilities"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["prepare", "r.csv", "-o", "prepared", "-q"]) == 0
        for kind, options in OPTIONS.items():
            assert main(f"train prepared/train.parquet {options} -o {kind}.parquet -q".split()) == 0
            assert main(f"predict {kind}.parquet {asked} -o {kind}-p.parquet -q".split()) == 0
    return folder


@pytest.fixture(autouse=True)
def _files(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for path in folder.iterdir():
        Path(path.name).symlink_to(path)


def report(kind: str, output: str) -> int:
    model = ["--model", f"{kind}.parquet", "--predictions", f"{kind}-p.parquet"]
    return main(["report", *model, *REPORT, "-o", output])


@EACH
def test_a_report_is_written(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(kind, "r.html") == 0

    told = capsys.readouterr().err
    assert re.search(r"r\.html: the report, \d sections: RMSE ", told)
    page = Path("r.html").read_text(encoding="utf-8")
    assert "Title of 10" in page
    assert ("<h2" in page) and ("What it is made of" in page) == (kind in MADE_OF_OTHERS)


@EACH
def test_equal_runs_write_equal_bytes(kind: str) -> None:
    for name in ("one", "two"):
        assert report(kind, f"{name}.html") == 0
        assert main(["inspect", f"{kind}.parquet", "--card", f"{name}.md", "-q"]) == 0

    for ending in ("html", "md"):
        assert Path(f"one.{ending}").read_bytes() == Path(f"two.{ending}").read_bytes()


@EACH
def test_a_dry_run_of_a_report_writes_nothing(kind: str) -> None:
    model = ["--model", f"{kind}.parquet", "--predictions", f"{kind}-p.parquet"]

    assert main(["report", *model, *REPORT, "-o", "r.html", "--dry-run", "-q"]) == 0

    assert not Path("r.html").exists()


@EACH
def test_a_card_goes_to_standard_output(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", f"{kind}.parquet", "--card", "-", "-q"]) == 0

    assert capsys.readouterr().out.startswith("# Model card: a")


@EACH
def test_inspect_says_what_the_model_is_and_how_good(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    record = rbmcli.load_model(f"{kind}.parquet").record
    best = next(entry for entry in record["epochs"] if entry["epoch"] == record["best_epoch"])

    assert main(["inspect", f"{kind}.parquet"]) == 0

    told = capsys.readouterr().out
    facts = dict(re.findall(r"^(\S+(?: \S+)*)  +(\S.*)$", told, re.MULTILINE))
    assert facts["model"].startswith("a")
    if kind in {"rbm", "autoencoder"}:
        assert facts["best epoch"].startswith(f"epoch {best['epoch']}, ")
    else:
        assert facts["validation"] == f"RMSE {best['valid_rmse']:.4f}, NLL {best['valid_nll']:.4f}"
    assert not {"members", "of_members", "settings.members"} & set(facts)
    assert ("epochs" in facts) == (kind in {"rbm", "autoencoder", "mf"})


@pytest.mark.parametrize("kind", MADE_OF_OTHERS)
def test_inspect_has_a_table_of_the_members(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    record = rbmcli.load_model(f"{kind}.parquet").record

    assert main(["inspect", f"{kind}.parquet"]) == 0

    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    has_weights = kind != "neighbours"
    start = lines.index(["member", "RMSE", "NLL", *(["weight", "share"] if has_weights else [])])
    for line, entry in zip(lines[start + 1 :], record["of_members"], strict=False):
        expected = [entry["member"], f"{entry['valid_rmse']:.4f}", f"{entry['valid_nll']:.4f}"]
        if has_weights:
            expected += [f"{entry['weight']:.2f}", f"{entry['share']:.0%}"]
        assert line == expected
    together = lines[start + 1 + len(record["of_members"])]
    assert together[-2:] == [f"{record['epochs'][0][name]:.4f}" for name in ("valid_rmse", "valid_nll")]


def test_the_json_of_inspect_has_the_figures_and_weights_of_members(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["inspect", "blend.parquet", "--json", "-q"]) == 0

    told = json.loads(capsys.readouterr().out)["figures"]
    assert set(told) == {
        *("path", "format", "format_version", "problem", "roles", "rows", "row_groups", "size"),
        *("columns", "metadata"),
    }
    for entry in told["metadata"]["of_members"]:
        assert set(entry) == {"member", "valid_rmse", "valid_nll", "weight", "share"}


@EACH
def test_similar_works_wherever_the_report_shows_which_items_are_alike(kind: str) -> None:
    assert report(kind, "r.html") == 0

    shown = "Which items are alike</h3>" in Path("r.html").read_text()
    assert shown == has_vectors(rbmcli.load_model(f"{kind}.parquet"))
    assert main(["similar", f"{kind}.parquet", "104", "-q"]) == (0 if shown else 4)


@EACH
def test_train_says_which_model_it_has_written(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(f"train prepared/train.parquet {OPTIONS[kind]} -o again.parquet".split()) == 0

    last = [line for line in capsys.readouterr().err.splitlines() if "again.parquet: " in line][-1]
    steps = {"rbm": r"epoch \d", "autoencoder": r"epoch \d", "mf": "sweep 20"}
    names = {
        "bias": "a model of user and item effects",
        "neighbours": "a neighbourhood model",
        "ensemble": "an ensemble of 3 models",
        "blend": "a blend of 3 models",
    }
    what = f"the model of {steps[kind]}" if kind in steps else names[kind]
    assert re.search(rf"again\.parquet: {what}, validation RMSE \d\.\d{{4}}, NLL \d\.\d{{4}}$", last)

"""The command `predict`: options, what it tells, exit codes, and equal bytes at any number of threads."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

import rbmcli
from rbmcli.cli.main import main
from tests.small_ratings import pairs_of, ratings, table_of, trained, with_rating

RunCommand = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pq.write_table(ratings(), "h.parquet")
    pyarrow.csv.write_csv(pairs_of("u00", 100, 101, 999), "pairs.csv")
    for by in ("user", "item"):
        rbmcli.save_model(trained(by), f"{by}.parquet")


def predict(*arguments: str, model: str = "user.parquet", history: str = "h.parquet") -> int:
    return main(["predict", model, "--history", history, "-o", "p.parquet", *arguments])


def written() -> pa.Table:
    return pq.ParquetFile("p.parquet").read().replace_schema_metadata(None)


@pytest.mark.parametrize("by", ["user", "item"])
def test_the_command_writes_what_the_function_gives(by: str) -> None:
    code = predict("--pairs", "pairs.csv", "--probabilities", "-q", model=f"{by}.parquet")

    settings = rbmcli.PredictSettings(probabilities=True)
    asked = pairs_of("u00", 100, 101, 999)
    assert code == 0
    assert written().equals(rbmcli.predict(trained(by), ratings(), asked, settings=settings).table)


@pytest.mark.parametrize("by", ["user", "item"])
def test_threads_leave_the_bytes_of_predictions_as_they_are(by: str) -> None:
    pq.write_table(with_rating(ratings(), "u01", 999, 3), "changed.parquet")
    contents = set()
    for threads in ("1", "2"):
        arguments = ("--all-items", "--threads", threads, "-q")
        assert predict(*arguments, model=f"{by}.parquet", history="changed.parquet") == 0
        contents.add(Path("p.parquet").read_bytes())

    assert len(contents) == 1
    assert written().num_rows == 30 * 12


def test_json_tells_how_many_predictions_came_from_where(capsys: pytest.CaptureFixture[str]) -> None:
    assert predict("--pairs", "pairs.csv", "--json", "-q") == 0

    told = json.loads(capsys.readouterr().out)
    assert told["figures"]["predictions"] == 3
    assert told["figures"]["sources"] == {
        "model": 2,
        "folded_in": 0,
        "visible_prior": 0,
        "row_prior": 1,
        "global_prior": 0,
    }
    assert told["figures"]["own_pairs"] == len({100, 101} & _items_of("u00"))
    assert told["files"][0]["path"] == "p.parquet"


def _items_of(user: str) -> set[int]:
    return {row["item"] for row in ratings().to_pylist() if row["user"] == user}


def test_sources_are_told_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert predict("--pairs", "pairs.csv") == 0

    told = capsys.readouterr()
    assert told.out == ""
    assert "3 predictions by source: 2 model, 1 row_prior" in told.err


def test_a_suffix_alone_names_the_columns_of_the_output() -> None:
    assert predict("--pairs", "pairs.csv", "--suffix", "_2", "-q") == 0

    assert {"prediction_2", "source_2"} <= set(written().column_names)
    assert main(["inspect", "p.parquet", "-q"]) == 0


def test_a_suffix_makes_room_for_predictions_of_predictions() -> None:
    assert predict("--pairs", "pairs.csv", "-q") == 0
    Path("p.parquet").rename("first.parquet")

    assert predict("--pairs", "first.parquet", "-q") == 3
    assert predict("--pairs", "first.parquet", "--suffix", "_2", "-q") == 0

    assert written()["prediction_2"].equals(written()["prediction"])


def test_the_own_rating_can_be_kept() -> None:
    item = min(_items_of("u00"))
    pyarrow.csv.write_csv(pairs_of("u00", item), "own.csv")
    assert predict("--pairs", "own.csv", "-q") == 0
    left_out = written()["prediction"][0].as_py()

    assert predict("--pairs", "own.csv", "--keep-own", "-q") == 0

    assert abs(written()["prediction"][0].as_py() - left_out) > 1e-3


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "give either --pairs FILE or --all-items"),
        (["--pairs", "pairs.csv", "--all-items"], 2, "give either --pairs FILE or --all-items"),
        (["--pairs", "missing.csv"], 3, "missing.csv: no such file"),
        (["--pairs", "strange.csv", "--history", "strange.csv"], 4, "known to the model"),
        (["--pairs", "pairs.csv", "--history", "other_scale.csv"], 4, "is on no level"),
        (["--pairs", "pairs.csv", "--history", "twice.csv"], 3, "more than once"),
        (["--pairs", "pairs.csv", "-o", "none/p.parquet"], 2, "does not exist"),
        (["--pairs", "pairs.csv", "-o", "-", "--json"], 2, "--json prints the result"),
        (["--pairs", "pairs.csv", "-o", "h.parquet"], 2, "is an input"),
        (["--pairs", "pairs.csv", "--inference", "none"], 2, "--inference"),
    ],
)
def test_a_mistake_ends_with_its_code_and_writes_nothing(
    arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pyarrow.csv.write_csv(table_of(["x"], [7], [3]), "strange.csv")
    pyarrow.csv.write_csv(table_of(["u00"], [100], [87]), "other_scale.csv")
    pyarrow.csv.write_csv(table_of(["u00", "u00"], [100, 100], [1, 5]), "twice.csv")
    before = sorted(path.name for path in Path().iterdir())

    ended_with = predict(*arguments)

    told = capsys.readouterr().err
    assert (ended_with, words in told, "Traceback" in told) == (code, True, False)
    assert sorted(path.name for path in Path().iterdir()) == before


@pytest.mark.parametrize("file", ["h.parquet", "pairs.csv", "missing.parquet"])
def test_what_is_no_model_ends_with_its_code(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = predict("--pairs", "pairs.csv", model=file)

    told = capsys.readouterr().err
    assert code == (4 if file == "h.parquet" else 3)
    assert file in told
    assert "Traceback" not in told


def test_options_let_strangers_duplicates_and_other_scales_pass() -> None:
    pyarrow.csv.write_csv(table_of(["x", "x"], [7, 7], [87, 1]), "strange.csv")
    options = ["--allow-unknown", "--duplicates", "first", "--unknown-level", "nearest", "-q"]

    assert predict("--pairs", "strange.csv", *options, history="strange.csv") == 0

    assert written()["source"].to_pylist() == ["global_prior"] * 2


def test_the_real_command_reads_pairs_from_a_pipe(run_command: RunCommand) -> None:
    ended = run_command(
        *("predict", "item.parquet", "--history", "h.parquet", "--pairs", "-", "-o", "p.parquet"),
        stdin=Path("pairs.csv").read_text(),
    )

    assert (ended.returncode, ended.stdout) == (0, "")
    assert written()["item"].to_pylist() == [100, 101, 999]

"""The command `recommend`: options, what it tells, exit codes."""

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
from tests.small_ratings import ratings, table_of, trained

RunCommand = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pq.write_table(ratings(), "h.parquet")
    Path("users.txt").write_text("user\nu03\nnobody\n")
    for by in ("user", "item"):
        rbmcli.save_model(trained(by), f"{by}.parquet")


def recommend(*arguments: str, model: str = "user.parquet", history: str = "h.parquet") -> int:
    return main(["recommend", model, "--history", history, "-o", "r.parquet", *arguments])


def written() -> pa.Table:
    return pq.ParquetFile("r.parquet").read().replace_schema_metadata(None)


@pytest.mark.parametrize("by", ["user", "item"])
def test_the_command_writes_what_the_function_gives(by: str) -> None:
    options = "--top 4 --rank-by lower-bound --deviations 0.5 --min-support 12 --inference exact -q"

    assert recommend(*options.split(), model=f"{by}.parquet") == 0

    settings = rbmcli.RecommendSettings(
        top=4, rank_by="lower-bound", deviations=0.5, min_support=12, inference="exact"
    )
    assert written().equals(rbmcli.recommend(trained(by), ratings(), settings=settings).table)


def test_the_users_of_a_file_are_served_and_who_has_no_history_is_told_of(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert recommend("--users", "users.txt", "--top", "2") == 0

    assert written()["user"].to_pylist() == ["nobody", "nobody", "u03", "u03"]
    told = capsys.readouterr()
    assert told.out == ""
    assert "1 of 2 users have no history" in told.err


def test_json_tells_users_and_recommendations(capsys: pytest.CaptureFixture[str]) -> None:
    assert recommend("--top", "1", "--json", "-q", "--threads", "2") == 0

    told = json.loads(capsys.readouterr().out)
    assert (told["command"], told["figures"]) == ("recommend", {"users": 30, "recommendations": 30})
    assert told["settings"]["top"] == 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--top", "0"], 2, "--top 0 is outside"),
        (["--rank-by", "luck"], 2, "--rank-by"),
        (["--deviations", "-1"], 2, "--deviations -1.0 is outside"),
        (["--users", "missing.txt"], 3, "missing.txt: no such file"),
        (["--history", "strange.csv"], 4, "not one of the items rated there is known"),
        (["--history", "other_scale.csv"], 4, "is on no level"),
        (["-o", "-", "--json"], 2, "--json prints the result"),
        (["-o", "user.parquet"], 2, "is an input"),
    ],
)
def test_a_mistake_ends_with_its_code_and_writes_nothing(
    arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pyarrow.csv.write_csv(table_of(["x"], [7], [3]), "strange.csv")
    pyarrow.csv.write_csv(table_of(["u00"], [100], [87]), "other_scale.csv")
    before = sorted(path.name for path in Path().iterdir())

    ended_with = recommend(*arguments)

    told = capsys.readouterr().err
    assert (ended_with, words in told, "Traceback" in told) == (code, True, False)
    assert sorted(path.name for path in Path().iterdir()) == before


def test_the_real_command_reads_users_from_a_pipe(run_command: RunCommand) -> None:
    ended = run_command(
        *("recommend", "item.parquet", "--history", "h.parquet", "--users", "-", "--top", "3"),
        *("-o", "r.parquet"),
        stdin="user\nu07\n",
        RBMCLI_QUIET="1",
    )

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert written()["rank"].to_pylist() == [1, 2, 3]

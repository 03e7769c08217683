"""The commands `similar` and `explain`: tables, JSON, files, exit codes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import rbmcli
from rbmcli.cli.main import main
from rbmcli.pipeline.explain import explain
from rbmcli.pipeline.similar import similar
from tests.small_ratings import ratings, trained

RunCommand = Callable[..., "subprocess.CompletedProcess[str]"]
BOTH = pytest.mark.parametrize("by", ["user", "item"])
EXPLAIN = ("explain", "user.parquet", "--history", "h.parquet", "--user", "u07", "--item", "103")


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pq.write_table(ratings(), "h.parquet")
    lines = [f"{item},Title {item}" for item in range(100, 112)]
    Path("items.csv").write_text("\n".join(["id,name", *lines]))
    Path("untitled.csv").write_text("item,year\n100,1990\n")
    for by in ("user", "item"):
        rbmcli.save_model(trained(by), f"{by}.parquet")


@BOTH
def test_similar_prints_a_table_with_titles(by: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["similar", f"{by}.parquet", "104", "--items", "items.csv", "--top", "3", "-q"]) == 0

    lines = capsys.readouterr().out.splitlines()
    found = similar(trained(by), 104).table.slice(0, 3).to_pylist()
    assert lines[0].startswith("nearest to item 104 (Title 104), which has ")
    assert lines[1].split() == ["rank", "similarity", "ratings", "item", "title"]
    assert [line.split() for line in lines[2:]] == [
        f"{row['rank']} {row['similarity']:.4f} {row['n_ratings']} {row['neighbour']} Title "
        f"{row['neighbour']}".split()
        for row in found
    ]


def test_similar_writes_the_table_in_the_format_of_the_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["similar", "user.parquet", "104", "-o", "n.csv", "-q"]) == 0
    printed = capsys.readouterr().out
    assert main(["similar", "user.parquet", "104", "-o", "-", "--format", "csv", "-q"]) == 0

    assert printed.startswith("nearest to item 104")
    assert Path("n.csv").read_text().startswith('"item","rank","neighbour","similarity","n_ratings"\n104,1,')


def test_similar_as_json_names_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["similar", "user.parquet", "104", "-o", "n.parquet", "--json", "-q", "--top", "2"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert told["files"] == [{"path": "n.parquet", "bytes": Path("n.parquet").stat().st_size}]
    assert [row["rank"] for row in told["figures"]["neighbours"]] == [1, 2]


@BOTH
def test_explain_prints_the_start_the_levels_and_the_ratings(
    by: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [EXPLAIN[0], f"{by}.parquet", *EXPLAIN[2:], "--items", "items.csv", "--top", "2", "-q"]

    assert main(arguments) == 0

    found = explain(trained(by), ratings(), "u07", 103)
    start, levels, told = capsys.readouterr().out.split("\n\n")
    assert start.splitlines()[0] == "user u07, item 103 (Title 103)"
    assert start.splitlines()[-1].split()[-1] == f"{found.prediction:.4f}"
    assert f"row bias of the {by}" in start
    assert [line.split()[0] for line in levels.splitlines()] == ["rating", "1", "2", "3", "4", "5"]
    assert told.splitlines()[1].split() == ["change", "rated", "item", "title"]
    first = found.table.to_pylist()[0]
    assert told.splitlines()[2].split()[:3] == [
        f"{first['change']:+.4f}",
        f"{first['rating']:g}",
        str(first["item"]),
    ]


def test_explain_as_json_is_what_the_function_gives(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*EXPLAIN, "--json", "-q", "--inference", "exact"]) == 0

    told = json.loads(capsys.readouterr().out)
    settings = rbmcli.ExplainSettings(inference="exact")
    assert told["figures"] == explain(trained("user"), ratings(), "u07", 103, settings=settings).as_dict()
    assert told["settings"] == {"top": 10, "consider": 500, "inference": "exact"}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["similar", "user.parquet", "99"], 4, "item '99' is none of the 12 items"),
        (["similar", "h.parquet", "100"], 4, "expected a file of format 'model'"),
        (["similar", "user.parquet", "100", "--top", "0"], 2, "--top 0 is outside"),
        (["similar", "user.parquet", "100", "--items", "untitled.csv"], 3, "the title is in no column"),
        (["similar", "user.parquet", "100", "-o", "-", "--json"], 2, "--json prints the result"),
        (["similar", "user.parquet", "100", "-o", "items.csv", "--items", "items.csv"], 2, "is an input"),
        ([*EXPLAIN[:-1], "99"], 4, "give an id as it stands in the training ratings"),
        ([*EXPLAIN[:5], "nobody", *EXPLAIN[6:]], 4, "user 'nobody' has no ratings there"),
        ([*EXPLAIN, "--items", "-", "--history", "-"], 2, "standard input (-) is named twice"),
    ],
)
def test_a_mistake_ends_with_its_code_and_writes_nothing(
    arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path.name: path.read_bytes() for path in Path().iterdir()}

    ended_with = main(arguments)

    told = capsys.readouterr()
    assert (ended_with, words in told.err, told.out) == (code, True, "")
    assert {path.name: path.read_bytes() for path in Path().iterdir()} == before


def test_the_real_commands_read_a_catalogue_and_a_history_from_a_pipe(run_command: RunCommand) -> None:
    catalogue = "item,title\n104,Four\n"
    history = "user,item,rating\nnew,104,5\nnew,105,1\n"

    near = run_command("similar", "item.parquet", "104", "--items", "-", stdin=catalogue, RBMCLI_QUIET="1")
    why = run_command(
        *("explain", "item.parquet", "--history", "-", "--user", "new", "--item", "103"),
        stdin=history,
        RBMCLI_QUIET="1",
    )

    assert near.stdout.startswith("nearest to item 104 (Four)")
    assert why.stdout.startswith("user new, item 103\n")
    assert (near.stderr, why.stderr) == ("", "")

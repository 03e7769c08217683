"""The command `evaluate` of lists of recommendations, from a shell's point of view."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from rbmcli.cli.main import main
from rbmcli.models.ranking import RANKING_FIGURES, RelevantItems
from tests.models.lists import by_another, random_lists
from tests.small_lists import HISTORY, LISTS, TRUTH, held_out, tables_of

RunCommand = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pq.write_table(LISTS, "lists.parquet")
    pyarrow.csv.write_csv(TRUTH, "truth.csv")
    pyarrow.csv.write_csv(HISTORY, "history.csv")
    Path("predictions.csv").write_text("user,item,prediction,rating\n1,b,4,5\n")


def evaluate(*arguments: str) -> int:
    return main(["evaluate", *arguments])


@pytest.mark.parametrize("ending", ["parquet", "csv"])
@pytest.mark.parametrize("gain", ["binary", "rating"])
def test_figures_are_those_of_another_implementation(
    gain: str, ending: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ranked, relevant = random_lists(users=70, items=40, seed=11, most=15, graded=True)
    listed, truth = tables_of(ranked, relevant)
    # The gains are ratings from 1 to 5 of a scale from 0, which one rating of somebody else shows.
    truth = pa.concat_tables([truth, held_out([("somebody", 0, 0)])])
    write = pq.write_table if ending == "parquet" else pyarrow.csv.write_csv
    write(listed, f"random.{ending}")
    write(truth, f"held_out.{ending}")
    worth = {"rating": relevant, "binary": RelevantItems.binary(relevant.user, relevant.item)}
    files = (f"random.{ending}", "--truth", f"held_out.{ending}")

    assert evaluate(*files, "--at", "1,3,10", "--relevant", "1", "--gain", gain, "--json", "-q") == 0

    told = json.loads(capsys.readouterr().out)["figures"]
    for cutoff in (1, 3, 10):
        by_user = by_another(ranked, worth[gain], cutoff)
        expected = np.mean(list(by_user.values()), axis=0)
        found = [told["predictors"][0]["segments"]["all"][f"{name}@{cutoff}"] for name in RANKING_FIGURES]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)
    assert told["n"] == len(by_user) > 50


def test_the_table_tells_figures_counts_and_candidates(capsys: pytest.CaptureFixture[str]) -> None:
    given = ("lists.parquet", "--truth", "truth.csv", "--history", "history.csv", "--segments", "activity")

    assert evaluate(*given, "--at", "1,3", "--relevant", "2") == 0

    lines = capsys.readouterr().out.splitlines()
    heads = "predictor     at  n  precision  recall    ndcg    from      to     map     mrr  hit rate"
    assert lines[0] == heads
    assert lines[1].split()[:5] == ["model", "1", "3", "0.3333", "0.1667"]
    assert lines[3].split()[:5] == ["most", "popular", "1", "3", "0.0000"]
    assert "predictor     at  catalogue coverage  novelty in bits" in lines
    assert "relevant: held-out items rated 2 or higher (5 of 3 users)" in lines
    assert "model             3                 1             1  not known: the lists do not tell" in lines
    compared = [line.split("  ")[:2] for line in lines if line.startswith("model - ")]
    assert compared == [["model - most popular", f"ndcg@{cutoff}"] for cutoff in (1, 3)]
    assert [line.split("  ")[0] for line in lines[-4:]] == ["0", "0", "1-2", "1-2"]
    assert [line.count("most popular") for line in lines[-4:]] == [0, 1, 0, 1]


def test_several_lists_are_printed_with_their_differences(capsys: pytest.CaptureFixture[str]) -> None:
    pq.write_table(LISTS.slice(0, 5), "other.parquet")

    assert evaluate("lists.parquet", "other.parquet", "--truth", "truth.csv", "-q") == 0

    told = capsys.readouterr().out
    assert "lists - other  ndcg@1" in told
    assert "catalogue" not in told
    assert "popular" not in told


def test_lists_are_printed_with_all_differences_between_them_and_those_of_ndcg_to_the_baseline(
    capsys: pytest.CaptureFixture[str],
) -> None:
    pq.write_table(LISTS.slice(0, 5), "other.parquet")

    assert (
        evaluate("lists.parquet", "other.parquet", "--truth", "truth.csv", "--history", "history.csv", "-q")
        == 0
    )

    names = [line.split("  ")[0] for line in capsys.readouterr().out.splitlines()]
    compared = [name for name in names if " - " in name]
    assert compared == [*["lists - other"] * 6, "lists - most popular", "other - most popular"]


def test_json_tells_what_the_result_depends_on_and_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    given = ("lists.parquet", "--truth", "truth.csv", "--json", "-q")

    assert evaluate(*given, "-o", "m.json", "--relevant", "3", "--seed", "5", "--resamples", "9") == 0

    told = json.loads(capsys.readouterr().out)
    assert (told["seed"], told["settings"]["relevant"], told["settings"]["at"]) == (5, 3.0, [1])
    assert [file["path"] for file in told["files"]] == ["m.json"]
    assert json.loads(Path("m.json").read_text())["figures"] == told["figures"]


def test_lists_come_through_a_pipe(run_command: RunCommand) -> None:
    piped = "user,item,rank\n" + "".join(
        f"{row['user']},{row['item']},{row['rank']}\n" for row in LISTS.to_pylist()
    )

    ended = run_command("evaluate", "-", "--truth", "truth.csv", "-o", "-", "--format", "csv", stdin=piped)

    assert ended.returncode == 0
    assert ended.stdout.splitlines()[1].startswith('"precision@1","model",,"all",0.3333333333')
    assert "without --history there is neither catalogue coverage nor novelty" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("lists.parquet",), 2, "--truth is missing"),
        (("lists.parquet", "--truth", "truth.csv", "--at", "1,9"), 2, "at most 3 items"),
        (("lists.parquet", "--truth", "truth.csv", "--at", "one"), 2, "expected whole numbers"),
        (("lists.parquet", "--truth", "truth.csv", "--at", "0"), 2, "from 1"),
        (("lists.parquet", "--truth", "truth.csv", "--segments", "level"), 2, "activity alone"),
        (("lists.parquet", "--truth", "truth.csv", "--relevant", "9"), 3, "relevant item"),
        (("lists.parquet", "--truth", "truth.csv", "--fail-if", "ndcg@1<0.9"), 6, "ndcg@1 is 0."),
        (("lists.parquet", "--truth", "truth.csv", "--fail-if", "rmse>1"), 2, "no figure 'rmse'"),
        (("lists.parquet", "predictions.csv", "--truth", "truth.csv"), 2, "does not: they have no figures"),
        (
            ("lists.parquet", "--truth", "truth.csv", "--model", "m", "--calibrate", "c"),
            2,
            "are of predictions",
        ),
        (("predictions.csv", "--at", "5"), 2, "--at is of lists of recommendations"),
        (("predictions.csv", "--relevant", "4"), 2, "--relevant is of lists of recommendations"),
        (("predictions.csv", "--fail-if", "ndcg@5<1"), 2, "no figure 'ndcg@5'"),
        (("lists.parquet", "--truth", "truth.csv", "-o", "truth.csv"), 2, "is an input"),
    ],
)
def test_a_mistake_ends_with_its_code_and_writes_nothing(
    arguments: tuple[str, ...], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path.name: path.read_bytes() for path in Path().iterdir()}

    ended_with = evaluate(*arguments)

    told = capsys.readouterr().err
    assert (ended_with, words in told, "Traceback" in told) == (code, True, False)
    assert {path.name: path.read_bytes() for path in Path().iterdir()} == before


def test_what_a_dry_run_of_lists_finds(capsys: pytest.CaptureFixture[str]) -> None:
    given = ("lists.parquet", "--truth", "truth.csv", "--history", "history.csv", "-o", "m.parquet")

    assert evaluate(*given, "--dry-run", "--json", "-q") == 0

    told = json.loads(capsys.readouterr().out)["figures"]
    assert (told["recommendations"], told["truth"], told["history"]) == (6, 5, 7)
    assert not Path("m.parquet").exists()
    assert evaluate("lists.parquet", "--truth", "truth.csv", "--at", "7", "--dry-run") == 2

"""The option `--also-rated` of train, predict and recommend."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet as pq
import pytest

import rbmcli
from rbmcli.cli.main import main
from tests.small_ratings import ratings, rows_of, table_of

BOTH = pytest.mark.parametrize("by", ["user", "item"])
WARNING = "and none are given: predictions are worse than they could be (--also-rated)"


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ratings, and pairs of which half are rated, with an unknown user and an unknown item among them."""
    monkeypatch.chdir(tmp_path)
    pq.write_table(ratings(), "r.parquet")
    pairs = [(user, item) for user in ("u00", "u01", "u02") for item in range(100, 112)]
    pairs += [("nobody", 100), ("u00", 999)]
    table = table_of(*map(list, zip(*pairs, strict=True)), [0] * len(pairs)).select(["user", "item"])
    pyarrow.csv.write_csv(table, "pairs.csv")


def train(by: str, *options: str, output: str = "m.parquet") -> None:
    how = f"--by {by} --hidden 6 --epochs 3 --no-valid"
    assert main(["train", "r.parquet", "-o", output, *how.split(), *options]) == 0


def ask(command: str, *options: str) -> int:
    what = ["--all-items"] if command == "predict" else []
    return main([command, "m.parquet", "--history", "r.parquet", "-o", "out.parquet", *what, *options])


@BOTH
@pytest.mark.parametrize("objective", ["divergence", "discriminative"])
def test_pairs_are_counted_in_the_model_and_told_by_inspect(
    by: str, objective: str, capsys: pytest.CaptureFixture[str]
) -> None:
    train(by, "--objective", objective, "--also-rated", "pairs.csv")
    told = capsys.readouterr().err

    assert main(["inspect", "m.parquet", "--json"]) == 0

    unrated = 3 * 12 - sum(user in {"u00", "u01", "u02"} for user, _, _ in rows_of(ratings()))
    found = json.loads(capsys.readouterr().out)["figures"]["metadata"]
    assert found["n_also_rated"] == unrated > 0
    assert "pairs.csv: 36 of 38 pairs are of users and items that are trained on" in told
    assert main(["inspect", "m.parquet"]) == 0
    assert ["n_also_rated", str(unrated)] in [line.split() for line in capsys.readouterr().out.splitlines()]


@BOTH
def test_a_model_has_the_same_bytes_at_any_number_of_threads(by: str) -> None:
    for threads, output in (("1", "a"), ("2", "b")):
        train(by, "-q", "--also-rated", "pairs.csv", "--threads", threads, output=output)

    assert Path("a").read_bytes() == Path("b").read_bytes()


@BOTH
@pytest.mark.parametrize("command", ["predict", "recommend"])
def test_what_is_asked_without_the_pairs_trained_with_is_warned_of(
    by: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    train(by, "-q", "--also-rated", "pairs.csv")

    assert ask(command) == 0
    without = capsys.readouterr().err
    assert ask(command, "--also-rated", "pairs.csv") == 0
    with_pairs = capsys.readouterr().err

    assert WARNING in without
    assert WARNING not in with_pairs
    assert "pairs count as rated, with a rating that is not known" in with_pairs


@BOTH
def test_a_model_trained_without_pairs_is_asked_without_a_warning(
    by: str, capsys: pytest.CaptureFixture[str]
) -> None:
    train(by, "-q")

    assert ask("predict") == 0

    assert WARNING not in capsys.readouterr().err


@BOTH
@pytest.mark.parametrize("command", ["predict", "recommend"])
def test_the_commands_write_what_the_functions_give(by: str, command: str) -> None:
    train(by, "-q", "--also-rated", "pairs.csv", "--objective", "divergence")

    assert ask(command, "-q", "--also-rated", "pairs.csv") == 0

    model, history = rbmcli.load_model("m.parquet"), ratings()
    function = rbmcli.predict if command == "predict" else rbmcli.recommend
    written = pq.ParquetFile("out.parquet").read().replace_schema_metadata(None)
    assert written.equals(function(model, history, also_rated="pairs.csv").table)
    assert not written.equals(function(model, history).table)


@pytest.mark.parametrize("command", ["predict", "recommend"])
@pytest.mark.parametrize(
    ("file", "code", "words"),
    [
        ("missing.csv", 3, "missing.csv: no such file"),
        ("strange.csv", 3, "strange.csv"),
        ("other.csv", 4, "other.csv"),
    ],
)
def test_pairs_that_cannot_be_used_end_with_their_code(
    command: str, file: str, code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("strange.csv").write_text("colour\nred\n")
    Path("other.csv").write_text("user,item\nu00,table\n")
    train("user", "-q")

    ended_with = ask(command, "--also-rated", file)

    told = capsys.readouterr().err
    assert (ended_with, words in told, "Traceback" in told) == (code, True, False)
    assert not Path("out.parquet").exists()

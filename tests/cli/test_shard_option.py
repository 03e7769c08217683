"""The option --shard of `predict` and `recommend`: what runs of the command tell, and what they leave."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import rbmcli
from rbmcli.cli.main import main
from tests.lock_holder import held_by_another
from tests.small_ratings import ratings, trained

COMMANDS = {
    "predict": ["predict", "user.parquet", "--history", "h.parquet", "--pairs", "h.parquet"],
    "recommend": ["recommend", "user.parquet", "--history", "h.parquet", "--top", "1"],
}
BOTH = pytest.mark.parametrize("command", COMMANDS)


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pq.write_table(ratings(), "h.parquet")
    rbmcli.save_model(trained("user"), "user.parquet")


def run(command: str, *arguments: str, output: str = "made.parquet") -> int:
    return main([*COMMANDS[command], "-o", output, *arguments])


@BOTH
def test_two_runs_write_what_one_does_and_tell_how_far_they_are(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command, output="one.parquet") == 0
    told = []
    for shard in ("2/2", "2/2", "1/2", "1/2"):
        capsys.readouterr()
        assert run(command, "--shard", shard, "--json", "-q") == 0
        told.append(json.loads(capsys.readouterr().out))

    figures = [each["figures"] for each in told]
    assert [each["shard"] for each in figures] == ["2/2", "2/2", "1/2", "1/2"]
    assert [each["complete"] for each in figures] == [[2], [2], [1, 2], [1, 2]]
    assert [each["was_complete"] for each in figures] == [False, True, False, True]
    assert [each["joined"] for each in figures] == [False, False, True, True]
    counted = "predictions" if command == "predict" else "recommendations"
    assert [counted in each for each in figures] == [False, False, True, False]
    assert [len(each["files"]) for each in told] == [0, 0, 1, 1]
    assert Path("made.parquet").read_bytes() == Path("one.parquet").read_bytes()


@BOTH
def test_a_run_of_a_shard_does_not_hold_the_output_but_one_without_does(command: str) -> None:
    with held_by_another(Path("made.parquet")):
        assert run(command, "--shard", "1/2", "-q") == 0
        assert run(command, "-q") == 5


@BOTH
@pytest.mark.parametrize("arguments", [["--shard", "3/2"], ["--shard", "1/1", "--format", "csv"]])
def test_what_is_no_shard_and_what_no_shard_is_kept_beside_is_a_usage_error(
    command: str, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command, *arguments) == 2

    assert "--shard" in capsys.readouterr().err
    assert not Path("made.parquet.shards").exists()

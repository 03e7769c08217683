"""Shards that run at once, one of them killed and started again: together they write what one run does."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tests.faults.commands import put
from tests.faults.conftest import Inputs, Tally
from tests.faults.processes import Ending, KilledAtChange, fresh, kill_after, started, warm

COMMANDS = {
    "predict": "predict in/model.parquet --history in/prepared/train.parquet "
    "--pairs in/prepared/test.parquet -o made.parquet",
    "recommend": "recommend in/model.parquet --history in/prepared/train.parquet --top 3 -o made.parquet",
}
BOTH = pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)


def shard_of(command: str, shard: str) -> list[str]:
    return [*command.split(), "--shard", shard, "--lock-timeout", "60"]


def in_new_folder(tmp_path: Path, inputs: Inputs) -> Path:
    folder = tmp_path / "work"
    put({}, folder, inputs.folder)
    return folder


def is_as_one_run(command: str, folder: Path) -> bool:
    """Return whether shards have made what one run does; all that is left beside it is the manifest."""
    made = (folder / "made.parquet").read_bytes()
    left = sorted(path.name for path in (folder / "made.parquet.shards").iterdir())
    one = warm(command.split(), folder)
    assert one.code == 0, one.err
    return made == (folder / "made.parquet").read_bytes() and left == ["manifest.json"]


@BOTH
def test_two_shards_at_once_of_which_one_is_killed_and_started_again_are_as_one_run(
    command: str, inputs: Inputs, tmp_path: Path, is_full: bool, tally: Tally
) -> None:
    for wait in (0.1 * step for step in range(4, 40 if is_full else 16, 2 if is_full else 6)):
        folder = in_new_folder(tmp_path, inputs)
        with started(shard_of(command, "1/2"), folder) as one:
            with started(shard_of(command, "2/2"), folder) as other:
                killed = kill_after(other, wait)
            again = fresh(shard_of(command, "2/2"), folder)
            one.wait(120)

        assert (one.returncode, again.code) == (0, 0), again.err
        assert is_as_one_run(command, folder)
        tally.add("killed" if killed else "not killed in time")


@BOTH
def test_a_shard_killed_before_any_change_of_a_file_can_be_started_again(
    command: str, inputs: Inputs, tmp_path: Path, is_full: bool, tally: Tally
) -> None:
    for change in itertools.count(1, 1 if is_full else 5):
        folder = in_new_folder(tmp_path, inputs)
        first: Ending = warm(shard_of(command, "1/2"), folder)
        assert first.code == 0, first.err
        killed = warm(shard_of(command, "2/2"), folder, KilledAtChange(change))

        again = warm(shard_of(command, "2/2"), folder)

        assert again.code == 0, again.err
        assert is_as_one_run(command, folder)
        tally.add("killed" if killed.code else "not killed")
        if not killed.code:
            break


def test_shards_of_one_question_run_at_once_and_those_of_another_start_anew(
    inputs: Inputs, tmp_path: Path
) -> None:
    command = COMMANDS["predict"]
    folder = in_new_folder(tmp_path, inputs)
    runs = [started(shard_of(command, f"{number}/5"), folder) for number in range(1, 5)]
    assert [run.wait(120) for run in runs] == [0] * 4
    assert not (folder / "made.parquet").exists()

    runs = [started(shard_of(f"{command} --keep-own", f"{number}/3"), folder) for number in range(1, 4)]

    assert [run.wait(120) for run in runs] == [0] * 3
    assert is_as_one_run(f"{command} --keep-own", folder)

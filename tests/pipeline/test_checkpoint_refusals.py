"""What training does not go on from, or write a checkpoint over, and in which words it says so."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import rbmcli
from rbmcli.config import LevelSettings
from rbmcli.errors import DataError, LockedError, MismatchError, UsageError
from rbmcli.pipeline import same_run
from tests.lock_holder import held_by_another
from tests.pipeline.broken_off import Run
from tests.recorder import Recorder
from tests.small_ratings import dated, pairs_of, quick, rows_of, shuffled, table_of, tastes, with_rating


@pytest.fixture
def stopped(tmp_path: Path) -> Run:
    """A run that was stopped."""
    run = Run(tmp_path)
    run.break_off(4)
    return run


# Other settings.


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hidden": 50}, "--hidden is 50, and was 6 in the checkpoint"),
        ({"by": "item"}, "--by is item, and was user in the checkpoint"),
        ({"conditional": False}, "--conditional is off, and was on in the checkpoint"),
        ({"penalty": None}, "--penalty is not given, and was 1.0 in the checkpoint"),
        ({"seed": 1}, "--seed is 1, and was 0 in the checkpoint"),
        ({"patience": 3, "keep": 0.4}, "--patience is 3, and was 20 in the checkpoint; --keep is 0.4"),
        ({"preset": "accurate"}, "--preset is accurate, and was fast in the checkpoint"),
        ({"refit": True}, "--refit is on, and was not given in the checkpoint"),
        ({"validation": "none"}, "validation is none, and was holdout in the checkpoint"),
        ({"epochs": 2}, "--epochs is 2, and was 3 in the checkpoint"),
    ],
)
def test_other_settings_are_refused_and_named_with_both_values(
    changes: dict, words: str, stopped: Run
) -> None:
    before = stopped.checkpoint.read_bytes()

    with pytest.raises(MismatchError, match=re.escape(words)) as caught:
        stopped.go(resume=True, **changes)

    assert "leave out --resume" in caught.value.hint
    assert stopped.checkpoint.read_bytes() == before
    assert not (stopped.folder / "model.parquet").exists()


def test_epochs_that_follow_from_the_data_may_be_given_as_what_they_are(tmp_path: Path) -> None:
    run = Run(tmp_path, epochs=None, patience=1, learning_rate=3.0)
    run.break_off(4)

    run.go(resume=True, epochs=200)

    assert rbmcli.load_model(tmp_path / "model.parquet").settings.epochs == 200


# Other data.


def _one_more(run: Run) -> None:
    user, item, rating, *_ = rows_of(run.table)[0]
    run.table = dated(with_rating(run.table.select([0, 1, 2]), user, item, 6 - rating))


def _another_order(run: Run) -> None:
    run.table = shuffled(run.table)


def _another_day(run: Run) -> None:
    days = pa.array(
        run.table["timestamp"].to_numpy() + 86_400 * (pa.compute.equal(run.table["user"], "u00").to_numpy())
    )
    run.table = run.table.set_column(3, "timestamp", days)


def _valid(run: Run) -> None:
    run.inputs["valid"] = table_of(["u00"], [777], [2])


def _other_pairs(run: Run) -> None:
    run.inputs["also_rated"] = pairs_of("u00", 102)


def _other_levels(run: Run) -> None:
    run.inputs["level_settings"] = LevelSettings(levels=(1, 2, 3, 4, 5))


@pytest.mark.parametrize(
    ("inputs", "change", "words"),
    [
        ({}, _one_more, "the ratings are not those of the checkpoint"),
        ({"valid": table_of(["u00"], [777], [1])}, _valid, "the validation ratings are not those"),
        ({"also_rated": pairs_of("u00", 101)}, _other_pairs, "the also-rated pairs are not those"),
        ({}, _other_pairs, "the also-rated pairs are not those"),
        ({}, _other_levels, "the levels are not those"),
        ({"day_bias": True}, _another_day, "the days of the ratings are not those"),
    ],
)
def test_other_data_is_refused_and_named(
    inputs: dict, change: Callable[[Run], None], words: str, tmp_path: Path
) -> None:
    run = Run(tmp_path, **inputs)
    run.break_off(2)
    change(run)

    with pytest.raises(MismatchError, match=f"is of another run: {words}") as caught:
        run.go(resume=True)

    assert caught.value.message.count("not those") == 1


@pytest.mark.parametrize("change", [_another_order, _another_day])
def test_what_says_nothing_to_training_may_differ(change: Callable[[Run], None], tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.go()
    unbroken = run.model
    run.checkpoint.unlink()
    run.break_off(4)
    change(run)

    run.go(resume=True)

    assert run.model == unbroken


# Other versions.


def test_another_version_of_a_package_is_warned_of(stopped: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(same_run, "package_version", lambda name: "7.0" if name == "numba" else "1")

    recorder, _ = stopped.go(resume=True)

    (warning,) = recorder.warnings
    assert "now 7.0" in warning
    assert "may not be that of an unbroken run" in warning


# Files that are something else.


@pytest.mark.parametrize(
    "write", [lambda path: path.write_text("notes"), lambda path: pq.write_table(tastes(), path)]
)
def test_a_file_that_is_no_checkpoint_is_left_alone(write: Callable[[Path], None], tmp_path: Path) -> None:
    run = Run(tmp_path)
    write(run.checkpoint)
    before = run.checkpoint.read_bytes()

    with pytest.raises(UsageError, match=r"checkpoint\.parquet: is no checkpoint of rbmcli"):
        run.go()

    assert run.checkpoint.read_bytes() == before


def test_a_model_is_no_checkpoint(tmp_path: Path) -> None:
    run = Run(tmp_path)
    rbmcli.train(run.table, run.checkpoint, settings=quick())

    with pytest.raises(UsageError, match="is no checkpoint of rbmcli"):
        run.go()
    with pytest.raises(MismatchError, match="expected a file of format 'checkpoint', found 'model'"):
        run.go(resume=True)


@pytest.mark.parametrize("name", ["r.parquet", "v.parquet", "m.parquet", "./m.parquet"])
def test_an_input_or_the_output_cannot_be_the_checkpoint(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pq.write_table(tastes(), "r.parquet")
    pq.write_table(tastes(), "v.parquet")
    recorder = Recorder()

    with pytest.raises(UsageError, match="is an input or the output"):
        rbmcli.train("r.parquet", "m.parquet", valid="v.parquet", checkpoint=name, progress=recorder)

    assert recorder.told == []
    assert pq.ParquetFile("r.parquet").read().equals(tastes())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"resume": True}, "--resume goes on from a checkpoint: give --checkpoint FILE too"),
        ({"checkpoint": "-"}, "--checkpoint -: a checkpoint is a file"),
        ({"checkpoint": "none/c.parquet"}, "the folder none does not exist"),
        ({"checkpoint": "."}, "is a folder"),
        ({"checkpoint": "c", "checkpoint_interval": -1}, "--checkpoint-interval -1: expected seconds"),
    ],
)
def test_a_checkpoint_that_cannot_be_is_told_before_any_work(
    arguments: dict, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recorder = Recorder()

    with pytest.raises(UsageError, match=re.escape(words)):
        rbmcli.train(tastes(), settings=quick(), progress=recorder, **arguments)

    assert recorder.told == []


def test_a_checkpoint_that_another_run_has_is_left_to_it(stopped: Run) -> None:
    before = stopped.checkpoint.read_bytes()

    with (
        held_by_another(stopped.checkpoint),
        pytest.raises(LockedError, match=r"checkpoint\.parquet: another run .* as its checkpoint"),
    ):
        stopped.go(resume=True)

    assert stopped.checkpoint.read_bytes() == before


# Damage.


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_truncated_checkpoint_is_bad_data_and_is_not_replaced_without_a_word(
    share: float, stopped: Run
) -> None:
    whole = stopped.checkpoint.read_bytes()
    stopped.checkpoint.write_bytes(whole[: int(share * len(whole))])

    with pytest.raises(DataError, match=r"checkpoint\.parquet: not a readable Parquet file") as caught:
        stopped.go(resume=True)
    with pytest.raises(UsageError, match="or a damaged one"):
        stopped.go()

    assert "delete it" in caught.value.hint


def test_a_changed_byte_is_bad_data_or_changes_nothing(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.go()
    unbroken = run.model
    run.checkpoint.unlink()
    run.break_off(4)
    whole = run.checkpoint.read_bytes()

    refused = 0
    for place in range(5, len(whole), len(whole) // 60):
        changed = bytearray(whole)
        changed[place] ^= 0x20
        run.checkpoint.write_bytes(changed)
        try:
            run.go(resume=True)
        except (DataError, MismatchError):
            refused += 1
        else:
            assert run.model == unbroken, f"byte {place}"

    assert refused > 30

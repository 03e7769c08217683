"""The folder of a cross-validation: what stands in it, how a run goes on from it, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import rbmcli
from rbmcli.errors import (
    DataError,
    DivergenceError,
    GateError,
    LockedError,
    MismatchError,
    RbmcliError,
    UsageError,
)
from rbmcli.pipeline import crossval_fold, same_run
from tests.lock_holder import held_by_another
from tests.pipeline.crossvals import FOLDS, crossed, files_of, metadata_of, small
from tests.recorder import Recorder
from tests.small_ratings import dated, pairs_of, rows_of, shuffled, with_rating

CV = Path("cv")
NAMES = {"fold-1.parquet", "fold-2.parquet", "fold-3.parquet", "predictions.parquet", "metrics.parquet"}


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a run writes that nothing ends."""
    folder = tmp_path_factory.mktemp("unbroken")
    crossed(output=folder)
    return files_of(folder)


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by the number of ratings of each training."""
    train, count = crossval_fold.train, []

    def counted(table: pa.Table, **options: Any) -> object:
        count.append(table.num_rows)
        return train(table, **options)

    monkeypatch.setattr(crossval_fold, "train", counted)
    return count


def end_in(monkeypatch: pytest.MonkeyPatch, fold: int, error: BaseException) -> None:
    """Let the training of a fold end in an error."""
    train, count = crossval_fold.train, [0]

    def ending(*arguments: Any, **options: Any) -> object:
        count[0] += 1
        if count[0] == fold:
            raise error
        return train(*arguments, **options)

    monkeypatch.setattr(crossval_fold, "train", ending)


# What stands there.


def test_the_folder_holds_each_fold_all_predictions_and_the_figures() -> None:
    result = crossed(output=CV)

    assert set(files_of(CV)) == {*NAMES, "_SUCCESS"}
    assert result.paths == {name.removesuffix(".parquet"): str(CV / name) for name in NAMES}
    whole = pq.read_table(CV / "predictions.parquet")
    assert whole.equals(result.predictions)
    parts = [pq.read_table(CV / f"fold-{number}.parquet") for number in range(1, FOLDS + 1)]
    assert sorted(row for part in parts for row in rows_of(part)) == rows_of(whole)
    for number, part in enumerate(parts, 1):
        assert set(part["fold"].to_pylist()) == {number}
        assert part.schema.names == ["user", "item", "rating", "fold", *whole.schema.names[4:]]


def test_timestamps_are_kept() -> None:
    crossed(dated(small()), CV)

    assert "timestamp" in pq.read_schema(CV / "predictions.parquet").names


def test_the_files_tell_settings_seed_and_fingerprint_and_how_each_model_was_trained() -> None:
    result = crossed(output=CV, training={"seed": 4, "by": "item"})

    for name in NAMES:
        told = metadata_of(CV / name)
        assert (told["command"], told["seed"], told["settings"]["by"]) == ("crossval", 4, "item")
        assert told["settings"]["folds"] == FOLDS
        assert set(told["data"]) == {"ratings", "timestamps", "also-rated pairs"}
    first = metadata_of(CV / "fold-1.parquet")
    assert first["training"] == result.folds[0].training
    assert first["training"]["settings"]["hidden"] > 0
    assert {"model_fingerprint", "history_fingerprint", "levels", "versions"} <= set(first)
    assert metadata_of(CV / "metrics.parquet")["settings"]["resamples"] == 1000


def test_nothing_is_written_without_an_output() -> None:
    assert crossed().paths == {}
    assert list(Path().iterdir()) == []


def test_a_gate_leaves_the_folds_and_what_was_there_before() -> None:
    with pytest.raises(GateError) as caught:
        crossed(output=CV, fail_if=["rmse>0"])
    first = set(files_of(CV))
    crossed(output=CV)
    before = files_of(CV)
    with pytest.raises(GateError):
        crossed(output=CV, fail_if=["rmse>0"], settings={"resamples": 10})

    assert first == {"fold-1.parquet", "fold-2.parquet", "fold-3.parquet"}
    assert caught.value.hint == "the folds are kept, no other file was written"
    assert files_of(CV) == before


# Going on.


@pytest.mark.parametrize("fold", [1, 2, 3])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), DivergenceError("too far")])
def test_a_run_that_was_ended_goes_on_to_the_bytes_of_an_unbroken_one(
    fold: int,
    error: BaseException,
    unbroken: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    trainings: list[int],
) -> None:
    recorder = Recorder()
    with monkeypatch.context() as patch:
        end_in(patch, fold, error)
        with pytest.raises(type(error)):
            crossed(output=CV)
    left = set(files_of(CV))
    trainings.clear()

    crossed(shuffled(small()), CV, progress=recorder)

    assert left == {f"fold-{number}.parquet" for number in range(1, fold)}
    assert len(trainings) == FOLDS - fold + 1
    skipped = [line for line in recorder.told if "done before, in cv" in line]
    assert [line.split()[1] for line in skipped] == [str(number) for number in range(1, fold)]
    assert files_of(CV) == unbroken


def test_an_interrupt_tells_what_is_done_and_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder()
    end_in(monkeypatch, 3, KeyboardInterrupt())

    with pytest.raises(KeyboardInterrupt):
        crossed(output=CV, progress=recorder)

    assert recorder.warnings == [
        "stopped: 2 of 3 folds are done, and the same command goes on with the others"
    ]


@pytest.mark.parametrize("output", [None, CV])
def test_an_interrupt_before_anything_is_kept_has_nothing_to_tell(
    output: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder()
    end_in(monkeypatch, 2 if output is None else 1, KeyboardInterrupt())

    with pytest.raises(KeyboardInterrupt):
        crossed(output=output, progress=recorder)

    assert recorder.warnings == []


def test_a_run_that_is_over_is_repeated_without_training(
    unbroken: dict[str, bytes], trainings: list[int]
) -> None:
    first = crossed(output=CV)
    trainings.clear()

    again = crossed(output=CV)

    assert trainings == []
    assert files_of(CV) == unbroken
    assert again.as_dict() == first.as_dict()


@pytest.mark.parametrize("name", sorted(NAMES))
def test_what_was_removed_is_made_again(name: str, unbroken: dict[str, bytes]) -> None:
    crossed(output=CV)
    (CV / name).unlink()

    crossed(output=CV)

    assert files_of(CV) == unbroken


def test_more_resamples_need_no_training(trainings: list[int]) -> None:
    crossed(output=CV, settings={"resamples": 0})
    trainings.clear()

    crossed(output=CV, settings={"resamples": 100})

    assert trainings == []
    assert metadata_of(CV / "metrics.parquet")["settings"]["resamples"] == 100


def test_folds_of_other_versions_are_done_again_and_the_folder_is_not_whole_until_then(
    unbroken: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, trainings: list[int]
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(same_run, "package_version", lambda name: "0.0.1")
        crossed(output=CV)
    old = files_of(CV)
    recorder = Recorder()
    with monkeypatch.context() as patch:
        end_in(patch, 2, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            crossed(output=CV, progress=recorder)
    between = files_of(CV)
    trainings.clear()

    crossed(output=CV)

    assert "cv/fold-1.parquet: was made with rbmcli 0.0.1, now " in recorder.warnings[0]
    assert recorder.warnings[0].endswith(": the fold is done again")
    assert "_SUCCESS" in old
    assert "_SUCCESS" not in between
    assert between["fold-2.parquet"] == old["fold-2.parquet"]
    assert len(trainings) == FOLDS - 1
    assert files_of(CV) == unbroken


def test_remains_of_a_killed_run_are_removed(unbroken: dict[str, bytes]) -> None:
    CV.mkdir()
    for name in (".fold-1.parquet.tmp", ".fold-1.parquet.lock", ".predictions.parquet.tmp"):
        (CV / name).write_bytes(b"half")

    crossed(output=CV)

    assert files_of(CV) == unbroken


# What is refused.


def changed_ratings() -> pa.Table:
    """Return the ratings, one of them another."""
    user, item, rating = rows_of(small())[0]
    return with_rating(small(), user, item, 6 - rating)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"folds": 4}, "--folds is 4, and was 3 in that run"),
        ({"training": {"by": "item"}}, "--by is item, and was user in that run"),
        ({"training": {"seed": 1}}, "--seed is 1, and was 0 in that run"),
        ({"training": {"epochs": 4}}, "--epochs is 4, and was 3 in that run"),
        ({"source": changed_ratings()}, "the ratings are not those of that run"),
        ({"source": dated(small())}, "the timestamps are not those of that run"),
        ({"also_rated": pairs_of("u00", 101)}, "the also-rated pairs are not those of that run"),
        (
            {"level_settings": rbmcli.LevelSettings(levels=(1, 2, 3, 4, 5))},
            "--levels is 1,2,3,4,5, and was 1,2,4,5 in that run",
        ),
    ],
)
def test_a_folder_of_another_run_is_refused_and_left_alone(change: dict, words: str) -> None:
    crossed(output=CV)
    (CV / "_SUCCESS").unlink()
    before = files_of(CV)

    with pytest.raises(MismatchError, match=f"is of another cross-validation: .*{words}") as caught:
        crossed(change.pop("source", None), CV, **change)

    assert "-o another name, or remove the folder" in caught.value.hint
    assert files_of(CV) == before


@pytest.mark.parametrize("left", sorted(NAMES))
def test_any_file_tells_that_the_folder_is_of_another_run(left: str) -> None:
    crossed(output=CV)
    for name in NAMES - {left}:
        (CV / name).unlink()

    with pytest.raises(MismatchError, match=f"cv/{left}: is of another cross-validation: --hidden is 3"):
        crossed(output=CV, training={"hidden": 3})


def test_a_fold_under_the_name_of_another_is_refused() -> None:
    crossed(output=CV)
    (CV / "fold-1.parquet").rename(CV / "fold-2.parquet")

    with pytest.raises(MismatchError, match=r"cv/fold-2.parquet: .*: it is fold 1"):
        crossed(output=CV)


def write_predictions(path: Path) -> None:
    """Write predictions that are of no cross-validation."""
    model = rbmcli.train(small(), settings=rbmcli.TrainSettings(epochs=1, hidden=2)).model
    rbmcli.predict(model, small(), small(), path)


def write_text(path: Path) -> None:
    """Write no Parquet file."""
    path.write_text("user,item,rating\n1,2,3\n")


def damage(path: Path) -> None:
    """Change a byte in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "write", "error", "words"),
    [
        ("notes.txt", write_text, UsageError, "cv: holds notes.txt, which no run of crossval wrote"),
        ("fold-0.parquet", write_text, UsageError, "cv: holds fold-0.parquet, which no run of crossval"),
        ("predictions.parquet", write_predictions, UsageError, "cv: holds predictions.parquet, which no run"),
        ("fold-1.parquet", write_predictions, UsageError, "cv: holds fold-1.parquet, which no run"),
        ("fold-1.parquet", write_text, DataError, "cv/fold-1.parquet: not a readable Parquet file"),
        ("fold-1.parquet", damage, DataError, "cv/fold-1.parquet: "),
        ("fold-4.parquet", write_predictions, UsageError, "cv: holds fold-4.parquet"),
    ],
)
def test_what_no_run_has_written_or_is_damaged_is_never_replaced(
    name: str, write: Callable[[Path], None], error: type[RbmcliError], words: str
) -> None:
    crossed(output=CV)
    write(CV / name)
    before = files_of(CV)

    with pytest.raises(error, match=words) as caught:
        crossed(output=CV)

    assert files_of(CV) == before
    told = "remove cv/fold-1.parquet, and run" if error is DataError else "give -o another name"
    assert told in caught.value.hint


@pytest.mark.parametrize(
    ("source", "output", "words"),
    [
        (None, "-", "-o -: a cross-validation is several files"),
        ("r.parquet", "r.parquet", "r.parquet: is a file, expected a folder"),
        ("cv/predictions.parquet", "cv", "cv/predictions.parquet: is an input"),
        (".", "cv", "is an input, and cv would be written over or into it"),
    ],
)
def test_an_output_that_cannot_be_is_told_before_anything_is_done(
    source: str | None, output: str, words: str
) -> None:
    pq.write_table(small(), "r.parquet")
    CV.mkdir()
    pq.write_table(small(), CV / "predictions.parquet")

    with pytest.raises(UsageError, match=words):
        crossed(source, output)


def test_two_runs_do_not_write_one_folder() -> None:
    with held_by_another(CV), pytest.raises(LockedError, match=r"cv: another run is writing it"):
        crossed(output=CV)


def test_the_folder_may_stand_in_one_that_is_not_there_yet(unbroken: dict[str, bytes]) -> None:
    crossed(output=CV / "deep" / "er")

    assert files_of(CV / "deep" / "er") == unbroken

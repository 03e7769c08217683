"""What training refuses, in words that help, and before any work is done where it can."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import rbmcli
from rbmcli.errors import DataError, DivergenceError, MismatchError, RbmcliError, UsageError
from tests.recorder import Recorder
from tests.small_ratings import quick, ratings, rows_of, table_of


@pytest.mark.parametrize(
    ("table", "error", "words"),
    [
        (table_of([1, 2, 3], [1, 1, 2], [4, 4, 4]), DataError, "all ratings are 4"),
        (table_of([1, 2], [1, 1], [1, 2]), DataError, "2 ratings are too few to hold some out"),
        (ratings().slice(0, 0), DataError, "there are no ratings"),
        (table_of([1, 1], [1, 1], [1, 2]), DataError, "more than once"),
        (table_of([1, 2], [1, 1], [1, float("nan")]), DataError, "rating"),
    ],
)
def test_ratings_that_cannot_be_learned_from_are_told(
    table: pa.Table, error: type[RbmcliError], words: str
) -> None:
    with pytest.raises(error, match=words):
        rbmcli.train(table)


def test_validation_ratings_that_are_trained_on_too_are_refused() -> None:
    with pytest.raises(MismatchError, match="5 of its pairs stand in"):
        rbmcli.train(ratings(), valid=ratings().slice(0, 5))


def test_validation_pairs_are_found_among_those_trained_on_whatever_their_rating_is() -> None:
    user, item, rating = rows_of(ratings())[0]
    with pytest.raises(MismatchError, match="1 of its pairs stand in"):
        rbmcli.train(ratings(), valid=table_of([user], [item], [rating % 5 + 1]))


def test_files_of_two_runs_of_prepare_are_not_mixed() -> None:
    one, other = (rbmcli.prepare(ratings(), settings=rbmcli.PrepareSettings(seed=seed)) for seed in (1, 2))
    with pytest.raises(MismatchError, match="different runs of prepare"):
        rbmcli.train(one.train, valid=other.valid)


def test_validation_ids_of_another_type_are_a_mismatch() -> None:
    with pytest.raises(MismatchError, match="column 'item' is string"):
        rbmcli.train(ratings(), valid=table_of(["u00"], ["none"], [1]))


@pytest.mark.parametrize("validation", ["none", "holdout"])
def test_a_validation_file_and_the_settings_have_to_agree(validation: str) -> None:
    valid = table_of(["u00"], [777], [1])
    if validation == "none":
        with pytest.raises(UsageError, match="--no-valid"):
            rbmcli.train(ratings(), valid=valid, settings=quick(validation="none"))
    else:
        assert rbmcli.train(ratings(), valid=valid, settings=quick(validation="holdout", epochs=1)).valid_rmse
    with pytest.raises(UsageError, match="no file of validation ratings"):
        rbmcli.train(ratings(), settings=quick(validation="file"))


def test_training_that_diverges_writes_no_model_and_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "model.parquet"
    path.write_bytes(b"the old one")
    settings = quick(epochs=30, learning_rate=1000, momentum="0.99", weight_decay=10)

    with pytest.raises(DivergenceError, match="left the finite numbers"):
        rbmcli.train(ratings(), path, settings=settings)

    assert path.read_bytes() == b"the old one"
    assert [file.name for file in tmp_path.iterdir() if not file.name.endswith(".lock")] == ["model.parquet"]


@pytest.mark.parametrize("by", ["user", "item"])
def test_more_functions_of_the_level_than_levels_differ_by_are_refused(by: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--level-functions 5: expected at most 4"):
        rbmcli.train(ratings(), tmp_path / "m.parquet", settings=quick(by, level_functions=5))

    assert not (tmp_path / "m.parquet").exists()


@pytest.mark.parametrize(
    ("name", "words"),
    [("none/m.parquet", "does not exist"), (".", "is a folder"), ("r.parquet", "is an input")],
)
def test_an_output_that_cannot_be_is_told_before_any_work(
    name: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pq.write_table(ratings(), "r.parquet")
    recorder = Recorder()

    with pytest.raises(UsageError, match=words):
        rbmcli.train("r.parquet", name, settings=quick(), progress=recorder)

    assert recorder.told == []
    assert pq.ParquetFile("r.parquet").read().equals(ratings())

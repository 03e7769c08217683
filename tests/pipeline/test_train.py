"""Ratings to a model: what is held out, what is refused, and that equal runs give equal bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

import rbmcli
from rbmcli.config import InputSettings, LevelSettings
from rbmcli.errors import DataError
from rbmcli.models.store import fingerprint
from rbmcli.pipeline.train import TrainResult
from tests.recorder import Recorder
from tests.small_ratings import predicted, quick, ratings, rows_of, shuffled, table_of, trained

BOTH = pytest.mark.parametrize("by", ["user", "item"])


def held_out_of(by: str, table: pa.Table, **changes: object) -> TrainResult:
    """Train with a part held out."""
    return rbmcli.train(table, settings=quick(by, validation="holdout", **changes))


# What is held out.


@BOTH
def test_without_a_validation_file_a_part_is_held_out_and_that_is_said(by: str) -> None:
    recorder = Recorder()

    result = rbmcli.train(ratings(), settings=quick(by, validation="holdout"), progress=recorder)

    assert any("are held out" in message for message in recorder.told)
    assert result.valid_rmse == min(report["valid_rmse"] for report in result.model.record["epochs"])
    assert result.best_epoch == result.model.record["best_epoch"]


@pytest.mark.parametrize("seed", [0, 7])
@pytest.mark.parametrize("split", ["train", "all"])
def test_what_prepare_left_to_train_on_can_be_held_out_from_again(seed: int, split: str) -> None:
    parts = rbmcli.prepare(ratings(60, 30), settings=rbmcli.PrepareSettings(seed=seed))
    table = parts.train if split == "train" else ratings(60, 30)
    recorder = Recorder()

    rbmcli.train(table, settings=quick(validation="holdout", epochs=1, seed=seed), progress=recorder)

    (message,) = [message for message in recorder.told if "held out" in message]
    count = int(message.split(":")[1].split(" of ")[0])
    assert 0.05 < count / table.num_rows < 0.16


@BOTH
def test_what_is_held_out_depends_on_the_ratings_and_the_seed_alone(by: str) -> None:
    one, again = (held_out_of(by, table) for table in (ratings(), shuffled(ratings())))
    other = held_out_of(by, ratings(), seed=1)

    assert one.model.record == again.model.record
    assert fingerprint(one.model) == fingerprint(again.model)
    assert one.model.record["epochs"] != other.model.record["epochs"]


@BOTH
def test_a_validation_file_measures_predictions_from_the_training_ratings(by: str) -> None:
    parts = rbmcli.prepare(ratings(60, 30))

    result = rbmcli.train(parts.train, valid=parts.valid, settings=quick(by, validation="holdout"))

    found = predicted(result.model, parts.train, parts.valid)
    known = [row for row in found if row["source"] == "model"]
    error = np.array([row["prediction"] - row["rating"] for row in known])
    assert len(known) == len(found)
    assert result.valid_rmse == pytest.approx(np.sqrt(np.mean(error**2)), abs=1e-5)


def test_a_model_knows_only_what_it_was_trained_on() -> None:
    train = ratings()
    valid = table_of(["late", "u00", "u01"], [100, 777, 778], [1, 2, 3])

    model = rbmcli.train(train, valid=valid, settings=quick(validation="holdout")).model

    assert "late" not in model.user_ids.values.to_pylist()
    assert not {777, 778} & set(model.item_ids.values.to_pylist())
    assert model.row_ratings.sum() == train.num_rows


@BOTH
def test_a_refit_trains_on_the_validation_ratings_too(by: str) -> None:
    table = ratings()
    settings = quick(by, validation="holdout", refit=True)

    result = rbmcli.train(table.slice(20), valid=table.slice(0, 20), settings=settings)

    assert result.model.row_ratings.sum() == result.model.column_ratings.sum() == table.num_rows
    everything = trained(by, epochs=result.best_epoch).parameters
    np.testing.assert_array_equal(result.model.parameters.weights, everything.weights)
    assert predicted(result.model, table, table.slice(0, 1))[0]["source"] == "model"


# Scales.


def test_half_stars_are_ten_levels() -> None:
    table = ratings(levels=10)
    table = table.set_column(2, "rating", pa.array(table["rating"].to_numpy() / 2))

    model = trained("user", table)

    assert model.levels.values.tolist() == [0.5 * step for step in range(1, 11)]
    assert all(0.5 <= row["prediction"] <= 5 for row in predicted(model, table, table))


@BOTH
def test_a_continuous_scale_is_binned_by_the_ratings_trained_on(by: str) -> None:
    table = ratings()
    noise = np.random.default_rng(0).normal(0, 1, table.num_rows).astype(np.float32)
    table = table.set_column(2, "rating", pa.array(noise))
    huge = table_of(["u00"], [777], [1e6])

    model = rbmcli.train(table, valid=huge, settings=quick(by, validation="holdout")).model

    assert len(model.levels) == 10
    assert model.levels.edges is not None
    # The validation rating would have pulled the highest level up.
    assert model.levels.values[-1] < 10
    assert all(noise.min() <= row["prediction"] <= noise.max() for row in predicted(model, table, table))


def test_a_number_of_bins_is_obeyed() -> None:
    model = rbmcli.train(ratings(), settings=quick(), level_settings=LevelSettings(bins=2)).model

    assert len(model.levels) == 2


def test_the_levels_that_prepare_found_are_those_of_the_model() -> None:
    table = pa.concat_tables([ratings(), table_of(["u00"], [777], [9])])
    parts = rbmcli.prepare(table)

    model = rbmcli.train(parts.train, settings=quick()).model

    # Whichever part the only 9 went to.
    assert model.levels.values.tolist() == [1, 2, 3, 4, 5, 9]


@pytest.mark.parametrize(("policy", "left"), [("drop", 0), ("nearest", 1)])
def test_a_rating_on_no_level_is_dropped_or_moved_and_that_is_said(policy: str, left: int) -> None:
    odd = pa.concat_tables([ratings(), table_of(["u00"], [777], [5.2])])
    levels = LevelSettings(levels=(1, 2, 3, 4, 5))
    recorder = Recorder()

    model = rbmcli.train(
        odd,
        settings=quick(),
        input_settings=InputSettings(unknown_level=policy),
        level_settings=levels,
        progress=recorder,
    ).model

    assert model.row_ratings.sum() == ratings().num_rows + left
    assert any("1 ratings are on no level" in message for message in recorder.warnings)


def test_a_validation_rating_on_no_level_is_told_with_the_name_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "valid.csv").write_text("user,item,rating\nu00,777,4.4\n")
    parts = rbmcli.prepare(ratings())

    with pytest.raises(DataError, match=r"valid\.csv: rating 4\.4"):
        rbmcli.train(parts.train, valid=tmp_path / "valid.csv")


# Ids, sizes, and equal bytes.


@BOTH
@pytest.mark.parametrize(
    "table",
    [
        table_of(["solo"] * 4, [1, 2, 3, 4], [1, 2, 1, 5]),
        table_of(["a", "b", "c", "d"], [7, 7, 7, 7], [1, 2, 1, 5]),
        table_of(["a", "b", "c"], ["x", "y", "z"], [1, 2, 3]),
        table_of([1, 2], [1, 1], [1, 2]),
    ],
    ids=["one user", "one item", "all rated once", "two ratings"],
)
def test_the_smallest_sets_of_ratings_can_be_trained_on(by: str, table: pa.Table) -> None:
    model = trained(by, table)

    found = predicted(model, table, table)
    assert all(np.isfinite(row["prediction"]) for row in found)


def _as_csv(table: pa.Table, path: Path) -> None:
    pyarrow.csv.write_csv(table, path)


def _as_parquet(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path)


@BOTH
@pytest.mark.parametrize("write", [_as_csv, _as_parquet])
def test_neither_format_nor_order_of_the_input_shows_in_a_model(
    by: str, write: Callable[[pa.Table, Path], None], tmp_path: Path
) -> None:
    table = shuffled(ratings())
    write(table, tmp_path / "ratings")
    settings = quick(by, validation="holdout")

    rbmcli.train(ratings(), tmp_path / "a.parquet", settings=settings)
    rbmcli.train(tmp_path / "ratings", tmp_path / "b.parquet", settings=settings)

    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


@BOTH
def test_a_model_differs_with_the_seed_and_with_the_ratings(by: str) -> None:
    user, item, rating = rows_of(ratings())[0]
    changed = pa.concat_tables([ratings().slice(1), table_of([user], [item], [rating % 5 + 1])])

    prints = {fingerprint(trained(by)), fingerprint(trained(by, seed=1)), fingerprint(trained(by, changed))}

    assert len(prints) == 3

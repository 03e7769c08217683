"""Ratings of Parquet files, which training reads piece by piece: the same model as of a table in memory."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import rbmcli
from rbmcli.config import InputSettings, LevelSettings
from rbmcli.errors import DataError, MismatchError
from rbmcli.pipeline.training_input import TrainingInput, read_training
from rbmcli.progress import SILENT
from tests.recorder import Recorder
from tests.small_ratings import quick, ratings, shuffled

PLAIN = InputSettings()


def stored(table: pa.Table, folder: Path, parts: int = 3) -> Path:
    """Write ratings in several files, of several row groups each."""
    folder.mkdir()
    rows = -(-table.num_rows // parts)
    for part in range(parts):
        pq.write_table(table.slice(part * rows, rows), folder / f"{part}.parquet", row_group_size=17)
    return folder


def read(source: Path | pa.Table, valid: Path | pa.Table | None = None, **changes: object) -> TrainingInput:
    """Return what training starts from."""
    settings = quick(**({"validation": "holdout"} | changes if valid is None else {}))
    if valid is not None:
        settings = dataclasses.replace(settings, validation="file")
    return read_training(source, valid, None, settings, PLAIN, LevelSettings(), SILENT)


def texts(table: pa.Table) -> pa.Table:
    """Return ratings whose ids are texts, of users that are no numbers."""
    user = pa.array([f"u{value}" for value in table["user"].to_pylist()])
    item = table["item"].cast(pa.string())
    return table.set_column(0, "user", user).set_column(1, "item", item)


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize("order", ["sorted", "shuffled"])
@pytest.mark.parametrize("by", ["user", "item"])
def test_a_model_of_files_has_the_bytes_of_one_of_a_table(
    as_text: bool, order: str, by: str, tmp_path: Path
) -> None:
    table = ratings(40, 20)
    table = texts(table) if as_text else table
    table = (
        shuffled(table)
        if order == "shuffled"
        else table.sort_by([("user", "ascending"), ("item", "ascending")])
    )
    settings = quick(by, validation="holdout")
    rbmcli.train(table, tmp_path / "of-table", settings=settings)

    rbmcli.train(stored(table, tmp_path / "r"), tmp_path / "of-files", settings=settings)

    assert read(tmp_path / "r").table is None
    assert (tmp_path / "of-files").read_bytes() == (tmp_path / "of-table").read_bytes()


@pytest.mark.parametrize("with_valid", [False, True])
def test_what_is_known_of_the_data_is_the_same(with_valid: bool, tmp_path: Path) -> None:
    table = shuffled(ratings(40, 20))
    tables = [table.slice(100), table.slice(0, 100)] if with_valid else [table, None]
    files = [
        None if part is None else stored(part, tmp_path / f"{place}") for place, part in enumerate(tables)
    ]

    whole, pieces = read(*tables), read(*files)

    assert pieces.fingerprint == whole.fingerprint
    assert pieces.fingerprints() == whole.fingerprints()
    assert pieces.held_out.sum() == whole.held_out.sum() > 0
    assert np.sort(pieces.ratings.rating).tolist() == np.sort(whole.ratings.rating).tolist()


def test_a_model_measured_on_a_file_has_the_bytes_of_one_measured_on_a_table(tmp_path: Path) -> None:
    table = shuffled(ratings(40, 20))
    train, valid = table.slice(100), table.slice(0, 100)
    rbmcli.train(train, tmp_path / "of-table", valid=valid, settings=quick(validation="holdout"))

    files = stored(train, tmp_path / "t"), stored(valid, tmp_path / "v")
    rbmcli.train(files[0], tmp_path / "of-files", valid=files[1], settings=quick(validation="holdout"))

    assert (tmp_path / "of-files").read_bytes() == (tmp_path / "of-table").read_bytes()


def with_rating(table: pa.Table, row: int, value: float) -> pa.Table:
    """Return ratings of which one is another."""
    rating = table["rating"].to_pylist()
    rating[row] = value
    return table.set_column(table.column_names.index("rating"), "rating", pa.array(rating, pa.float32()))


def test_a_pair_that_stands_twice_is_refused_with_its_rows(tmp_path: Path) -> None:
    table = ratings(40, 20)
    twice = stored(pa.concat_tables([table, table.slice(4, 1)]), tmp_path / "r")

    with pytest.raises(DataError, match=f"in the ratings 5 and {table.num_rows + 1}"):
        read(twice)


def test_pairs_that_stand_in_both_files_are_refused(tmp_path: Path) -> None:
    table = ratings(40, 20)

    with pytest.raises(MismatchError, match="1 of its pairs stand"):
        read(stored(table, tmp_path / "t"), stored(table.slice(7, 1), tmp_path / "v", parts=1))


def test_a_bad_row_is_refused_with_its_number(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="row 34"):
        read(stored(with_rating(ratings(40, 20), 33, float("nan")), tmp_path / "r"))


def test_bad_rows_are_told_once_where_they_are_left_out(tmp_path: Path) -> None:
    source, heard = stored(with_rating(ratings(40, 20), 33, float("nan")), tmp_path / "r"), Recorder()
    skipping = InputSettings(on_error="skip")

    found = read_training(source, None, None, quick(), skipping, LevelSettings(), heard)

    assert len(found.held_out) == ratings(40, 20).num_rows - 1
    assert sum("row 34" in warning for warning in heard.warnings) == 1


def test_a_rating_on_no_level_is_refused_with_its_row(tmp_path: Path) -> None:
    source = stored(with_rating(ratings(40, 20), 33, 2.5), tmp_path / "r")
    levels = LevelSettings(levels=(1.0, 2.0, 3.0, 4.0, 5.0))

    with pytest.raises(DataError, match=r"rating 2\.5 \(row 34\) is on no level"):
        read_training(source, None, None, quick(), PLAIN, levels, SILENT)


def test_a_scale_of_many_values_is_cut_into_bins_as_of_a_table(tmp_path: Path) -> None:
    table = ratings(40, 20)
    rating = np.random.default_rng(1).normal(size=table.num_rows).astype(np.float32)
    table = table.set_column(table.column_names.index("rating"), "rating", pa.array(rating))

    whole, pieces = read(table), read(stored(table, tmp_path / "r"))

    assert pieces.levels.as_metadata() == whole.levels.as_metadata()
    assert pieces.fingerprints() == whole.fingerprints()

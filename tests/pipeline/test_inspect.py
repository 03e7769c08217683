"""A file is described from its footer alone, whoever wrote it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rbmcli.data.metadata import encode_metadata
from rbmcli.data.schemas import METADATA_KEY, METRICS, RATINGS
from rbmcli.data.writing import write_table
from rbmcli.errors import DataError
from rbmcli.pipeline.inspect import inspect
from tests.pipeline.broken_off import Run


def ratings() -> pa.Table:
    return pa.table(
        {
            "user": pa.array([1, 1, 2], pa.int64()),
            "item": pa.array(["a", "b", "a"]),
            "rating": pa.array([1, 2, 5], pa.float32()),
        }
    )


def write_foreign(path: Path, columns: dict[str, list[object]]) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def test_a_file_of_ours_is_named_with_its_metadata(tmp_path: Path) -> None:
    path = tmp_path / "ratings.parquet"
    metadata = {"levels": [1.0, 2.0, 5.0], "edges": None, "seed": 7, "settings": {"split": "none"}}
    write_table(ratings(), path, RATINGS, metadata)

    found = inspect(path)

    assert (found.format, found.format_version, found.rows, found.problem) == ("ratings", 1, 3, "")
    assert found.columns == {"user": "int64", "item": "string", "rating": "float"}
    assert found.size == path.stat().st_size
    assert found.metadata == metadata
    facts = dict(found.facts())
    assert facts["what it is"] == "rbmcli ratings, format version 1"
    assert facts["scale"] == "3 levels: 1, 2, 5"
    assert facts["settings.split"] == "none"
    assert facts["seed"] == "7"


def test_figures_of_epochs_are_told_as_the_best_and_the_last(tmp_path: Path) -> None:
    path = tmp_path / "ratings.parquet"
    epochs = [{"epoch": 1, "loss": 1.5}, {"epoch": 2, "loss": 1.25}]
    write_table(ratings(), path, RATINGS, {"epochs": epochs, "best_epoch": 1})

    facts = dict(inspect(path).facts())

    assert facts["best epoch"] == "epoch 1, loss 1.5"
    assert facts["epochs"] == "2 entries, the last: epoch 2, loss 1.25"


def test_damaged_pages_make_no_difference_because_they_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "ratings.parquet"
    write_table(ratings(), path, RATINGS, {})
    content = bytearray(path.read_bytes())
    content[4:40] = bytes(36)
    path.write_bytes(content)

    assert inspect(path).rows == 3


def test_a_foreign_file_of_ratings_is_recognised_by_its_columns(tmp_path: Path) -> None:
    path = write_foreign(
        tmp_path / "f.parquet", {"movieId": ["a"], "userId": [1], "score": [4.5], "mood": [""]}
    )

    found = inspect(path)

    assert (found.format, found.problem) == (None, "")
    assert found.roles == {"user": "userId", "item": "movieId", "rating": "score"}
    assert "can serve as ratings" in dict(found.facts())["what it is"]


@pytest.mark.parametrize(
    ("columns", "what"),
    [
        ({"user": [1], "item": [2]}, "can serve as pairs but not as ratings"),
        ({"user": [1], "item": [2], "rating": ["good"]}, "can serve as pairs but not as ratings"),
        ({"x": [1], "y": [2]}, "cannot serve as ratings"),
    ],
)
def test_a_foreign_file_that_is_no_ratings_says_why(
    tmp_path: Path, columns: dict[str, list[object]], what: str
) -> None:
    found = inspect(write_foreign(tmp_path / "f.parquet", columns))

    assert found.problem
    assert what in dict(found.facts())["what it is"]


def test_a_file_that_breaks_its_contract_says_so(tmp_path: Path) -> None:
    path = tmp_path / "ratings.parquet"
    metadata = {METADATA_KEY: encode_metadata(RATINGS, {})}
    pq.write_table(ratings().drop_columns("rating").replace_schema_metadata(metadata), path)

    assert "column 'rating' is missing" in inspect(path).problem


def test_a_file_whose_columns_another_tool_has_changed_is_bad_data(tmp_path: Path) -> None:
    path = tmp_path / "ratings.parquet"
    write_table(ratings(), path, RATINGS, {})
    schema = pq.read_metadata(path)
    pq.write_table(ratings().drop_columns("rating").replace_schema_metadata(schema.metadata), path)

    with pytest.raises(DataError, match="its columns are not those that its rbmcli metadata tell of"):
        inspect(path)


def test_a_file_of_another_version_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "metrics.parquet"
    newer = type(METRICS)("metrics", 99, {})
    write_table(ratings(), path, newer, {})

    assert "format version 99" in inspect(path).problem


@pytest.mark.parametrize("content", [b"", b"user,item,rating\n1,2,3\n"])
def test_what_is_no_parquet_is_a_data_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(content)

    with pytest.raises(DataError, match="not a readable Parquet file"):
        inspect(path)


def test_a_missing_file_is_a_data_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        inspect(tmp_path / "missing.parquet")


def test_a_checkpoint_is_told_with_how_far_each_of_its_trainings_has_come(tmp_path: Path) -> None:
    run = Run(tmp_path, preset="accurate", objective=None, network_rate=0.03, epochs=2)
    run.break_off(8 + 4)

    facts = dict(inspect(run.checkpoint).facts())

    assert facts["what it is"] == "rbmcli checkpoint, format version 1"
    assert facts["training 1"] == (
        "rows of users, discriminative, 6 hidden units, on part of the ratings: "
        "over after 2 epochs, the best is 2"
    )
    assert facts["training 2"] == (
        "rows of users, divergence, 6 hidden units, on part of the ratings: "
        "under way after 1 epochs and 0 mini-batches"
    )
    assert facts["scale"] == "4 levels: 1, 2, 4, 5"
    assert (facts["complete"], facts["most_epochs"]) == ("False", "2")

"""Training through files: what is refused, what is written, and that equal runs give equal bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import rbmcli
from rbmcli.cli.main import main
from rbmcli.errors import DataError, DivergenceError, MismatchError

QUICK = ["--hidden", "6", "--epochs", "3", "-q"]


def ratings(count: int = 400) -> pa.Table:
    generator = np.random.default_rng(5)
    pairs = generator.choice(40 * 30, count, replace=False)
    rating = 1 + (pairs * 7 + generator.integers(0, 2, count)) % 5
    return pa.table({"user": pairs // 30, "item": pairs % 30, "rating": rating.astype(np.float32)})


def test_threads_and_format_of_the_input_leave_the_bytes_of_a_model_as_they_are(tmp_path: Path) -> None:
    table = ratings()
    pq.write_table(table, tmp_path / "r.parquet")
    lines = ["user,item,rating", *(",".join(f"{v:g}" for v in row.values()) for row in table.to_pylist())]
    (tmp_path / "r.csv").write_text("\n".join(lines) + "\n")
    for source, threads, name in (("r.parquet", "1", "a"), ("r.parquet", "2", "b"), ("r.csv", "2", "c")):
        code = main(
            ["train", str(tmp_path / source), "-o", str(tmp_path / name), "--threads", threads, *QUICK]
        )
        assert code == 0
    assert len({(tmp_path / name).read_bytes() for name in "abc"}) == 1


def test_training_that_diverges_writes_no_model_and_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "model.parquet"
    path.write_bytes(b"the old one")
    settings = rbmcli.TrainSettings(hidden=4, epochs=30, learning_rate=1000, momentum=0.99, weight_decay=10)
    with pytest.raises(DivergenceError, match="left the finite numbers"):
        rbmcli.train(ratings(), path, settings=settings)
    assert path.read_bytes() == b"the old one"


def test_validation_ratings_that_are_trained_on_too_are_refused() -> None:
    table = ratings()
    with pytest.raises(MismatchError, match="stand in"):
        rbmcli.train(table, valid=table.slice(0, 5))


def test_files_of_two_runs_of_prepare_are_not_mixed() -> None:
    one = rbmcli.prepare(ratings(), settings=rbmcli.PrepareSettings(seed=1))
    other = rbmcli.prepare(ratings(), settings=rbmcli.PrepareSettings(seed=2))
    with pytest.raises(MismatchError, match="different runs of prepare"):
        rbmcli.train(one.train, valid=other.valid)


def test_doing_without_validation_needs_a_number_of_epochs(tmp_path: Path) -> None:
    pq.write_table(ratings(), tmp_path / "r.parquet")
    model = tmp_path / "m.parquet"
    assert main(["train", str(tmp_path / "r.parquet"), "-o", str(model), "--no-valid"]) == 2
    assert not model.exists()


def test_ratings_that_are_all_equal_cannot_be_learned_from() -> None:
    table = pa.table({"user": [1, 2, 3], "item": [1, 1, 2], "rating": [4.0, 4.0, 4.0]})
    with pytest.raises(DataError, match="all ratings are 4"):
        rbmcli.train(table)


@pytest.mark.parametrize("by", ["user", "item"])
def test_a_refit_trains_on_the_validation_ratings_too(by: str) -> None:
    table = ratings()
    settings = rbmcli.TrainSettings(by=by, hidden=4, epochs=3, refit=True)
    model = rbmcli.train(table.slice(50), valid=table.slice(0, 50), settings=settings).model
    assert model.row_ratings.sum() == model.column_ratings.sum() == 400


def test_a_continuous_scale_is_binned(tmp_path: Path) -> None:
    table = ratings()
    noise = np.random.default_rng(0).normal(0, 1, table.num_rows).astype(np.float32)
    table = table.set_column(2, "rating", pa.array(noise))
    model = rbmcli.train(table, settings=rbmcli.TrainSettings(hidden=4, epochs=2)).model
    assert len(model.levels) == 10
    assert model.levels.edges is not None

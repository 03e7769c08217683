"""Histories and pairs to predictions: what passes through, what joins, what is refused, what is written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import rbmcli
from rbmcli.config import PredictSettings
from rbmcli.data.schemas import METADATA_KEY, PREDICTIONS
from rbmcli.data.storage import read_parquet
from rbmcli.errors import DataError, UsageError
from rbmcli.models.store import fingerprint
from tests.recorder import Recorder
from tests.small_ratings import (
    pairs_of,
    ratings,
    rows_of,
    shuffled,
    table_of,
    trained,
    with_rating,
)

BOTH = pytest.mark.parametrize("by", ["user", "item"])


# The columns and rows of the pairs.


@BOTH
def test_rows_columns_and_types_of_the_pairs_are_kept(by: str) -> None:
    pairs = pa.table(
        {
            "note": pa.array(["x", None, "z", "x"], pa.dictionary(pa.int8(), pa.string())),
            "item": pa.array([105, 999, 100, 105], pa.int64()),
            "rating": pa.array([4, 1, 2, 4], pa.int8()),
            "user": ["u03", "u01", "nobody", "u03"],
            "when": pa.array([1, 2, 3, 4], pa.timestamp("ms")),
        }
    )

    table = rbmcli.predict(trained(by), ratings(), pairs).table

    assert table.column_names == [*pairs.column_names, "prediction", "source"]
    assert table.select(pairs.column_names).equals(pairs)
    assert table.schema.field("prediction").type == pa.float32()
    # The first and the last pair are the same one.
    assert table["prediction"][0] == table["prediction"][3]


def test_columns_that_are_named_otherwise_come_back_as_user_and_item() -> None:
    pairs = pa.table({"movieId": [100, 101], "userId": ["u00", "u01"]})

    table = rbmcli.predict(trained("user"), ratings(), pairs).table

    assert table.column_names == ["item", "user", "prediction", "source"]


def test_a_column_with_the_name_of_an_output_needs_a_suffix() -> None:
    model, pairs = trained("user"), pairs_of("u00", 100)
    pairs = pairs.append_column("source", pa.array(["theirs"]))
    settings = PredictSettings(suffix="_rbm", probabilities=True)

    with pytest.raises(DataError, match="column 'source' has the name of an output column"):
        rbmcli.predict(model, ratings(), pairs)

    row = rbmcli.predict(model, ratings(), pairs, settings=settings).table.to_pylist()[0]
    assert row["source"] == "theirs"
    assert set(row) == {
        "user",
        "item",
        "source",
        "prediction_rbm",
        "source_rbm",
        "probabilities_rbm",
        "entropy_rbm",
    }


def test_the_index_of_a_pandas_frame_is_left_out() -> None:
    frame = pd.DataFrame({"user": ["u00", "u01"], "item": [100, 101]}, index=[7, 9])

    table = rbmcli.predict(trained("user"), ratings(), frame).table

    assert table.column_names == ["user", "item", "prediction", "source"]
    assert list(table.schema.metadata) == [METADATA_KEY]


@BOTH
def test_probabilities_sum_to_one_and_have_the_entropy_told(by: str, tmp_path: Path) -> None:
    settings = PredictSettings(probabilities=True)

    result = rbmcli.predict(trained(by), ratings(), output=tmp_path / "p.parquet", settings=settings)

    share = np.array(result.table["probabilities"].to_pylist())
    np.testing.assert_allclose(share.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(result.table["entropy"], -(share * np.log(share)).sum(axis=1), atol=1e-5)
    np.testing.assert_allclose(result.table["prediction"], share @ np.arange(1, 6), atol=1e-4)
    written, _ = read_parquet(tmp_path / "p.parquet", PREDICTIONS)
    assert written.equals(result.table)
    assert written.schema.field("probabilities").type == pa.list_(pa.float32(), 5)


@BOTH
def test_without_pairs_every_item_of_the_model_is_predicted_for_every_user_of_the_history(by: str) -> None:
    history = pa.concat_tables([ratings().slice(0, 5), table_of(["new"], [999], [3])])

    table = rbmcli.predict(trained(by), history).table

    users = sorted(set(history["user"].to_pylist()))
    assert list(zip(table["user"].to_pylist(), table["item"].to_pylist(), strict=True)) == [
        (user, item) for user in users for item in range(100, 112)
    ]


# Empty tables.


@BOTH
@pytest.mark.parametrize("content", ["user,item\n", "user,item,note\n"])
def test_no_pairs_are_no_predictions(by: str, content: str, tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text(content)

    result = rbmcli.predict(trained(by), ratings(), tmp_path / "pairs.csv", tmp_path / "p.parquet")

    assert result.table.num_rows == sum(result.counts.values()) == 0
    assert result.table.schema.field("user").type == pa.string()
    assert read_parquet(tmp_path / "p.parquet", PREDICTIONS)[0].schema == result.table.schema


@BOTH
def test_without_any_history_everyone_is_still_told_something(by: str) -> None:
    history = pd.DataFrame({"user": [], "item": [], "rating": []})

    result = rbmcli.predict(trained(by), history, pairs_of("nobody", 100, 999))

    assert [count for count in result.counts.values() if count] == [1, 1]
    assert result.counts["global_prior"] == 1


# What is told and written.


@BOTH
def test_pairs_of_the_history_are_counted_and_said(by: str) -> None:
    recorder = Recorder()
    user, item, _ = rows_of(ratings())[0]

    result = rbmcli.predict(trained(by), ratings(), pairs_of(user, item, 999), progress=recorder)

    assert result.n_own == 1
    assert "1 pairs stand in the history: each is predicted from the rest of it" in recorder.told
    assert recorder.told[-1].startswith("2 predictions by source: 1 model, 1 ")
    kept = rbmcli.predict(
        trained(by), ratings(), pairs_of(user, item), settings=PredictSettings(keep_own=True)
    )
    assert kept.n_own == 0


@BOTH
def test_equal_questions_have_equal_bytes_in_whatever_order_the_history_comes(
    by: str, tmp_path: Path
) -> None:
    history = with_rating(ratings(), "u00", 999, 2)
    for name, table in (("a", history), ("b", shuffled(history))):
        rbmcli.predict(trained(by), table, ratings(), tmp_path / name)

    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_metadata_tell_model_history_and_settings(tmp_path: Path) -> None:
    model = trained("user")

    result = rbmcli.predict(model, ratings(), ratings(), tmp_path / "p.parquet")

    schema = pq.read_metadata(tmp_path / "p.parquet")
    metadata = json.loads(schema.metadata[METADATA_KEY])
    assert result.path == tmp_path / "p.parquet"
    assert metadata["format"] == "predictions"
    assert metadata["model_fingerprint"] == fingerprint(model)
    assert metadata["levels"] == [1, 2, 3, 4, 5]
    assert metadata["settings"] == PredictSettings().as_dict()
    assert (
        metadata["history_fingerprint"]
        == rbmcli.predict(model, shuffled(ratings()), pairs_of("u00", 100)).metadata["history_fingerprint"]
    )


@pytest.mark.parametrize("name", ["model.parquet", "history.parquet", "pairs.parquet"])
def test_no_input_is_written_over(name: str, tmp_path: Path) -> None:
    rbmcli.save_model(trained("user"), tmp_path / "model.parquet")
    for table in ("history", "pairs"):
        pq.write_table(ratings(), tmp_path / f"{table}.parquet")
    before = (tmp_path / name).read_bytes()
    inputs = [tmp_path / f"{each}.parquet" for each in ("model", "history", "pairs")]

    with pytest.raises(UsageError, match="is an input"):
        rbmcli.predict(*inputs, tmp_path / name)

    assert (tmp_path / name).read_bytes() == before

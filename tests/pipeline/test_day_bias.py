"""Ratings with timestamps through train and predict: what counts, what is told, what is passed through."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

import rbmcli
from rbmcli.cli.main import main
from rbmcli.config import InputSettings
from rbmcli.errors import DataError
from rbmcli.models.store import fingerprint, load_model, save_model
from tests.recorder import Recorder
from tests.small_ratings import dated, pairs_of, quick, ratings, trained

BOTH = pytest.mark.parametrize("by", ["user", "item"])
ITEMS = list(range(100, 112))
WARNING = "the model was trained with the bias of a day"
SECONDS = 11_001 * 86_400 + 5


def train_dated(by: str = "user", **changes: object) -> rbmcli.Rbm:
    return trained(by, dated(ratings()), day_bias=True, **changes)


def asked(*seconds: object, name: str = "timestamp") -> pa.Table:
    pairs = pairs_of("u00", *ITEMS[: len(seconds)])
    return pairs.append_column(name, pa.array(list(seconds)))


def predictions(model: rbmcli.Rbm, pairs: pa.Table, **options: object) -> np.ndarray:
    return rbmcli.predict(model, dated(ratings()), pairs, **options).table["prediction"].to_numpy()


@BOTH
def test_days_count_from_the_ratings_to_the_file_to_the_predictions(by: str, tmp_path: Path) -> None:
    model, plain = train_dated(by), trained(by, dated(ratings()))
    save_model(model, tmp_path / "m.parquet")
    read = load_model(tmp_path / "m.parquet")

    assert read.settings.day_bias
    assert fingerprint(read) == fingerprint(model) != fingerprint(plain)
    assert np.abs(model.parameters.weights - plain.parameters.weights).max() > 1e-3
    pairs = asked(*[SECONDS] * 12)
    np.testing.assert_array_equal(predictions(read, pairs), predictions(model, pairs))
    assert np.abs(predictions(model, pairs) - predictions(model, pairs_of("u00", *ITEMS))).max() > 1e-2


def test_timestamps_change_nothing_unless_days_are_to_count() -> None:
    assert fingerprint(trained("user", dated(ratings()))) == fingerprint(trained("user"))


def test_ratings_without_timestamps_are_refused_wherever_they_are() -> None:
    settings, undated = quick(day_bias=True), ratings()

    with pytest.raises(DataError, match=r"the table: --day-bias needs timestamps, and no column") as caught:
        rbmcli.train(undated, settings=settings)
    assert "--timestamp-column" in str(caught.value.hint)
    train, valid = dated(undated).slice(20), undated.slice(0, 20)
    with pytest.raises(DataError, match="--day-bias needs timestamps"):
        rbmcli.train(train, valid=valid, settings=quick(day_bias=True, validation="holdout"))


def test_validation_by_a_file_has_days_too() -> None:
    table = dated(ratings())
    settings = quick(day_bias=True, validation="holdout", epochs=3)

    result = rbmcli.train(table.slice(20), valid=table.slice(0, 20), settings=settings)

    shifted = table.slice(0, 20).set_column(3, "timestamp", pa.array(np.arange(20) * 86_400))
    other = rbmcli.train(table.slice(20), valid=shifted, settings=settings)
    assert result.valid_rmse != other.valid_rmse
    assert result.model.record["epochs"][0]["loss"] == other.model.record["epochs"][0]["loss"]


@BOTH
def test_a_history_or_pairs_without_timestamps_are_answered_with_a_warning(by: str) -> None:
    model, heard, silent = train_dated(by), Recorder(), Recorder()
    undated = pairs_of("u00", *ITEMS)

    without_pairs = predictions(model, undated, progress=heard)
    without_history = rbmcli.predict(model, ratings(), asked(*[SECONDS] * 12), progress=heard)
    predictions(model, asked(*[SECONDS] * 12), progress=silent)
    rbmcli.predict(trained(by), ratings(), undated, progress=silent)

    assert [WARNING in warning for warning in heard.warnings] == [True, True]
    assert "pairs have no timestamps" in heard.warnings[0]
    assert not silent.warnings
    # A trained user is served by what was trained, and without a day by nothing else.
    np.testing.assert_array_equal(without_history.table["prediction"].to_numpy(), without_pairs)


def test_timestamps_of_pairs_are_read_in_every_way_that_those_of_ratings_are_and_stay_what_they_were() -> (
    None
):
    model, moment = train_dated(), datetime.fromtimestamp(SECONDS, UTC)
    expected = predictions(model, asked(*[SECONDS] * 3))
    ways = [
        (asked(*[moment.isoformat()] * 3, name="date"), InputSettings()),
        (asked(*[moment.date()] * 3, name="rated_at"), InputSettings()),
        (asked(*[SECONDS * 1000] * 3), InputSettings(timestamp_unit="ms")),
        (asked(*[SECONDS] * 3, name="when"), InputSettings(timestamp_column="when")),
    ]

    for pairs, how in ways:
        given = pa.table({"user": dated(ratings())["user"], "item": dated(ratings())["item"]})
        history = given.append_column("rating", dated(ratings())["rating"])
        stamps = pc_multiplied(dated(ratings())["timestamp"], 1000 if how.timestamp_unit == "ms" else 1)
        history = history.append_column(how.timestamp_column or "timestamp", stamps)
        table = rbmcli.predict(model, history, pairs, input_settings=how).table
        np.testing.assert_array_equal(table["prediction"].to_numpy(), expected)
        assert table.select(pairs.column_names) == pairs


def pc_multiplied(column: pa.ChunkedArray, factor: int) -> pa.Array:
    return pa.array(column.to_numpy() * factor)


def test_pairs_whose_timestamp_is_missing_or_none_are_answered_and_counted() -> None:
    model, heard = train_dated(), Recorder()

    found = predictions(model, asked(str(SECONDS), None, "soon"), progress=heard)

    undated = predictions(model, pairs_of("u00", *ITEMS[:3]))
    np.testing.assert_array_equal(found[1:], undated[1:])
    assert found[0] != undated[0]
    assert ["2 pairs have no timestamp in column 'timestamp'" in told for told in heard.warnings] == [True]


def test_recommendations_and_predictions_of_all_items_are_of_no_day() -> None:
    model, heard = train_dated(), Recorder()

    everything = rbmcli.predict(model, dated(ratings()), progress=heard).table

    first = everything.slice(0, 12)
    np.testing.assert_allclose(
        first["prediction"].to_numpy(), predictions(model, first.select(["user", "item"])), atol=1e-6
    )
    assert not heard.warnings
    assert rbmcli.recommend(model, dated(ratings()), progress=heard).table.num_rows
    assert not heard.warnings


@BOTH
def test_the_commands_take_days_from_a_csv_to_the_figures(
    by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    pyarrow.csv.write_csv(dated(ratings()), "r.csv")
    pyarrow.csv.write_csv(ratings(), "undated.csv")
    how = f"--by {by} --day-bias --hidden 6 --epochs 3 --no-valid"

    assert main(["prepare", "r.csv", "-o", "p", "--valid-fraction", "0"]) == 0
    assert main(["train", "p/train.parquet", "-o", "m.parquet", *how.split()]) == 0
    files = ["--history", "p/train.parquet", "--pairs", "p/test.parquet"]
    assert main(["predict", "m.parquet", *files, "-o", "out.parquet"]) == 0
    assert WARNING not in capsys.readouterr().err
    assert main(["evaluate", "out.parquet", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["figures"]
    assert pq.read_table("out.parquet")["timestamp"] == pq.read_table("p/test.parquet")["timestamp"]
    assert main(["inspect", "m.parquet"]) == 0
    assert "day_bias" in capsys.readouterr().out

    assert main(["train", "undated.csv", "-o", "n.parquet", *how.split()]) == 3
    assert "undated.csv: --day-bias needs timestamps" in capsys.readouterr().err
    assert not Path("n.parquet").exists()


@BOTH
def test_a_model_has_the_same_bytes_at_any_number_of_threads(
    by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pq.write_table(dated(ratings()), "r.parquet")
    for threads in ("1", "2"):
        options = f"--by {by} --day-bias --hidden 6 --epochs 3 --no-valid --threads {threads}"
        assert main(["train", "r.parquet", "-o", f"{threads}.parquet", *options.split()]) == 0

    assert Path("1.parquet").read_bytes() == Path("2.parquet").read_bytes()

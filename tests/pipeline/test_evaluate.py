"""Predictions are joined with the truth, measured by source and beside the baselines, or refused."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbmcli.config import InputSettings, PredictSettings
from rbmcli.data.metadata import encode_metadata
from rbmcli.data.schemas import METADATA_KEY, METRICS, PREDICTIONS, RATINGS
from rbmcli.data.storage import read_parquet
from rbmcli.data.writing import write_table
from rbmcli.errors import DataError, MismatchError
from rbmcli.pipeline.evaluate import evaluate
from rbmcli.pipeline.evaluation import EvaluateResult
from rbmcli.pipeline.predict import predict
from rbmcli.progress import Progress
from tests.small_ratings import ratings, trained

LEVELS = {"levels": [1.0, 2.0, 3.0], "edges": None}


class Listener(Progress):
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, message: str) -> None:
        self.warnings.append(message)


def predictions(**columns: object) -> pa.Table:
    """Four predictions; `columns` replaces or adds some."""
    table = {
        "user": pa.array([1, 1, 2, 2], pa.int64()),
        "item": pa.array(["a", "b", "a", "c"]),
        "prediction": pa.array([1.5, 2.0, 3.0, 2.0], pa.float32()),
        "source": pa.array(["model", "folded_in", "model", "global_prior"]),
        "rating": pa.array([1, 2, 2, 3], pa.float32()),
    }
    return pa.table({name: column for name, column in {**table, **columns}.items() if column is not None})


def with_probabilities(rows: list[list[float]], kind: pa.DataType | None = None) -> pa.Table:
    kind = kind or pa.list_(pa.float32(), 3)
    table = predictions(probabilities=pa.array(rows, kind))
    return table.replace_schema_metadata({METADATA_KEY: encode_metadata(PREDICTIONS, LEVELS)})


def truth(**columns: object) -> pa.Table:
    table = {"user": [2, 1, 2, 9], "item": ["c", "b", "a", "a"], "rating": [3.0, 2.0, 2.0, 1.0]}
    return pa.table({**table, **columns})


def value(result: EvaluateResult, metric: str, segment: str = "all") -> float:
    predictor, _, name = segment.rpartition("/")
    return result.segments(predictor or None)[name][metric]


def test_errors_are_taken_against_the_rating_column() -> None:
    result = evaluate(predictions())

    assert result.n == 4
    assert value(result, "rmse") == pytest.approx(math.sqrt((0.25 + 0 + 1 + 1) / 4))
    assert value(result, "mae") == pytest.approx(2.5 / 4)


def test_each_source_has_its_share_and_its_errors_in_the_order_of_trust() -> None:
    result = evaluate(predictions())

    assert list(result.segments()) == ["all", "source=model", "source=folded_in", "source=global_prior"]
    assert value(result, "share", "source=model") == 0.5
    assert value(result, "rmse", "source=model") == pytest.approx(math.sqrt(1.25 / 2))
    assert sum(entry.value for entry in result.metrics if entry.metric == "share") == pytest.approx(1)


def test_a_source_that_nobody_knows_is_told_last() -> None:
    result = evaluate(predictions(source=pa.array(["guess", "model", "model", "model"])))

    assert list(result.segments()) == ["all", "source=model", "source=guess"]


def test_predictions_without_source_have_no_segments() -> None:
    assert list(evaluate(predictions(source=None)).segments()) == ["all"]


def test_truth_is_joined_by_user_and_item_and_unmatched_pairs_are_counted() -> None:
    told = Listener()

    result = evaluate(predictions(rating=None), truth=truth(), progress=told)

    assert (result.n, result.unmatched) == (3, 1)
    assert value(result, "rmse") == pytest.approx(math.sqrt((0 + 1 + 1) / 3))
    assert any(message.startswith("1 of 4 predictions are left out") for message in told.warnings)


def test_truth_goes_before_a_rating_column() -> None:
    result = evaluate(predictions(), truth=truth(rating=[2.0, 2.0, 3.0, 1.0]))

    assert value(result, "rmse") == 0


@pytest.mark.parametrize("users", [["2", "1", "2", "9"], [2.0, 1.0, 2.0, 9.0]])
def test_ids_of_another_type_that_are_the_same_numbers_are_joined(users: list[object]) -> None:
    assert evaluate(predictions(rating=None), truth=truth(user=users)).n == 3


def test_text_ids_in_the_predictions_join_integers_in_the_truth() -> None:
    asked = predictions(rating=None, user=pa.array(["1", "1", "2", "2"]))

    assert evaluate(asked, truth=truth()).n == 3


def test_ids_that_cannot_be_joined_are_a_mismatch() -> None:
    with pytest.raises(MismatchError, match="column 'user'"):
        evaluate(predictions(rating=None), truth=truth(user=["x", "y", "z", "w"]))


def test_a_truth_without_any_of_the_pairs_is_a_mismatch() -> None:
    with pytest.raises(MismatchError, match="none of the 4 predicted pairs is in"):
        evaluate(predictions(), truth=truth(user=[7, 7, 7, 8]))


def test_nll_and_accuracy_are_those_of_the_true_level() -> None:
    result = evaluate(with_probabilities([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1], [0.5, 0.25, 0.25], [1, 0, 0]]))

    expected = -(math.log(0.5) + math.log(0.8) + math.log(0.25) + math.log(1e-12)) / 4
    assert value(result, "nll") == pytest.approx(expected)
    assert value(result, "accuracy") == 0.5


def test_probabilities_from_a_list_column_are_accepted() -> None:
    result = evaluate(with_probabilities([[0.2, 0.6, 0.2]] * 4, pa.list_(pa.float64())))

    assert value(result, "accuracy") == 0.5


def test_probabilities_without_levels_are_left_out_with_a_warning() -> None:
    told = Listener()

    result = evaluate(with_probabilities([[1, 0, 0]] * 4).replace_schema_metadata(None), progress=told)

    assert {entry.metric for entry in result.metrics} == {"rmse", "mae", "share", "coverage"}
    assert any("no metadata tells the levels" in message for message in told.warnings)


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        ([[1, 0, 0], [1, 0, 0], [1, 0, float("nan")], [1, 0, 0]], DataError),
        ([[1, 0, 0], [1, 0, 0], [0.9, 0, 0], [1, 0, 0]], DataError),
        ([[1, 0, 0], [1, 0, 0], [2, -1, 0], [1, 0, 0]], DataError),
        ([[1, 0, 0], [1, 0, 0], None, [1, 0, 0]], DataError),
        ([[1, 0, 0], [1, 0, 0], [1, None, 0], [1, 0, 0]], DataError),
    ],
)
def test_probabilities_that_are_none_are_refused(rows: list[list[float]], error: type[Exception]) -> None:
    with pytest.raises(error, match="probabilities"):
        evaluate(with_probabilities(rows))


def test_probabilities_of_another_number_of_levels_are_a_mismatch() -> None:
    with pytest.raises(MismatchError, match="expected lists of 3 numbers"):
        evaluate(with_probabilities([[0.5, 0.5]] * 4, pa.list_(pa.float32(), 2)))


@pytest.mark.parametrize(("policy", "n", "accuracy"), [("drop", 3, 1 / 3), ("nearest", 4, 0.25)])
def test_a_rating_on_no_level_is_dropped_or_taken_to_the_nearest(
    policy: str, n: int, accuracy: float
) -> None:
    asked = with_probabilities([[1, 0, 0]] * 4)
    asked = asked.set_column(4, "rating", pa.array([1, 2, 2.8, 3], pa.float32()))

    result = evaluate(asked, input_settings=InputSettings(unknown_level=policy))

    counts = [entry.n for entry in result.metrics if (entry.metric, entry.segment) == ("accuracy", "all")]
    assert counts == [n]
    assert value(result, "accuracy") == pytest.approx(accuracy)
    assert result.n == 4


def test_a_rating_on_no_level_is_named_with_its_row() -> None:
    asked = with_probabilities([[1, 0, 0]] * 4)
    asked = asked.set_column(4, "rating", pa.array([1, 2, 2.5, 3], pa.float32()))

    with pytest.raises(DataError, match=r"rating 2\.5 of row 3 is on none of the 3 levels"):
        evaluate(asked)


@pytest.mark.parametrize("column", ["prediction", "rating"])
@pytest.mark.parametrize("bad", [None, float("nan"), float("inf")])
def test_a_number_that_is_none_is_named_with_its_column_and_row(column: str, bad: float | None) -> None:
    asked = predictions(**{column: pa.array([1, 2, bad, 3], pa.float32())})

    with pytest.raises(
        DataError, match=rf"column '{column}' is (null|nan|inf) in row 3, expected a finite number"
    ):
        evaluate(asked)


def test_a_null_source_is_refused() -> None:
    with pytest.raises(DataError, match="column 'source' holds 1 nulls"):
        evaluate(predictions(source=pa.array(["model", None, "model", "model"])))


def test_predictions_that_are_text_are_refused() -> None:
    with pytest.raises(DataError, match="column 'prediction' is string, expected numbers"):
        evaluate(predictions(prediction=pa.array(["good", "bad", "good", "bad"])))


@pytest.mark.parametrize(("missing", "hint"), [("prediction", "columns found"), ("rating", "--truth")])
def test_a_missing_column_says_what_to_do(missing: str, hint: str) -> None:
    with pytest.raises(DataError, match=f"column '{missing}'") as caught:
        evaluate(predictions(**{missing: None}))

    assert hint in caught.value.hint


def test_no_predictions_at_all_are_refused() -> None:
    with pytest.raises(DataError, match="there are no predictions"):
        evaluate(predictions().slice(0, 0))


def test_a_file_of_another_format_is_a_mismatch(tmp_path: Path) -> None:
    path = tmp_path / "ratings.parquet"
    write_table(predictions(), path, RATINGS, {})

    with pytest.raises(MismatchError, match="expected a file of format 'predictions', found 'ratings'"):
        evaluate(path)


def test_files_of_two_runs_of_prepare_are_a_mismatch(tmp_path: Path) -> None:
    for run in ("one", "two"):
        table = truth().cast(
            pa.schema([("user", pa.int64()), ("item", pa.string()), ("rating", pa.float32())])
        )
        write_table(table, tmp_path / run, RATINGS, {"run": run})

    with pytest.raises(MismatchError, match="different runs of prepare"):
        evaluate(predictions(), truth=tmp_path / "one", history=tmp_path / "two")


HISTORY = pa.table({"user": [1, 1, 4, 3], "item": ["x", "c", "c", "a"], "rating": [1.0, 2.0, 3.0, 2.0]})


def test_baselines_are_fitted_on_the_history_and_asked_the_same_pairs() -> None:
    result = evaluate(predictions(), history=HISTORY)

    assert result.predictors == ["model", "global mean", "item mean", "user+item bias"]
    assert value(result, "rmse", "global mean/all") == pytest.approx(math.sqrt(2 / 4))
    # a: 2, b: unseen, so 2; c: 2.5
    assert value(result, "mae", "item mean/all") == pytest.approx((1 + 0 + 0 + 0.5) / 4)


def test_history_that_holds_asked_pairs_is_fitted_without_them() -> None:
    told = Listener()
    leaky = pa.concat_tables([HISTORY, pa.table({"user": [1], "item": ["a"], "rating": [3.0]})])

    result = evaluate(predictions(), history=leaky, progress=told)

    clean = evaluate(predictions(), history=HISTORY)
    assert result.excluded == 1
    assert any("1 of 5 ratings are asked pairs too" in message for message in told.warnings)
    assert result.metrics == clean.metrics


def test_history_of_asked_pairs_only_is_refused() -> None:
    with pytest.raises(DataError, match="no rating is left to fit the baselines on"):
        evaluate(predictions(), history=predictions().select(["user", "item", "rating"]))


def test_the_metrics_file_follows_its_contract_and_says_what_was_compared(tmp_path: Path) -> None:
    path = tmp_path / "metrics.parquet"

    result = evaluate(predictions(), history=HISTORY, output=path)

    table, metadata = read_parquet(path, METRICS)
    assert table.equals(result.table)
    assert table["low"].null_count == table["high"].null_count
    assert metadata["predictions"][0]["fingerprint"] != metadata["history_fingerprint"]
    assert metadata["truth_fingerprint"] is None


def test_equal_runs_write_equal_bytes(tmp_path: Path) -> None:
    for name in ("a.parquet", "b.parquet"):
        evaluate(predictions(), history=HISTORY, output=tmp_path / name)

    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_paths_tables_and_frames_give_the_same_result(tmp_path: Path) -> None:
    pq.write_table(predictions(), tmp_path / "p.parquet")
    pq.write_table(HISTORY, tmp_path / "h.parquet")

    of_tables = evaluate(predictions(), history=HISTORY)
    of_paths = evaluate(tmp_path / "p.parquet", history=str(tmp_path / "h.parquet"))
    of_frames = evaluate(predictions().to_pandas(), history=pd.DataFrame(HISTORY.to_pandas()))

    assert of_tables == of_paths == of_frames


def test_the_result_is_ready_for_json() -> None:
    result = json.loads(json.dumps(evaluate(predictions(), history=HISTORY).as_dict(), allow_nan=False))

    assert result["n"] == 4
    assert result["predictors"][0]["segments"]["all"]["rmse"] == pytest.approx(math.sqrt(2.25 / 4))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_rows_makes_no_difference(seed: int) -> None:
    generator = np.random.default_rng(seed)
    pairs = generator.permutation(60)[:40]
    asked = pa.table(
        {
            "user": pairs // 8,
            "item": pairs % 8,
            "prediction": generator.uniform(1, 5, 40),
            "source": generator.choice(["model", "folded_in"], 40),
            "rating": generator.integers(1, 6, 40).astype(np.float32),
        }
    )
    past = pa.table(
        {"user": np.arange(60) // 8, "item": np.arange(60) % 8, "rating": generator.integers(1, 6, 60)}
    )

    result = evaluate(asked, history=past)
    shuffled = evaluate(asked.take(generator.permutation(40)), history=past.take(generator.permutation(60)))

    assert shuffled.metadata == result.metadata
    nothing = {"value": 0.0, "low": None, "high": None}
    assert [replace(entry, **nothing) for entry in shuffled.metrics] == [
        replace(entry, **nothing) for entry in result.metrics
    ]
    for name in ("value", "low", "high"):
        found, expected = ([getattr(entry, name) for entry in each.metrics] for each in (shuffled, result))
        assert [end is None for end in found] == [end is None for end in expected]
        assert [end for end in found if end is not None] == pytest.approx(
            [end for end in expected if end is not None]
        )


def many_predictions(seed: int = 0, users: int = 40) -> pa.Table:
    generator = np.random.default_rng(seed)
    user = np.repeat(np.arange(users), 12)
    rating = generator.integers(1, 6, len(user)).astype(np.float32)
    noise = generator.normal(0, 1, len(user))
    return pa.table(
        {"user": user, "item": np.tile(np.arange(12), users), "prediction": rating + noise, "rating": rating}
    )


def test_figures_have_intervals_over_users_that_the_seed_repeats() -> None:
    once, again, other = (evaluate(many_predictions(), seed=seed).metrics[0] for seed in (1, 1, 2))

    assert once == again
    assert once.low is not None
    assert once.high is not None
    assert once.low < once.value < once.high
    assert (once.low, once.high) != (other.low, other.high)


def test_more_users_make_an_interval_narrower() -> None:
    few, many = (evaluate(many_predictions(users=users)).intervals()["all"]["rmse"] for users in (20, 2000))

    assert many[1] - many[0] < (few[1] - few[0]) / 4


def test_without_resamples_there_are_no_intervals() -> None:
    result = evaluate(many_predictions(), resamples=0)

    assert result.intervals() == {}
    assert result.table["low"].null_count == result.table["high"].null_count == len(result.metrics)


def test_what_predict_returns_tells_its_levels() -> None:
    table = ratings()
    settings = PredictSettings(probabilities=True)

    predicted = predict(trained("user"), table, table, settings=settings).table

    assert "nll" in evaluate(predicted).segments()["all"]

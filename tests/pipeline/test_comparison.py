"""Several predictions are compared on the same pairs, with intervals of their differences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rbmcli.data.metadata import encode_metadata
from rbmcli.data.schemas import METADATA_KEY, METRICS, PREDICTIONS
from rbmcli.data.storage import read_parquet
from rbmcli.errors import MismatchError
from rbmcli.models.bootstrap import paired_intervals
from rbmcli.models.moments import FIGURES, moments_of
from rbmcli.models.reliability import error_if_calibrated
from rbmcli.pipeline.evaluate import evaluate
from rbmcli.pipeline.evaluation import EvaluateResult
from rbmcli.pipeline.measuring import Metric

USERS, ITEMS = 60, 10


def rated(seed: int = 0) -> pa.Table:
    generator = np.random.default_rng(seed)
    user, item = np.repeat(np.arange(USERS), ITEMS), np.tile(np.arange(ITEMS), USERS)
    return pa.table(
        {"user": user, "item": item, "rating": generator.integers(1, 6, len(user)).astype(np.float32)}
    )


def guessed(noise: float, seed: int) -> pa.Table:
    """Predictions that are the ratings and noise, with probabilities."""
    generator = np.random.default_rng(seed)
    table = rated()
    rating = table["rating"].to_numpy()
    scores = -(((np.arange(1, 6) - rating[:, None]) - generator.normal(0, noise, (len(rating), 1))) ** 2) / 2
    q = np.exp(scores - scores.max(axis=1, keepdims=True))
    q = (q / q.sum(axis=1, keepdims=True)).astype(np.float32)
    table = table.append_column("prediction", pa.array(q @ np.arange(1, 6)))
    table = table.append_column("probabilities", pa.FixedSizeListArray.from_arrays(pa.array(q.ravel()), 5))
    levels = {"levels": [1.0, 2.0, 3.0, 4.0, 5.0], "edges": None}
    return table.replace_schema_metadata({METADATA_KEY: encode_metadata(PREDICTIONS, levels)})


def difference(result: EvaluateResult, first: str, second: str, metric: str) -> Metric:
    [found] = [
        entry
        for entry in result.differences()
        if (entry.predictor, entry.against, entry.metric) == (first, second, metric)
    ]
    return found


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("predictions")
    pq.write_table(guessed(0.5, 1), folder / "good.parquet")
    pq.write_table(guessed(0.5, 2), folder / "as_good.parquet")
    pq.write_table(guessed(2.0, 3), folder / "bad.parquet")
    return folder


def test_files_are_named_and_each_has_its_figures(files: Path) -> None:
    result = evaluate([files / "good.parquet", files / "bad.parquet"])

    alone = evaluate(files / "bad.parquet")
    assert result.predictors == ["good", "bad"]
    assert result.segments("bad") == alone.segments("model")
    assert result.intervals("bad") == alone.intervals("model")


def test_a_difference_is_that_of_figures_with_the_interval_of_users_drawn_for_both(files: Path) -> None:
    result = evaluate([files / "good.parquet", files / "bad.parquet"], seed=3, resamples=200)

    user, rating = rated()["user"].to_numpy(), rated()["rating"].to_numpy()
    moments = [
        moments_of(
            user,
            USERS,
            table["prediction"].to_numpy(),
            rating,
            np.stack(table["probabilities"].to_numpy()),
            rating.astype(np.uint8) - 1,
        )
        for table in (guessed(0.5, 1), guessed(2.0, 3))
    ]
    (expected,) = paired_intervals(moments, 3, 200)
    for place, metric in enumerate(FIGURES):
        found = difference(result, "good", "bad", metric)
        first, second = (result.segments(name)["all"][metric] for name in ("good", "bad"))
        assert found.value == pytest.approx(first - second, abs=1e-12)
        assert (found.low, found.high) == pytest.approx((expected.low[place], expected.high[place]), rel=1e-9)
        assert found.beyond_chance == expected.beyond_chance[place]


def test_what_is_beyond_chance_is_told_from_what_is_not(files: Path) -> None:
    result = evaluate([files / f"{name}.parquet" for name in ("good", "as_good", "bad")])

    assert difference(result, "good", "bad", "rmse").beyond_chance is True
    assert difference(result, "as_good", "bad", "rmse").beyond_chance is True
    assert difference(result, "good", "as_good", "rmse").beyond_chance is False


def test_predictions_are_compared_with_baselines_by_their_errors(files: Path) -> None:
    history = pa.table({"user": [1000, 1001], "item": [0, 1], "rating": [3.0, 4.0]})

    result = evaluate([files / "good.parquet", files / "bad.parquet"], history=history)

    pairs = [(entry.predictor, entry.against) for entry in result.differences()]
    assert ("bad", "user+item bias") in pairs
    assert not any(first in {"global mean", "item mean"} for first, _ in pairs)
    assert {entry.metric for entry in result.differences() if entry.against == "global mean"} == {
        "rmse",
        "mae",
    }


def test_pairs_that_one_file_lacks_are_left_out_of_all(files: Path) -> None:
    whole, half = guessed(0.5, 1), guessed(2.0, 3).slice(0, 300)
    shuffled = half.take(np.random.default_rng(0).permutation(300))

    result = evaluate([whole, shuffled])

    assert (result.n, result.unmatched) == (300, 300)
    assert result.predictors == ["predictions 1", "predictions 2"]
    assert result.segments("predictions 1") == evaluate(whole.slice(0, 300)).segments()
    assert result.segments("predictions 2")["all"] == pytest.approx(evaluate(half).segments()["all"])


def test_each_file_is_told_how_many_pairs_others_lack(files: Path) -> None:
    from tests.recorder import Recorder

    told = Recorder()

    evaluate([guessed(0.5, 1), guessed(2.0, 3).slice(100, 300)], progress=told)

    assert any("300 of 600 predictions are left out" in message for message in told.warnings)


def test_files_without_common_pairs_are_a_mismatch() -> None:
    with pytest.raises(MismatchError, match="none of its 300 pairs"):
        evaluate([guessed(0.5, 1).slice(0, 300), guessed(0.5, 1).slice(300)])


def test_a_pair_that_is_rated_differently_here_and_there_is_a_mismatch() -> None:
    other = guessed(0.5, 2)
    rating = other["rating"].to_numpy().copy()
    rating[7] = 9 - rating[7] if rating[7] != 4.5 else 1
    changed = other.set_column(2, "rating", pa.array(rating))

    with pytest.raises(
        MismatchError, match=r"in row 8 of the one .* in row 8 of the other \(1 pairs differ\)"
    ):
        evaluate([guessed(0.5, 1), changed])


def test_files_of_one_name_go_by_their_paths(files: Path, tmp_path: Path) -> None:
    pq.write_table(guessed(1.0, 4), tmp_path / "good.parquet")
    both = [str(files / "good.parquet"), str(tmp_path / "good.parquet")]

    assert evaluate(both).predictors == both


def test_the_same_file_twice_differs_by_nothing(files: Path) -> None:
    twice = evaluate([files / "good.parquet", files / "good.parquet"])

    assert len(set(twice.predictors)) == 2
    assert {(entry.value, entry.low, entry.high) for entry in twice.differences()} == {(0.0, 0.0, 0.0)}


def test_the_metrics_file_tells_whose_figures_and_differences_they_are(files: Path, tmp_path: Path) -> None:
    result = evaluate([files / "good.parquet", files / "bad.parquet"], output=tmp_path / "metrics.parquet")

    table, metadata = read_parquet(tmp_path / "metrics.parquet", METRICS)
    assert table.equals(result.table)
    assert set(table["against"].to_pylist()) == {None, "bad"}
    assert [each["name"] for each in metadata["predictions"]] == ["good", "bad"]


def test_the_calibration_error_stands_beside_what_a_perfect_model_would_show() -> None:
    table = guessed(1.0, 5)
    q, rating = np.stack(table["probabilities"].to_numpy()), table["rating"].to_numpy()

    figures = evaluate(table, seed=4).segments()["all"]

    expected = 0.0
    for level in range(5):
        place = np.clip(np.ceil(q[:, level].astype(float) * 15) - 1, 0, 14)
        for which in np.unique(place):
            inside = place == which
            expected += (
                abs(q[inside, level].sum() - np.count_nonzero(rating[inside] == level + 1)) / len(q) / 5
            )
    assert figures["calibration_error"] == pytest.approx(expected, rel=1e-6)
    assert figures["calibration_quantile"] == error_if_calibrated(q[np.lexsort(q.T)], 4)


def test_confusion_counts_pairs_by_true_and_most_probable_level() -> None:
    table = guessed(0.7, 6)
    result = evaluate(table)

    tables = result.level_tables["model"]
    q, rating = np.stack(table["probabilities"].to_numpy()), table["rating"].to_numpy()
    assert tables.confusion.sum() == len(rating)
    assert tables.confusion[2, 3] == np.count_nonzero((rating == 3) & (q.argmax(axis=1) == 3))
    described = result.as_dict()["predictors"][0]
    assert described["confusion"]["counts"] == tables.confusion.tolist()
    assert sum(row["n"] for row in described["reliability"]["all"]) == 5 * len(rating)


def test_coverage_is_the_share_of_predictions_that_are_no_base_rates() -> None:
    sources = ["model"] * 300 + ["folded_in"] * 150 + ["global_prior"] * 150
    table = guessed(0.5, 1).append_column("source", pa.array(sources))

    assert evaluate(table).segments()["all"]["coverage"] == 0.75

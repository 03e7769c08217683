"""`evaluate` with `calibrate` writes a copy of the model whose probabilities are set right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import rbmcli
from rbmcli.config import ExplainSettings, PredictSettings, RecommendSettings
from rbmcli.errors import DataError, GateError, MismatchError, UsageError
from rbmcli.models.calibration import Calibration, apply, fit_calibration
from rbmcli.models.metrics import nll
from rbmcli.models.rbm import Rbm
from rbmcli.models.store import fingerprint
from rbmcli.pipeline.evaluation import EvaluateResult
from rbmcli.pipeline.inspect import inspect
from tests.small_ratings import quick, tastes, trained

BOTH = pytest.mark.parametrize("by", ["user", "item"])
KEPT = np.random.default_rng(2).random(tastes().num_rows) < 0.7
TRAIN, VALID = tastes().filter(pa.array(KEPT)), tastes().filter(pa.array(~KEPT))
LEVELS = np.array([1.0, 2.0, 4.0, 5.0])


def predictions_of(model: Rbm, folder: Path, pairs: pa.Table = VALID) -> Path:
    path = folder / "predictions.parquet"
    settings = PredictSettings(probabilities=True)
    rbmcli.predict(model, TRAIN, pairs, path, settings=settings)
    return path


def probabilities(table: pa.Table) -> np.ndarray:
    return np.stack(table["probabilities"].to_numpy())


def calibrated(model: Rbm, folder: Path) -> tuple[EvaluateResult, Rbm]:
    path = predictions_of(model, folder)
    result = rbmcli.evaluate(path, model=model, calibrate=folder / "right.parquet")
    return result, rbmcli.load_model(folder / "right.parquet")


@BOTH
def test_the_copy_says_what_the_fit_makes_of_the_model(by: str, tmp_path: Path) -> None:
    model = trained(by, TRAIN)
    settings = PredictSettings(probabilities=True)

    result, copy = calibrated(model, tmp_path)

    before = rbmcli.predict(model, TRAIN, VALID, settings=settings).table
    after = rbmcli.predict(copy, TRAIN, VALID, settings=settings).table
    level = np.searchsorted(LEVELS, VALID["rating"].to_numpy())
    own = np.isin(before["source"].to_numpy(zero_copy_only=False), ("model", "folded_in"))
    expected = fit_calibration(probabilities(before)[own], level[own])
    assert result.calibrated is not None
    assert result.calibrated.fitted.temperature == pytest.approx(expected.temperature, rel=1e-6)
    assert copy.calibration is not None
    np.testing.assert_allclose(copy.calibration.bias, expected.bias, atol=1e-6)
    right = np.where(own[:, None], apply(expected, probabilities(before)), probabilities(before))
    np.testing.assert_allclose(probabilities(after), right, atol=1e-5)
    np.testing.assert_allclose(after["prediction"].to_numpy(), right @ LEVELS, atol=1e-4)
    assert nll(right, level) < nll(probabilities(before), level)
    assert result.calibrated.nll[1] < result.calibrated.nll[0]


def test_recommend_and_explain_apply_it_too(tmp_path: Path) -> None:
    _, copy = calibrated(trained("item", TRAIN), tmp_path)
    pairs = rbmcli.predict(copy, TRAIN, None).table

    best = rbmcli.recommend(copy, TRAIN, settings=RecommendSettings(top=1)).table
    told = rbmcli.explain(copy, TRAIN, "u03", 104, settings=ExplainSettings())

    of_pair = {
        (user, item): prediction
        for user, item, prediction in zip(
            *(pairs[name].to_pylist() for name in ("user", "item", "prediction")), strict=True
        )
    }
    for row in best.to_pylist():
        assert row["score"] == pytest.approx(of_pair[row["user"], row["item"]], abs=1e-5)
    assert told.prediction == pytest.approx(of_pair["u03", 104], abs=1e-5)


def test_base_rates_stay_as_they_are(tmp_path: Path) -> None:
    model = trained("user", TRAIN)
    _, copy = calibrated(model, tmp_path)
    unknown = pa.table({"user": ["u01", "u01"], "item": [103, 999]})

    before, after = (rbmcli.predict(each, TRAIN, unknown).table for each in (model, copy))

    assert before["source"].to_pylist()[1] == "row_prior"
    assert before["prediction"][1] == after["prediction"][1]
    assert before["prediction"][0] != after["prediction"][0]


@BOTH
def test_the_copy_is_a_model_of_its_own_that_is_stored_whole(by: str, tmp_path: Path) -> None:
    model = trained(by, TRAIN)

    result, copy = calibrated(model, tmp_path)

    assert result.calibrated is not None
    assert fingerprint(copy) == fingerprint(result.calibrated.model) != fingerprint(model)
    assert copy.record["calibrated_on"]["n"] == result.calibrated.n
    np.testing.assert_array_equal(copy.parameters.weights, model.parameters.weights)
    assert result.as_dict()["calibration"]["temperature"] == result.calibrated.fitted.temperature


def test_equal_runs_write_equal_bytes_in_any_order_of_rows(tmp_path: Path) -> None:
    model, written = trained("item", TRAIN), []
    for order in (np.arange(VALID.num_rows), np.random.default_rng(0).permutation(VALID.num_rows)):
        path = predictions_of(model, tmp_path, VALID.take(order))
        rbmcli.evaluate(path, model=model, calibrate=tmp_path / "right.parquet")
        written.append((tmp_path / "right.parquet").read_bytes())

    assert written[0] == written[1]


def test_a_calibrated_model_can_be_calibrated_again(tmp_path: Path) -> None:
    first, once = calibrated(trained("user", TRAIN, epochs=60, weight_decay=0.1), tmp_path)

    result, twice = calibrated(once, tmp_path)

    assert first.calibrated is not None
    assert result.calibrated is not None
    assert result.calibrated.nll[0] == pytest.approx(first.calibrated.nll[1], rel=1e-6)
    assert twice.calibration is not None
    assert once.calibration is not None
    assert twice.calibration.temperature == pytest.approx(
        once.calibration.temperature * result.calibrated.fitted.temperature
    )


def test_one_after_another_is_the_same_as_both_at_once() -> None:
    q = np.random.default_rng(0).dirichlet(np.ones(4), 50)
    first, second = (
        Calibration(1.5, np.array([0.1, -0.3, 0.2, 0])),
        Calibration(0.7, np.array([0.2, 0, 0, -0.2])),
    )

    np.testing.assert_allclose(apply(second.after(first), q), apply(second, apply(first, q)), rtol=1e-9)


def test_predictions_of_another_model_are_refused(tmp_path: Path) -> None:
    path = predictions_of(trained("user", TRAIN), tmp_path)

    with pytest.raises(MismatchError, match="not of the model that is to be calibrated"):
        rbmcli.evaluate(path, model=trained("item", TRAIN), calibrate=tmp_path / "right.parquet")
    assert not (tmp_path / "right.parquet").exists()


def test_the_ratings_that_were_trained_on_are_refused(tmp_path: Path) -> None:
    model = rbmcli.train(TRAIN, settings=quick()).model
    path = predictions_of(model, tmp_path, TRAIN)

    with pytest.raises(MismatchError, match="the ratings that the model was trained on"):
        rbmcli.evaluate(path, model=model, calibrate=tmp_path / "right.parquet")


def test_predictions_without_probabilities_are_refused(tmp_path: Path) -> None:
    model = trained("user", TRAIN)
    rbmcli.predict(model, TRAIN, VALID, tmp_path / "p.parquet")

    with pytest.raises(DataError, match="no probabilities to calibrate"):
        rbmcli.evaluate(tmp_path / "p.parquet", model=model, calibrate=tmp_path / "right.parquet")


def test_base_rates_alone_are_refused(tmp_path: Path) -> None:
    model = trained("user", TRAIN)
    pairs = pa.table({"user": ["u01", "u02"], "item": [999, 998], "rating": [1.0, 2.0]})
    path = predictions_of(model, tmp_path, pairs)

    with pytest.raises(DataError, match="none of the 2 predictions is the model's own"):
        rbmcli.evaluate(path, model=model, calibrate=tmp_path / "right.parquet")


def test_several_files_are_refused(tmp_path: Path) -> None:
    model = trained("user", TRAIN)
    path = predictions_of(model, tmp_path)

    with pytest.raises(UsageError, match="expected one file of predictions"):
        rbmcli.evaluate([path, path], model=model, calibrate=tmp_path / "right.parquet")


@pytest.mark.parametrize("given", ["model", "calibrate"])
def test_model_and_copy_go_together(given: str, tmp_path: Path) -> None:
    path = predictions_of(trained("user", TRAIN), tmp_path)

    with pytest.raises(UsageError, match="go together"):
        rbmcli.evaluate(path, **{given: tmp_path / "m.parquet"})


def test_where_a_gate_trips_no_model_is_written(tmp_path: Path) -> None:
    model = trained("user", TRAIN)
    path = predictions_of(model, tmp_path)

    with pytest.raises(GateError):
        rbmcli.evaluate(path, model=model, calibrate=tmp_path / "right.parquet", fail_if=["rmse>0"])
    assert not (tmp_path / "right.parquet").exists()


def test_the_card_tells_that_it_was_set_right(tmp_path: Path) -> None:
    calibrated(trained("item", TRAIN), tmp_path)

    inspect(tmp_path / "right.parquet", tmp_path / "card.md")

    assert "were set right on" in (tmp_path / "card.md").read_text()

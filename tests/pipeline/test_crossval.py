"""Cross-validation: each rating is predicted by a model of others, and measured as evaluate does it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

import rbmcli
from rbmcli.config import InputSettings, LevelSettings
from rbmcli.errors import DataError, DivergenceError, GateError, UsageError
from rbmcli.pipeline import crossval_fold
from rbmcli.pipeline.crossval import CrossvalResult
from tests.pipeline.crossvals import FOLDS, crossed, files_of, metadata_of, small
from tests.recorder import Recorder
from tests.small_ratings import dated, quick, ratings, rows_of, shuffled, table_of

ANSWERS = ["prediction", "source", "probabilities", "entropy"]


def in_fold(result: CrossvalResult, number: int) -> pa.Table:
    """Return the predictions of a fold."""
    return result.predictions.filter(pa.array(np.asarray(result.predictions["fold"]) == number))


def split(result: CrossvalResult, number: int) -> tuple[pa.Table, pa.Table]:
    """Return the ratings outside and in a fold, as the predictions tell them."""
    inside = np.asarray(result.predictions["fold"]) == number
    kept = [name for name in result.predictions.column_names if name not in {*ANSWERS, "fold"}]
    table = result.predictions.select(kept).replace_schema_metadata(None)
    return table.filter(pa.array(~inside)), table.filter(pa.array(inside))


# Who predicts what.


def test_each_rating_is_predicted_once_in_the_order_of_a_file() -> None:
    result = crossed(shuffled(small()))

    assert rows_of(result.predictions) == sorted(rows_of(small()))
    assert result.predictions["prediction"].null_count == 0
    assert sorted({fold.n for fold in result.folds}) == sorted(
        {len(part) for part in np.array_split(np.arange(small().num_rows), FOLDS)}
    )
    assert [fold.n + fold.n_train for fold in result.folds] == [small().num_rows] * FOLDS


@pytest.mark.parametrize("by", ["user", "item"])
def test_a_fold_is_what_train_and_predict_make_of_the_other_ratings(by: str) -> None:
    table = dated(small())
    training = {"by": by, "day_bias": True, "seed": 5}
    result = crossed(table, training=training)

    for number in (1, 2, 3):
        others, own = split(result, number)
        settings = quick(**{"validation": "holdout", "epochs": 3, "average": 2, **training})
        model = rbmcli.train(others, settings=settings).model
        asked = own.drop_columns(["rating"])
        predicted = rbmcli.predict(
            model, others, asked, settings=rbmcli.PredictSettings(probabilities=True)
        ).table
        assert in_fold(result, number).select(ANSWERS).equals(predicted.select(ANSWERS))


@pytest.mark.parametrize(
    "training", [{"by": "user"}, {"by": "item"}, {"validation": "none"}, {"refit": True}]
)
def test_no_rating_of_a_fold_reaches_what_predicts_it(training: dict[str, Any]) -> None:
    before = crossed(training=training)
    inside = np.asarray(before.predictions["fold"]) == 2
    rating = np.asarray(before.predictions["rating"])
    # On levels that there were before, but every one another.
    changed = np.where(inside, np.array([5, 4, 0, 2, 1], np.float32)[rating.astype(int) - 1], rating)
    names = ["user", "item"]
    columns = [before.predictions[name] for name in names]
    table = pa.table([*columns, pa.array(changed, pa.float32())], names=[*names, "rating"])

    after = crossed(table, training=training)

    answers = [name for name in before.predictions.column_names if name != "rating"]
    assert in_fold(after, 2).select(answers).equals(in_fold(before, 2).select(answers))
    assert not in_fold(after, 1).select(answers).equals(in_fold(before, 1).select(answers))


def test_neither_training_nor_predicting_is_given_a_rating_of_the_fold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[set[tuple]] = []
    train, predict = crossval_fold.train, crossval_fold.predict

    def watch_train(table: pa.Table, **options: Any) -> object:
        assert options.get("valid") is None
        seen.append(set(rows_of(table)))
        return train(table, **options)

    def watch_predict(model: object, history: pa.Table, pairs: pa.Table, **options: Any) -> object:
        assert "rating" not in pairs.column_names
        assert set(rows_of(history)) == seen[-1]
        return predict(model, history, pairs, **options)

    monkeypatch.setattr(crossval_fold, "train", watch_train)
    monkeypatch.setattr(crossval_fold, "predict", watch_predict)

    result = crossed()

    assert len(seen) == FOLDS
    for number, trained_on in enumerate(seen, 1):
        own = set(rows_of(in_fold(result, number)))
        assert (trained_on & own, trained_on | own) == (set(), set(rows_of(small())))


def test_pairs_that_are_known_to_have_been_rated_count_in_every_fold() -> None:
    unknown = pa.table({"user": ["u00", "u01", "u02", "new"], "item": [100, 101, 102, 103]})
    table = small().filter(
        pa.array([row[:2] not in {("u00", 100), ("u01", 101)} for row in rows_of(small())])
    )

    with_pairs, without_pairs = crossed(table, also_rated=unknown), crossed(table)

    for number in range(1, FOLDS + 1):
        answers = [in_fold(result, number).select(ANSWERS) for result in (with_pairs, without_pairs)]
        assert not answers[0].equals(answers[1])


def test_each_fold_chooses_its_own_settings_with_preset_accurate() -> None:
    training = {"preset": "accurate", "by": None, "objective": None, "epochs": 2}

    result = crossed(training=training, folds=2)

    for fold in result.folds:
        chosen = fold.training["settings"]
        assert (chosen["preset"], chosen["refit"]) == ("accurate", True)
        assert chosen["by"] in {"user", "item"}
        assert chosen["objective"] in {"divergence", "discriminative"}


# The scale.


def test_levels_are_those_of_all_ratings_so_that_a_rare_one_is_known_in_every_fold() -> None:
    table = small()
    rare = pa.concat_tables([table, table_of(["u00"], [999], [3])])

    result = crossed(rare)

    assert result.predictions.schema.field("probabilities").type.list_size == 5
    assert set(np.asarray(table["rating"])) == {1, 2, 4, 5}


def test_bins_are_cut_from_what_a_fold_trains_on_and_all_together_have_no_probabilities() -> None:
    table = ratings(levels=5)
    continuous = np.asarray(table["rating"]) + np.linspace(0, 0.9, table.num_rows)
    table = table.set_column(2, "rating", pa.array(continuous, pa.float32()))
    recorder = Recorder()

    result = crossed(table, level_settings=LevelSettings(bins=4), progress=recorder)

    assert "probabilities" not in result.predictions.column_names
    assert any("every fold has cut its own bins" in told for told in recorder.warnings)
    assert set(result.pooled.segments()["all"]) == {"n", "rmse", "mae", "coverage"}
    assert "nll" in result.mean["model"]


def test_bins_that_a_file_names_are_cut_anew(tmp_path: Any) -> None:
    table = ratings(levels=5)
    continuous = np.asarray(table["rating"]) + np.linspace(0, 0.9, table.num_rows)
    table = table.set_column(2, "rating", pa.array(continuous, pa.float32()))
    whole = rbmcli.prepare(
        table, settings=rbmcli.PrepareSettings(split="none"), level_settings=LevelSettings(bins=4)
    ).ratings

    crossed(whole, tmp_path / "named")
    crossed(table, tmp_path / "given", level_settings=LevelSettings(bins=4))

    named, given = (metadata_of(tmp_path / name / "fold-1.parquet") for name in ("named", "given"))
    assert named["edges"] == given["edges"]
    assert named["edges"] != rbmcli.prepare(whole).levels.as_metadata()["edges"]


def test_ratings_on_no_level_are_treated_as_asked() -> None:
    table = pa.concat_tables([small(), table_of(["u00"], [999], [4.4])])
    levels = LevelSettings(levels=(1, 2, 3, 4, 5))

    with pytest.raises(DataError, match=r"rating 4\.4"):
        crossed(table, level_settings=levels)
    dropped = crossed(table, level_settings=levels, input_settings=InputSettings(unknown_level="drop"))
    nearest = crossed(table, level_settings=levels, input_settings=InputSettings(unknown_level="nearest"))

    assert dropped.pooled.n == small().num_rows
    assert nearest.pooled.n == small().num_rows + 1
    assert 4.4 in {round(rating, 1) for rating in nearest.predictions["rating"].to_pylist()}


# The figures.


def test_the_figures_of_a_fold_are_those_that_evaluate_gives() -> None:
    result = crossed()

    for fold in result.folds:
        others, _ = split(result, fold.fold)
        own = in_fold(result, fold.fold)
        found = rbmcli.evaluate(own, history=others, resamples=0)
        assert list(fold.figures) == ["model", "global mean", "item mean", "user+item bias"]
        for name, figures in fold.figures.items():
            assert {**figures, "n": fold.n} == found.segments(name)["all"]
        assert fold.figures["model"]["coverage"] == 1.0


def test_mean_and_spread_are_mean_and_standard_deviation_over_folds() -> None:
    result = crossed()

    for predictor in ("model", "user+item bias"):
        values = [fold.figures[predictor]["rmse"] for fold in result.folds]
        assert result.mean[predictor]["rmse"] == pytest.approx(sum(values) / FOLDS)
        squares = sum((value - sum(values) / FOLDS) ** 2 for value in values)
        assert result.spread[predictor]["rmse"] == pytest.approx((squares / (FOLDS - 1)) ** 0.5)


def test_all_together_are_measured_as_evaluate_measures_the_file(tmp_path: Any) -> None:
    result = crossed(output=tmp_path / "cv", training={"seed": 7})

    found = rbmcli.evaluate(tmp_path / "cv" / "predictions.parquet", seed=7)

    pooled = [entry for entry in result.pooled.metrics if entry.predictor == "model" and not entry.against]
    assert found.metrics == pooled
    assert set(found.intervals()["all"]) >= {"rmse", "nll"}


def test_all_together_stand_beside_what_each_baseline_says_in_its_fold() -> None:
    result = crossed()

    for name in result.mean:
        squares = sum(fold.n * fold.figures[name]["rmse"] ** 2 for fold in result.folds)
        assert result.pooled.segments(name)["all"]["rmse"] == pytest.approx(
            (squares / result.pooled.n) ** 0.5
        )
    bias = next(
        entry
        for entry in result.pooled.differences()
        if (entry.metric, entry.against) == ("rmse", "user+item bias")
    )
    assert bias.low < bias.value < bias.high


def test_the_metrics_hold_all_together_each_fold_mean_and_spread() -> None:
    result = crossed()

    table = result.metrics.to_pylist()
    rows = {(row["metric"], row["segment"]): row for row in table if row["predictor"] == "model"}
    rows |= {(row["metric"], row["segment"], row["predictor"]): row for row in table if not row["against"]}
    assert rows["rmse", "all", "model"]["low"] < rows["rmse", "all", "model"]["value"]
    assert rows["rmse", "fold=2"]["value"] == result.folds[1].figures["model"]["rmse"]
    assert rows["rmse", "fold=2"]["n"] == result.folds[1].n
    assert rows["rmse", "mean"]["value"] == result.mean["model"]["rmse"]
    assert rows["mae", "spread"]["value"] == result.spread["model"]["mae"]
    assert rows["mae", "mean", "item mean"]["value"] == result.mean["item mean"]["mae"]
    assert rows["coverage", "mean"]["value"] == 1.0
    assert rows["rmse", "mean"]["low"] is None


def test_a_figure_that_a_fold_does_not_have_has_no_mean() -> None:
    table = ratings(6, 5)

    result = crossed(table, folds=table.num_rows, training={"validation": "none", "epochs": 1})

    assert all(fold.n == 1 for fold in result.folds)
    has_kappa = [fold for fold in result.folds if "kappa" in fold.figures["model"]]
    assert len(has_kappa) < len(result.folds)
    assert "kappa" not in result.mean["model"]
    assert {"rmse", "mae", "nll"} <= set(result.mean["model"])


def test_without_resamples_there_are_no_intervals() -> None:
    assert crossed(settings={"resamples": 0}).pooled.intervals() == {}


def test_gates_look_at_the_means() -> None:
    rmse = crossed().mean["model"]["rmse"]

    crossed(fail_if=[f"rmse>{rmse + 1e-9}", "coverage<1"])
    with pytest.raises(GateError, match=r"rmse is ") as caught:
        crossed(fail_if=[f"rmse>{rmse - 1e-9}"])

    assert caught.value.hint == "no file was written"
    assert isinstance(caught.value.result, CrossvalResult)
    with pytest.raises(UsageError, match="no figure 'n'"):
        crossed(fail_if=["n<5"])


# What goes in.


def test_order_and_format_of_the_ratings_make_no_difference(tmp_path: Any) -> None:
    pyarrow.csv.write_csv(shuffled(small()), tmp_path / "r.csv")

    crossed(output=tmp_path / "table")
    crossed(tmp_path / "r.csv", tmp_path / "text")

    assert files_of(tmp_path / "table") == files_of(tmp_path / "text")


def test_another_seed_draws_other_folds() -> None:
    first, second = (crossed(training={"seed": seed}).predictions["fold"] for seed in (0, 1))

    assert first != second


@pytest.mark.parametrize(
    ("folds", "words"), [(1, "--folds 1 is outside"), (1000, "--folds 1000: the table has [0-9]+ ratings")]
)
def test_folds_are_two_or_more_and_none_is_empty(folds: int, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        crossed(folds=folds)


def test_an_error_in_a_fold_names_it() -> None:
    with pytest.raises(DivergenceError, match=r"fold 1 of 3: training left the finite numbers") as caught:
        crossed(training={"learning_rate": 1e3, "momentum": "0.99", "weight_decay": 10, "epochs": 30})

    assert "--learning-rate" in caught.value.hint


def test_what_is_told_is_a_few_lines_of_each_fold() -> None:
    recorder = Recorder()

    result = crossed(progress=recorder)

    assert recorder.reports == []
    told = [line for line in recorder.told if line.startswith("fold ")]
    assert len(told) == FOLDS
    figures = {name: entries["rmse"] for name, entries in result.folds[1].figures.items()}
    assert told[1].startswith(f"fold 2 of 3: RMSE {figures.pop('model'):.4f}, ")
    assert f"{min(figures.values()):.4f}; the model is of epoch " in told[1]

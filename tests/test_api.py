"""The Python side: tables and frames in, tables out, and nothing heavy imported before it is needed."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import rbmcli
from rbmcli.pipeline.evaluate import EvaluateResult
from tests.small_ratings import quick, ratings

FRAME = ratings(40, 20).to_pandas()


def chain(given: object, by: str) -> tuple[pa.Table, pa.Table, EvaluateResult]:
    """Go through all steps in memory; return predictions, recommendations and the evaluation."""
    parts = rbmcli.prepare(given)
    model = rbmcli.train(parts.train, valid=parts.valid, settings=quick(by, validation="holdout")).model
    settings = rbmcli.PredictSettings(probabilities=True)
    predictions = rbmcli.predict(model, history=parts.train, pairs=parts.test, settings=settings)
    figures = rbmcli.evaluate(predictions.table, history=parts.train)
    recommendations = rbmcli.recommend(model, parts.train, settings=rbmcli.RecommendSettings(top=2))
    return predictions.table, recommendations.table, figures


@pytest.mark.parametrize("by", ["user", "item"])
def test_a_frame_and_a_table_go_through_all_steps_in_memory_with_one_result(by: str) -> None:
    predictions, recommendations, figures = chain(FRAME, by)
    of_table = chain(pa.Table.from_pandas(FRAME), by)

    assert predictions.equals(of_table[0])
    assert recommendations.equals(of_table[1])
    assert figures.n == predictions.num_rows > 20
    assert {"user", "item", "rating", "prediction", "source", "probabilities"} <= set(
        predictions.column_names
    )


def test_frames_go_in_and_out_at_every_step() -> None:
    train, pairs = FRAME.iloc[::2], FRAME.iloc[1::2]

    model = rbmcli.train(train, valid=pairs, settings=quick(validation="holdout")).model
    predictions = rbmcli.predict(model, train, pairs).to_pandas()
    recommended = rbmcli.recommend(model, train, pairs[["user"]]).to_pandas()
    figures = rbmcli.evaluate(predictions)

    assert predictions["user"].tolist() == pairs["user"].tolist()
    assert set(recommended["user"]) == set(pairs["user"])
    error = predictions["prediction"] - predictions["rating"]
    assert figures.segments()["all"]["rmse"] == pytest.approx(np.sqrt((error**2).mean()), rel=1e-6)


def test_a_table_is_never_changed_by_what_it_is_given_to() -> None:
    frame, table = FRAME.copy(), pa.Table.from_pandas(FRAME)
    before = table.slice(0)

    chain(frame, "item")
    chain(table, "item")

    pd.testing.assert_frame_equal(frame, FRAME)
    assert table.equals(before, check_metadata=True)


def test_files_and_memory_give_the_same_model(tmp_path: Path) -> None:
    FRAME.to_csv(tmp_path / "r.csv", index=False)

    from_file = rbmcli.train(tmp_path / "r.csv", tmp_path / "m.parquet", settings=quick("item"))
    from_memory = rbmcli.train(FRAME, settings=quick("item"))

    rbmcli.save_model(from_memory.model, tmp_path / "n.parquet")
    assert from_file.path == tmp_path / "m.parquet"
    assert (tmp_path / "m.parquet").read_bytes() == (tmp_path / "n.parquet").read_bytes()


def test_a_model_can_be_given_as_what_it_is_or_as_its_file(tmp_path: Path) -> None:
    model = rbmcli.train(FRAME, str(tmp_path / "m.parquet"), settings=quick()).model
    forms = [model, tmp_path / "m.parquet", str(tmp_path / "m.parquet")]
    forms.append(rbmcli.load_model(str(tmp_path / "m.parquet")))

    results = [rbmcli.predict(form, FRAME, FRAME).table for form in forms]

    assert all(result.equals(results[0]) for result in results)
    assert rbmcli.recommend(forms[1], FRAME).table.equals(rbmcli.recommend(model, FRAME).table)


def test_mistakes_are_errors_of_one_tree_with_a_message() -> None:
    with pytest.raises(rbmcli.RbmcliError, match="is no table"):
        rbmcli.train(42)
    with pytest.raises(rbmcli.RbmcliError, match="--hidden 0 is outside"):
        rbmcli.TrainSettings(hidden=0)
    with pytest.raises(rbmcli.RbmcliError, match="no such file"):
        rbmcli.load_model("nowhere.parquet")
    missing = "fit"
    with pytest.raises(AttributeError, match="no attribute 'fit'"):
        getattr(rbmcli, missing)


def test_the_public_names_are_these() -> None:
    assert rbmcli.__all__ == [
        "AutoencoderSettings",
        "BiasSettings",
        "CatalogueSettings",
        "CrossvalSettings",
        "ExplainSettings",
        "FactorizationSettings",
        "InputSettings",
        "LevelSettings",
        "NeighboursSettings",
        "PredictSettings",
        "PrepareSettings",
        "RankingSettings",
        "RbmcliError",
        "RecommendSettings",
        "ReportSettings",
        "SimilarSettings",
        "TrainSettings",
        "TuneSettings",
        "crossval",
        "evaluate",
        "evaluate_ranking",
        "explain",
        "load_model",
        "predict",
        "prepare",
        "recommend",
        "report",
        "save_model",
        "similar",
        "train",
        "tune",
    ]
    assert set(rbmcli.__all__) <= set(dir(rbmcli))


@pytest.mark.parametrize("name", rbmcli.__all__)
def test_every_public_name_can_be_had_and_is_documented(name: str) -> None:
    assert inspect.getdoc(getattr(rbmcli, name))


def test_types_are_told_to_those_who_check_them() -> None:
    assert Path(rbmcli.__file__).with_name("py.typed").exists()


def test_importing_the_package_imports_nothing_heavy() -> None:
    program = "import sys, rbmcli; print({'numpy', 'numba', 'pandas', 'pyarrow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"

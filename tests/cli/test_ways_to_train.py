"""Every kind of model and every way to train it, from ratings to recommendations, by the commands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import rbmcli
from rbmcli.cli.main import main
from rbmcli.models.rbm import Rbm
from tests.small_ratings import table_of, tastes

BOTH = pytest.mark.parametrize("by", ["user", "item"])
DIVERGENCE = "--objective divergence --learning-rate 0.1"
DISCRIMINATIVE = "--objective discriminative --network-rate 0.03"
WAYS: dict[str, tuple[str, str, dict[str, object]]] = {
    "gaussian": (DIVERGENCE, "--hidden-units gaussian", {"hidden_units": "gaussian"}),
    "gaussian network": (DISCRIMINATIVE, "--hidden-units gaussian", {"hidden_units": "gaussian"}),
    "factored": (DIVERGENCE, "--factors 3", {"factors": 3}),
    "factored network": (DISCRIMINATIVE, "--factors 3", {"factors": 3}),
    "sharing levels": (DIVERGENCE, "--level-functions 2", {"level_functions": 2}),
    "network sharing levels": (DISCRIMINATIVE, "--level-functions 2", {"level_functions": 2}),
    "all forms at once": (
        DISCRIMINATIVE,
        "--hidden-units gaussian --factors 3 --level-functions 2 --no-conditional",
        {"hidden_units": "gaussian", "factors": 3, "level_functions": 2, "conditional": False},
    ),
    "without D": (DIVERGENCE, "--no-conditional", {"conditional": False}),
    "persistent": (DIVERGENCE, "--persistent", {"persistent": True}),
    "more Gibbs steps": (DIVERGENCE, "--cd-steps 1,3@2", {"cd_steps": "1,3@2"}),
    "momentum": (DIVERGENCE, "--momentum 0.5,0.8@2", {"momentum": "0.5,0.8@2"}),
    "averaged": (DIVERGENCE, "--average 2", {"average": 2}),
    "averaged network": (DISCRIMINATIVE, "--average 2", {"average": 2}),
    "fine-tuned": (DIVERGENCE, "--fine-tune", {"fine_tune": True}),
    "discriminative": (DIVERGENCE, "--objective discriminative", {"objective": "discriminative"}),
    "divergence": (DISCRIMINATIVE, "--objective divergence", {"objective": "divergence"}),
}
"""Options to begin with, those that make the difference, and the settings that they stand for."""
ALL_WAYS = pytest.mark.parametrize(("begin", "options", "settings"), WAYS.values(), ids=WAYS)


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ratings to train on, some to validate by, and a history with a new and a changed user."""
    monkeypatch.chdir(tmp_path)
    held_out = np.arange(tastes().num_rows) % 10 == 0
    parts = [tastes().filter(pa.array(chosen)) for chosen in (~held_out, held_out)]
    others = table_of(["new"] * 4 + ["u00"], [100, 103, 104, 999, 999], [5, 1, 2, 4, 4])
    for name, table in zip(("train", "valid"), parts, strict=True):
        pq.write_table(table, f"{name}.parquet")
    pq.write_table(pa.concat_tables([parts[0], others]), "history.parquet")


def train(by: str, options: str, output: str = "m.parquet") -> Rbm:
    """Train for three epochs of eight mini-batches."""
    files = ["train", "train.parquet", "--valid", "valid.parquet", "-o", output]
    how = f"--by {by} --hidden 6 --level-functions 0 --epochs 3 --average 1 --batch-size 8 -q"
    assert main([*files, *how.split(), *options.split()]) == 0
    return rbmcli.load_model(output)


def written(name: str) -> pa.Table:
    return pq.ParquetFile(name).read()


@BOTH
@ALL_WAYS
def test_a_model_is_trained_stored_and_read_with_its_settings(
    by: str, begin: str, options: str, settings: dict
) -> None:
    plain = train(by, begin)

    model = train(by, f"{begin} {options}", "changed.parquet")

    assert {name: getattr(model.settings, name) for name in settings} == settings
    assert {name: getattr(plain.settings, name) for name in settings} != settings
    assert all(np.isfinite(report["valid_rmse"]) for report in model.record["epochs"])
    assert model.record["epochs"] != plain.record["epochs"]


@BOTH
@ALL_WAYS
def test_a_model_predicts_every_pair_on_the_scale(by: str, begin: str, options: str, settings: dict) -> None:
    train(by, f"{begin} {options}")
    asking = "predict m.parquet --history history.parquet --all-items --probabilities -o p.parquet -q"

    for inference in ("mean-field", "exact"):
        assert main([*asking.split(), "--inference", inference]) == 0

        found = written("p.parquet")
        assert found.num_rows == 61 * 20
        assert set(found["source"].to_pylist()) == {"model", "folded_in"}
        prediction, share = np.array(found["prediction"]), np.array(found["probabilities"].to_pylist())
        assert ((prediction >= 1) & (prediction <= 5)).all()
        np.testing.assert_allclose(share.sum(axis=1), 1, atol=1e-5)
        # Different items are told apart.
        assert prediction.std() > 0.05


@BOTH
@ALL_WAYS
def test_a_model_recommends_what_it_predicts_highest(
    by: str, begin: str, options: str, settings: dict
) -> None:
    train(by, f"{begin} {options}")
    history = ["--history", "history.parquet", "-q"]
    assert main(["predict", "m.parquet", "--all-items", "-o", "p.parquet", "--keep-own", *history]) == 0

    assert main(["recommend", "m.parquet", "--top", "3", "-o", "r.parquet", *history]) == 0

    rated = {(row["user"], row["item"]) for row in written("history.parquet").to_pylist()}
    unseen: dict[str, list[float]] = {}
    for row in written("p.parquet").to_pylist():
        if (row["user"], row["item"]) not in rated:
            unseen.setdefault(row["user"], []).append(row["prediction"])
    best = {user: sorted(scores, reverse=True)[:3] for user, scores in unseen.items()}
    found: dict[str, list[float]] = {}
    for row in written("r.parquet").to_pylist():
        assert (row["user"], row["item"]) not in rated
        found.setdefault(row["user"], []).append(row["score"])
    assert found == {user: pytest.approx(scores, abs=1e-5) for user, scores in best.items()}


@BOTH
@ALL_WAYS
def test_inspect_tells_the_settings(
    by: str, begin: str, options: str, settings: dict, capsys: pytest.CaptureFixture[str]
) -> None:
    model = train(by, f"{begin} {options}")

    assert main(["inspect", "m.parquet", "--json"]) == 0

    told = json.loads(capsys.readouterr().out)["figures"]
    assert (told["format"], told["problem"]) == ("model", "")
    assert told["metadata"]["settings"] == model.settings.as_dict()
    assert settings.items() <= told["metadata"]["settings"].items()
    assert told["metadata"]["best_epochs"] == model.record["best_epochs"]
    assert main(["inspect", "m.parquet"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert all([f"settings.{name}", str(value)] in lines for name, value in settings.items())


@BOTH
@ALL_WAYS
def test_a_model_has_the_same_bytes_at_any_number_of_threads(
    by: str, begin: str, options: str, settings: dict
) -> None:
    for threads, output in (("1", "a"), ("2", "b"), ("2", "c")):
        train(by, f"{begin} {options} --threads {threads}", output)

    assert len({Path(name).read_bytes() for name in "abc"}) == 1


@BOTH
def test_predictions_of_a_factored_model_of_normal_units_are_evaluated(
    by: str, capsys: pytest.CaptureFixture[str]
) -> None:
    train(by, f"{DISCRIMINATIVE} --hidden-units gaussian --factors 3")
    files = ["--history", "train.parquet", "--pairs", "valid.parquet", "-o", "p.parquet", "-q"]
    assert main(["predict", "m.parquet", "--probabilities", *files]) == 0

    assert main(["evaluate", "p.parquet", "--history", "train.parquet", "--json", "-q"]) == 0

    figures = json.loads(capsys.readouterr().out)["figures"]["predictors"][0]["segments"]["all"]
    model = rbmcli.load_model("m.parquet")
    best = model.record["epochs"][model.record["best_epoch"] - 1]
    assert figures["rmse"] == pytest.approx(best["valid_rmse"], abs=1e-5)
    assert figures["nll"] == pytest.approx(best["valid_nll"], abs=1e-5)


# Presets and refitting.


def preset(options: str, capsys: pytest.CaptureFixture[str]) -> tuple[Rbm, str]:
    """Train at the accurate preset, and return the model and what was told."""
    given = "--hidden 6 --level-functions 2 --penalty 2 --epochs 2"
    how = f"--valid valid.parquet --preset accurate {given} {options} -o m.parquet"
    assert main(["train", "train.parquet", *how.split()]) == 0
    return rbmcli.load_model("m.parquet"), capsys.readouterr().err


def test_the_accurate_preset_tells_what_it_tries_and_why_it_chose(
    capsys: pytest.CaptureFixture[str],
) -> None:
    model, told = preset("", capsys)

    tried = model.record["tried"]
    best = min(tried, key=lambda trial: trial["valid_rmse"])
    assert len({(trial["by"], trial["objective"]) for trial in tried}) == 4
    assert (model.settings.by, model.settings.objective) == (best["by"], best["objective"])
    for trial in tried:
        assert f"training with rows of {trial['by']}s, {trial['objective']}" in told
    chosen = f"rows of {best['by']}s, {best['objective']}, "
    assert f"chosen for its validation RMSE of {best['valid_rmse']:.4f}: {chosen}" in told
    assert "training again on all ratings for" in told
    assert model.row_ratings.sum() == tastes().num_rows


def test_what_is_given_is_not_tried_otherwise_by_the_accurate_preset(
    capsys: pytest.CaptureFixture[str],
) -> None:
    model, told = preset("--by item --no-refit", capsys)

    assert {trial["by"] for trial in model.record["tried"]} == {"item"}
    assert len(model.record["tried"]) == 2
    assert "training again" not in told
    assert model.row_ratings.sum() == pq.read_metadata("train.parquet").num_rows


@pytest.mark.parametrize(("by", "words"), [("user", "in one pass"), ("item", "parameters of their own")])
def test_training_tells_with_what_and_what_that_means_for_new_users(
    by: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "train.parquet", "--by", by, "--epochs", "1", "-o", "m.parquet"]) == 0

    told = capsys.readouterr().err
    assert f"training with rows of {by}s, discriminative, " in told
    assert words in told[told.index("new users need no training") :].splitlines()[0]


def test_inspect_tells_how_many_ways_were_tried(capsys: pytest.CaptureFixture[str]) -> None:
    preset("--objective divergence", capsys)

    assert main(["inspect", "m.parquet"]) == 0

    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("tried ")]
    assert "2 entries, the last: " in line
    assert "by user" in line
    assert "objective divergence" in line


@BOTH
def test_fine_tuning_alone_means_both_stages(by: str) -> None:
    model = train(by, "--fine-tune")

    assert model.settings.stages() == ["divergence", "discriminative"]
    assert len(model.record["best_epochs"]) == 2
    assert len(model.record["epochs"]) == 6

"""Training again on all ratings for as long as was best, and the preset that does so with the best trial."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pyarrow as pa
import pytest

from rbmcli.config import TrainSettings
from rbmcli.errors import DivergenceError
from rbmcli.kernels.arrays import Parameters
from rbmcli.models.exploration import MOVED
from rbmcli.models.fit import fit
from rbmcli.models.priors import column_base_rates, global_prior, smoothings
from rbmcli.models.rbm import Rbm
from rbmcli.models.training_data import TrainingData
from rbmcli.progress import Progress
from tests.models.held_out import SCALE, every_tenth, fit_on, levelled
from tests.recorder import Recorder
from tests.small_ratings import ALL_WAYS, quick, tastes

BOTH = pytest.mark.parametrize("by", ["user", "item"])


# Refitting.


@BOTH
@ALL_WAYS
def test_a_refit_is_training_on_all_ratings_for_the_best_epochs_of_each_stage(by: str, changes: dict) -> None:
    table, recorder = tastes(), Recorder()
    settings = quick(by, validation="holdout", **{"epochs": 6, **changes})
    chosen = fit_on(table, every_tenth(table), settings)
    best = chosen.record["best_epochs"]

    refitted = fit_on(table, every_tenth(table), dataclasses.replace(settings, refit=True), recorder)

    for array, expected in zip(refitted.parameters, fitted_on_all(table, refitted, best), strict=True):
        np.testing.assert_array_equal(array, expected)
    assert refitted.record["best_epochs"] == best
    assert refitted.record["epochs"] == chosen.record["epochs"]
    assert f"training again on all ratings for {' + '.join(map(str, best))} epochs" in recorder.told
    assert len(recorder.reports) == len(chosen.record["epochs"]) + sum(best)
    assert refitted.row_ratings.sum() == table.num_rows


def fitted_on_all(table: pa.Table, model: Rbm, epochs: list[int]) -> Parameters:
    """Return the parameters of training on all ratings by as many epochs in each stage as are given."""
    settings, rows = model.settings, levelled(table).rows(model.settings.by)
    overall = global_prior(rows.level, 5)
    of_columns, of_rows = smoothings(settings, SCALE.values, overall)
    prior = column_base_rates(rows, overall, of_columns, of_rows)
    np.testing.assert_array_equal(model.column_prior, prior)
    data = TrainingData(rows, prior, SCALE.values, of_rows)
    return fit(data, settings, None, Progress(), tuple(epochs)).parameters


@BOTH
def test_a_refit_of_two_stages_stops_each_where_it_was_best(by: str) -> None:
    settings = quick(by, validation="holdout", fine_tune=True, network_rate=0.03, learning_rate=2.0)

    model = fit_on(tastes(), every_tenth(tastes()), settings)

    epochs = [report["valid_rmse"] for report in model.record["epochs"]]
    first, second = model.record["best_epochs"]
    assert len(epochs) == 2 * settings.epochs
    assert epochs[first - 1] == pytest.approx(min(epochs[: settings.epochs]), abs=1e-5)
    assert 0 < first < settings.epochs
    assert second == 0 or epochs[settings.epochs + second - 1] == pytest.approx(min(epochs), abs=1e-5)


# The accurate preset.


def accurate(**changes: object) -> TrainSettings:
    """Return settings that leave only orientation and objective to be tried out."""
    chosen = {
        "preset": "accurate",
        "objective": None,
        "validation": "holdout",
        "network_rate": 0.03,
        "penalty": 1.0,
    }
    return quick(None, **{**chosen, **changes})


@pytest.mark.parametrize("seed", [0, 1])
def test_the_accurate_preset_keeps_the_best_of_what_it_tried(seed: int) -> None:
    table, recorder = tastes(), Recorder()

    model = fit_on(table, every_tenth(table), accurate(seed=seed), recorder)

    tried = model.record["tried"]
    best = min(tried, key=lambda trial: trial["valid_rmse"])
    assert {(trial["by"], trial["objective"]) for trial in tried} == set(
        itertools.product(["user", "item"], ["divergence", "discriminative"])
    )
    assert (model.settings.by, model.settings.objective) == (best["by"], best["objective"])
    assert model.record["best_epoch"] == best["best_epoch"]
    assert model.record["epochs"][best["best_epoch"] - 1]["valid_rmse"] == best["valid_rmse"]
    told = [message for message in recorder.told if message.startswith("training with rows of")]
    assert len(told) == len(tried) == 4
    for message, trial in zip(told, tried, strict=True):
        assert message.startswith(f"training with rows of {trial['by']}s, {trial['objective']}, ")
    words = told[tried.index(best)].removeprefix("training with ")
    assert f"chosen for its validation RMSE of {best['valid_rmse']:.4f}: {words}" in recorder.told


def test_the_accurate_preset_moves_settings_that_are_not_given() -> None:
    table, recorder = tastes(), Recorder()

    model = fit_on(table, every_tenth(table), accurate(penalty=None, hidden=None), recorder)

    tried = model.record["tried"]
    assert len({trial["penalty"] for trial in tried}) > 1
    assert {100, 200} <= {trial["hidden"] for trial in tried}
    (chosen,) = [
        trial for trial in tried if all(trial[name] == getattr(model.settings, name) for name in MOVED)
    ]
    assert chosen["valid_rmse"] <= min(trial["valid_rmse"] for trial in tried) * 1.001


def test_a_way_that_leaves_the_finite_numbers_is_passed_over() -> None:
    table = tastes()

    model = fit_on(table, every_tenth(table), accurate(learning_rate=1e3, hidden_units="gaussian"))

    assert model.settings.objective == "discriminative"
    failed = [trial for trial in model.record["tried"] if trial["valid_rmse"] is None]
    assert {trial["objective"] for trial in failed} == {"divergence"}


def test_if_every_way_leaves_the_finite_numbers_there_is_an_error() -> None:
    changes = {"learning_rate": 1e3, "hidden_units": "gaussian", "objective": "divergence"}

    with pytest.raises(DivergenceError):
        fit_on(tastes(), every_tenth(tastes()), accurate(**changes))


@pytest.mark.parametrize(
    ("changes", "winner"),
    [({"network_rate": 1e-9}, "divergence"), ({"learning_rate": 1e-9}, "discriminative")],
)
def test_an_objective_that_learns_nothing_is_not_chosen(changes: dict, winner: str) -> None:
    model = fit_on(tastes(), every_tenth(tastes()), accurate(**changes))

    assert model.settings.objective == winner


def test_each_trial_is_what_training_in_that_way_alone_would_be() -> None:
    table = tastes()

    model = fit_on(table, every_tenth(table), accurate(refit=False))

    for trial in model.record["tried"]:
        way = {name: trial[name] for name in ("by", "objective")}
        alone = fit_on(
            table, every_tenth(table), quick(validation="holdout", network_rate=0.03, penalty=1.0, **way)
        )
        figures = alone.record["epochs"][trial["best_epoch"] - 1]
        assert alone.record["best_epoch"] == trial["best_epoch"]
        assert (figures["valid_rmse"], figures["valid_nll"]) == (trial["valid_rmse"], trial["valid_nll"])
        assert "tried" not in alone.record
        if way == {"by": model.settings.by, "objective": model.settings.objective}:
            np.testing.assert_array_equal(model.parameters.weights, alone.parameters.weights)


def test_the_accurate_preset_trains_the_best_again_on_all_ratings() -> None:
    table = tastes()

    model = fit_on(table, every_tenth(table), accurate())

    expected = fitted_on_all(table, model, model.record["best_epochs"])
    np.testing.assert_array_equal(model.parameters.weights, expected.weights)
    assert model.settings.refit

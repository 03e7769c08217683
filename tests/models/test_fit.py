"""Training: it learns, it keeps the best epoch, it stops in time, and it tells when it went astray."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rbmcli.errors import DivergenceError
from rbmcli.kernels.arrays import Parameters
from rbmcli.models.form import form_of
from rbmcli.models.initial import initial_parameters
from rbmcli.models.learners import NetworkLearner
from tests.models.tasks import LEVELS, SETTINGS, VALUES, bytes_of, taste
from tests.recorder import Recorder

OVERFITTING = replace(SETTINGS, learning_rate=1.0, weight_decay=0.0, rate_decay=0.0)
WAYS: dict[str, dict[str, object]] = {
    "CD-1": {},
    "CD-3": {"cd_steps": "3"},
    "sampled levels": {"reconstruction": "sampled"},
    "persistent chains": {"persistent": True, "learning_rate": 0.1},
    "exact inference": {"inference": "exact"},
    "averaged": {"average": 4},
    "without D": {"conditional": False},
    "gaussian": {"hidden_units": "gaussian", "learning_rate": 0.05},
    "factored": {"factors": 3, "learning_rate": 0.1},
    "sharing levels": {"level_functions": 2},
    "all forms at once": {
        "hidden_units": "gaussian",
        "factors": 6,
        "level_functions": 2,
        "learning_rate": 0.01,
    },
    "discriminative": {"objective": "discriminative"},
    "fine-tuned": {"fine_tune": True, "epochs": 10},
}
ALL_WAYS = pytest.mark.parametrize("changes", WAYS.values(), ids=WAYS)


# It learns.


@ALL_WAYS
def test_a_planted_taste_is_learned(changes):
    task = taste()

    outcome = task.fit(replace(SETTINGS, **changes))

    # The noise that no model can predict is 0.5; base rates leave 1.6.
    assert min(report.valid_rmse for report in outcome.epochs) < 0.45 * task.base_rate_rmse()
    assert outcome.epochs[-1].loss < 0.6 * outcome.epochs[0].loss


@ALL_WAYS
def test_a_seed_gives_the_same_parameters_again_and_another_seed_others(changes):
    task, settings = taste(), replace(SETTINGS, **{**changes, "epochs": 3})

    first, again = (task.fit_without_validation(settings) for _ in range(2))
    other = task.fit_without_validation(replace(settings, seed=1))

    assert bytes_of(first.parameters) == bytes_of(again.parameters)
    assert [report.loss for report in first.epochs] == [report.loss for report in again.epochs]
    assert bytes_of(first.parameters) != bytes_of(other.parameters)


@pytest.mark.parametrize("objective", ["divergence", "discriminative"])
def test_a_model_without_the_conditional_term_learns_none(objective):
    settings = replace(SETTINGS, conditional=False, epochs=2, objective=objective)

    outcome = taste().fit_without_validation(settings)

    assert not outcome.parameters.conditional.any()
    assert outcome.parameters.weights.any()


@pytest.mark.parametrize("objective", ["divergence", "discriminative"])
@pytest.mark.parametrize("change", [{"row_bias": False}, {"row_bias_strength": 1000.0}])
def test_the_row_bias_is_part_of_training(objective, change):
    task, settings = taste(), replace(SETTINGS, epochs=1, objective=objective)

    with_bias = task.fit_without_validation(settings)
    without = task.fit_without_validation(replace(settings, **change))

    assert bytes_of(with_bias.parameters) != bytes_of(without.parameters)


# The epoch that is kept.


@ALL_WAYS
def test_the_parameters_kept_are_those_of_the_best_epoch(changes):
    task, settings = taste(), replace(OVERFITTING, **changes)

    outcome = task.fit(settings)

    errors = [report.valid_rmse for report in outcome.epochs]
    assert errors[outcome.best_epoch - 1] == outcome.best_rmse == pytest.approx(min(errors), abs=1e-5)
    assert task.rmse_of(outcome.parameters, settings) == pytest.approx(outcome.best_rmse, abs=1e-6)


def test_the_best_epoch_need_not_be_the_last():
    outcome = taste().fit(OVERFITTING)

    assert outcome.best_epoch < len(outcome.epochs)
    assert outcome.best_epochs == (outcome.best_epoch,)


def test_training_stops_when_patience_has_run_out():
    settings = replace(OVERFITTING, patience=2)

    outcome = taste().fit(settings)

    assert len(outcome.epochs) == outcome.best_epoch + 2 < settings.epochs
    assert [report.is_best for report in outcome.epochs[-3:]] == [True, False, False]


def test_without_validation_every_epoch_is_run_and_the_last_is_kept():
    task = taste()

    short = task.fit_without_validation(replace(SETTINGS, epochs=3, patience=1))
    long = task.fit_without_validation(replace(SETTINGS, epochs=4, patience=1))

    assert short.best_epoch == len(short.epochs) == 3
    assert short.best_rmse == np.inf
    assert all(report.valid_rmse is None and report.valid_nll is None for report in short.epochs)
    assert bytes_of(short.parameters) != bytes_of(long.parameters)


def test_validation_changes_nothing_in_what_an_epoch_learns():
    task, settings = taste(), replace(SETTINGS, epochs=8)

    watched, unwatched = task.fit(settings), task.fit_without_validation(settings)

    assert watched.best_epoch == 8
    assert bytes_of(watched.parameters) == bytes_of(unwatched.parameters)


def test_validation_ratings_off_the_levels_count_for_the_error_but_not_for_the_likelihood():
    task, settings = taste(), replace(SETTINGS, epochs=1)
    level = task.validation.level.copy()
    level[::2] = 255
    partly = replace(task, validation=replace(task.validation, level=level))

    full, part = task.fit(settings), partly.fit(settings)

    assert part.epochs[0].valid_rmse == full.epochs[0].valid_rmse
    assert np.isfinite(part.epochs[0].valid_nll)
    assert part.epochs[0].valid_nll != full.epochs[0].valid_nll


def test_without_a_validation_rating_on_a_level_there_is_no_likelihood():
    task = taste()
    nowhere = np.full_like(task.validation.level, 255)

    (report,) = (
        replace(task, validation=replace(task.validation, level=nowhere))
        .fit(replace(SETTINGS, epochs=1))
        .epochs
    )

    assert report.valid_nll is None
    assert np.isfinite(report.valid_rmse)


def test_progress_is_told_every_epoch():
    recorder = Recorder()

    outcome = taste().fit(replace(SETTINGS, epochs=4), recorder)

    assert recorder.reports == outcome.epochs
    assert [report.epoch for report in recorder.reports] == [1, 2, 3, 4]
    assert all(report.ratings_per_second > 0 for report in recorder.reports)
    assert recorder.reports[-1].seconds_left == 0.0


# It tells when it went astray.


@pytest.mark.parametrize(
    "changes",
    [
        {"weight_decay": 10.0},
        {"hidden_units": "gaussian"},
        {"factors": 3},
        {"level_functions": 2, "factors": 2},
    ],
)
def test_a_learning_rate_far_too_large_is_told_with_a_hint(changes):
    with pytest.raises(DivergenceError, match="left the finite numbers in epoch") as caught:
        taste().fit(replace(SETTINGS, learning_rate=1000.0, **changes))

    assert "--learning-rate below 1000" in caught.value.hint


def test_the_hint_names_the_rate_of_the_stage_that_went_astray(monkeypatch):
    monkeypatch.setattr(NetworkLearner, "learn", lambda *_: (np.nan, 1))

    with pytest.raises(DivergenceError) as caught:
        taste().fit(replace(SETTINGS, objective="divergence", fine_tune=True, network_rate=0.25))

    assert "--network-rate below 0.25" in caught.value.hint


def test_a_large_learning_rate_without_decay_stays_finite():
    outcome = taste().fit(replace(SETTINGS, learning_rate=1000.0, weight_decay=0.0, epochs=5))

    assert outcome.parameters.is_finite()
    assert all(
        np.isfinite([report.loss, report.valid_rmse, report.valid_nll]).all() for report in outcome.epochs
    )


# Where it starts.


def started(prior: np.ndarray, **changes: object) -> Parameters:
    """Return the parameters that training starts from."""
    return initial_parameters(prior, form_of(replace(SETTINGS, **changes), VALUES), seed=3)


@pytest.fixture
def prior() -> np.ndarray:
    """Base rates of 200 columns."""
    return np.random.default_rng(1).dirichlet(np.ones(LEVELS), 200).astype(np.float32)


@pytest.mark.parametrize("changes", [{}, {"factors": 3}, {"level_functions": 2}])
def test_training_starts_from_small_weights_and_the_logarithms_of_the_base_rates(prior, changes):
    parameters = started(prior, **changes)

    width = changes.get("factors", SETTINGS.hidden)
    np.testing.assert_allclose(np.exp(parameters.visible_bias), prior, rtol=1e-5)
    assert not parameters.weights[:, :, width:].any()
    assert not parameters.conditional.any()
    assert not parameters.hidden_bias.any()
    # Taking the mean over K levels out leaves (K - 1) / K of the variance.
    spread = 0.01 if "level_functions" in changes else 0.01 * np.sqrt((LEVELS - 1) / LEVELS)
    assert parameters.weights[:, :, :width].std() == pytest.approx(spread, rel=0.05)


@pytest.mark.parametrize("changes", [{}, {"factors": 3}])
def test_weights_of_a_group_start_with_sum_0_over_the_levels(prior, changes):
    np.testing.assert_allclose(started(prior, **changes).weights.sum(axis=1), 0, atol=1e-8)


def test_factors_start_at_random_with_variance_1(prior):
    parameters = started(prior, factors=60, hidden=100)

    assert parameters.factors[:60, :100].std() == pytest.approx(1.0, rel=0.05)
    assert not parameters.factors[60:].any()
    assert not parameters.factors[:, 100:].any()

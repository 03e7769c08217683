"""Training: it learns, it keeps the best epoch, it stops in time, and it tells when it went astray."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from rbmcli.config import TrainSettings
from rbmcli.data.ratings import CompressedRows
from rbmcli.errors import DivergenceError, UsageError
from rbmcli.kernels.arrays import Parameters
from rbmcli.kernels.scoring import NOT_OWN, Asked, score_pairs
from rbmcli.models import fit as fit_module
from rbmcli.models.fit import Fit, Validation, fit, initial_parameters, row_states, strength_of
from rbmcli.models.priors import column_counts, global_prior, smoothed
from rbmcli.progress import SILENT, EpochReport, Progress

VALUES = np.arange(1, 6, dtype=np.float32)
ROWS, COLUMNS, LEVELS = 160, 30, len(VALUES)
SETTINGS = TrainSettings(hidden=10, epochs=20, batch_size=40, patience=20, learning_rate=0.3)
OVERFITTING = replace(SETTINGS, learning_rate=1.0, weight_decay=0.0, rate_decay=0.0)


@dataclass(frozen=True)
class Task:
    """Training ratings, their base rates, and validation pairs that are not among them."""

    ratings: CompressedRows
    column_prior: np.ndarray
    validation: Validation

    def fit(self, settings: TrainSettings, progress: Progress = SILENT) -> Fit:
        """Train with validation."""
        return fit(self.ratings, self.column_prior, VALUES, settings, self.validation, progress)

    def fit_without_validation(self, settings: TrainSettings) -> Fit:
        """Train for all epochs."""
        return fit(self.ratings, self.column_prior, VALUES, settings, None, SILENT)

    def base_rate_rmse(self) -> float:
        """Return the validation error of predicting each column's mean."""
        prediction = self.column_prior[self.validation.asked.column] @ VALUES
        return float(np.sqrt(np.mean((prediction - self.validation.rating) ** 2)))


def taste(seed: int = 1) -> Task:
    """Return two kinds of rows that like and dislike opposite halves of the columns.

    Columns do not differ on average, so that base rates alone say nothing; a fifth is held out.
    """
    generator = np.random.default_rng(seed)
    row, column = np.nonzero(generator.random((ROWS, COLUMNS)) < 0.5)
    likes = generator.integers(2, size=ROWS)[row] == (column % 2)
    level = np.where(likes, generator.integers(3, 5, len(row)), generator.integers(0, 2, len(row)))
    held_out = generator.random(len(row)) < 0.2
    ratings = CompressedRows.build(row[~held_out], column[~held_out], level[~held_out], (ROWS, COLUMNS))
    asked = CompressedRows.build(row[held_out], column[held_out], level[held_out], (ROWS, COLUMNS))
    own = np.full(asked.n_ratings, NOT_OWN, np.uint8)
    prior = global_prior(ratings.level, LEVELS)
    return Task(
        ratings,
        smoothed(column_counts(ratings, LEVELS), prior, 5.0),
        Validation(Asked(asked.start, asked.column, own), asked.level, VALUES[asked.level]),
    )


def rmse_of(parameters: Parameters, task: Task, settings: TrainSettings) -> float:
    """Return the validation error of parameters, measured anew."""
    probability = np.empty((len(task.validation.rating), LEVELS), np.float32)
    score_pairs(
        task.validation.asked,
        row_states(task.ratings, parameters, task.column_prior),
        parameters,
        task.column_prior,
        settings.hidden,
        strength_of(settings),
        settings.inference == "exact",
        probability,
    )
    return float(np.sqrt(np.mean((probability @ VALUES - task.validation.rating) ** 2)))


def bytes_of(parameters: Parameters) -> list[bytes]:
    """Return the bytes of all arrays."""
    return [array.tobytes() for array in parameters]


class Recorder(Progress):
    """Keeps the reports it is told."""

    def __init__(self) -> None:
        self.reports: list[EpochReport] = []

    def epoch(self, report: EpochReport) -> None:
        """Keep a report."""
        self.reports.append(report)


@pytest.mark.parametrize("reconstruction", ["mean-field", "sampled"])
@pytest.mark.parametrize("inference", ["mean-field", "exact"])
def test_a_planted_taste_is_learned(reconstruction, inference):
    task = taste()

    outcome = task.fit(replace(SETTINGS, reconstruction=reconstruction, inference=inference))

    # The noise that no model can predict is 0.5; base rates leave 1.6.
    assert min(report.valid_rmse for report in outcome.epochs) < 0.45 * task.base_rate_rmse()
    assert outcome.epochs[-1].loss < 0.6 * outcome.epochs[0].loss


def test_the_parameters_kept_are_those_of_the_best_epoch():
    task = taste()

    outcome = task.fit(OVERFITTING)

    errors = [report.valid_rmse for report in outcome.epochs]
    assert outcome.best_epoch < len(errors)
    assert errors[outcome.best_epoch - 1] == pytest.approx(min(errors), abs=1e-5)
    assert rmse_of(outcome.parameters, task, OVERFITTING) == pytest.approx(
        errors[outcome.best_epoch - 1], abs=1e-7
    )


def test_training_stops_when_patience_has_run_out():
    task = taste()
    settings = replace(OVERFITTING, patience=2)

    outcome = task.fit(settings)

    assert len(outcome.epochs) == outcome.best_epoch + 2 < settings.epochs
    assert [report.is_best for report in outcome.epochs[-3:]] == [True, False, False]


def test_without_validation_every_epoch_is_run_and_the_last_is_kept():
    task = taste()

    short = task.fit_without_validation(replace(SETTINGS, epochs=3, patience=1))
    long = task.fit_without_validation(replace(SETTINGS, epochs=4, patience=1))

    assert short.best_epoch == len(short.epochs) == 3
    assert all(report.valid_rmse is None and report.valid_nll is None for report in short.epochs)
    assert bytes_of(short.parameters) != bytes_of(long.parameters)


def test_validation_changes_nothing_in_what_an_epoch_learns():
    task = taste()
    settings = replace(SETTINGS, epochs=8)

    watched, unwatched = task.fit(settings), task.fit_without_validation(settings)

    assert watched.best_epoch == 8
    assert bytes_of(watched.parameters) == bytes_of(unwatched.parameters)


def test_progress_is_told_every_epoch():
    task, recorder = taste(), Recorder()

    outcome = task.fit(replace(SETTINGS, epochs=4), recorder)

    assert recorder.reports == outcome.epochs
    assert [report.epoch for report in recorder.reports] == [1, 2, 3, 4]
    assert all(report.ratings_per_second > 0 for report in recorder.reports)
    assert recorder.reports[-1].seconds_left == 0.0


def test_validation_ratings_off_the_levels_count_for_the_error_but_not_for_the_likelihood():
    task = taste()
    level = task.validation.level.copy()
    level[::2] = 255
    partly = replace(task, validation=replace(task.validation, level=level))

    full, part = task.fit(replace(SETTINGS, epochs=1)), partly.fit(replace(SETTINGS, epochs=1))

    assert part.epochs[0].valid_rmse == full.epochs[0].valid_rmse
    assert np.isfinite(part.epochs[0].valid_nll)
    assert part.epochs[0].valid_nll != full.epochs[0].valid_nll


def test_a_learning_rate_far_too_large_is_told_with_a_hint():
    task = taste()

    with pytest.raises(DivergenceError, match="left the finite numbers in epoch") as caught:
        task.fit(replace(SETTINGS, learning_rate=1000.0, weight_decay=10.0))

    assert "--learning-rate below 1000" in caught.value.hint


def test_a_large_learning_rate_without_decay_stays_finite():
    task = taste()

    outcome = task.fit(replace(SETTINGS, learning_rate=1000.0, weight_decay=0.0, epochs=5))

    assert outcome.parameters.is_finite()
    assert all(
        np.isfinite([report.loss, report.valid_rmse, report.valid_nll]).all() for report in outcome.epochs
    )


def test_a_model_without_the_conditional_term_learns_none():
    outcome = taste().fit_without_validation(replace(SETTINGS, conditional=False, epochs=2))

    assert not outcome.parameters.conditional.any()
    assert outcome.parameters.weights.any()


def test_the_row_bias_is_part_of_training():
    task = taste()
    settings = replace(SETTINGS, epochs=1)

    with_bias = task.fit_without_validation(settings)
    without = task.fit_without_validation(replace(settings, row_bias=False))

    assert strength_of(replace(settings, row_bias=False)) == 0.0
    assert strength_of(settings) == settings.row_bias_strength
    assert bytes_of(with_bias.parameters) != bytes_of(without.parameters)


def test_training_starts_from_small_weights_and_the_logarithms_of_the_base_rates():
    prior = np.random.default_rng(1).dirichlet(np.ones(LEVELS), 200).astype(np.float32)

    parameters = initial_parameters(prior, replace(SETTINGS, hidden=10))

    np.testing.assert_allclose(np.exp(parameters.visible_bias), prior, rtol=1e-5)
    assert parameters.weights[:, :, :10].std() == pytest.approx(0.01, rel=0.05)
    assert not parameters.weights[:, :, 10:].any()
    assert not parameters.conditional.any()
    assert not parameters.hidden_bias.any()


def test_each_epoch_has_its_learning_rate_its_gibbs_steps_and_random_numbers_of_its_own(monkeypatch):
    calls = []

    def recording(*arguments):
        steps, sampled, key, rule = arguments[-4:]
        calls.append((steps, sampled, int(key), *(float(number) for number in rule[:3])))
        return 0.0

    monkeypatch.setattr(fit_module, "contrastive_divergence", recording)
    settings = replace(
        SETTINGS,
        epochs=7,
        batch_size=ROWS,
        cd_steps="1,3@4",
        reconstruction="sampled",
        momentum=0.75,
        weight_decay=0.25,
    )
    taste().fit_without_validation(settings)

    steps, sampled, keys, rates, momenta, decays = zip(*calls, strict=True)
    assert steps == (1, 1, 1, 3, 3, 3, 3)
    assert sampled == (True,) * 7
    assert len(set(keys)) == 7
    assert rates == pytest.approx([0.3 / (1 + 0.03 * epoch) for epoch in range(7)])
    assert momenta == pytest.approx([0.75] * 7)
    assert decays == (0.25,) * 7


@pytest.mark.parametrize(
    ("by", "chosen", "decay"),
    [("user", None, 0.01), ("item", None, 0.005), ("item", 0.0, 0.0), ("user", 0.2, 0.2)],
)
def test_the_weight_decay_is_the_chosen_one_or_suits_the_orientation(by, chosen, decay):
    settings = TrainSettings(by=by, weight_decay=chosen)

    assert settings.decay() == decay


@pytest.mark.parametrize(
    ("schedule", "steps_of_epochs"),
    [
        ("1", {1: 1, 100: 1}),
        ("5", {1: 5}),
        ("1,3@20,5@40", {1: 1, 19: 1, 20: 3, 39: 3, 40: 5, 1000: 5}),
        ("1@1,2@2", {1: 1, 2: 2}),
        (" 1 , 3 @ 20 ", {19: 1, 20: 3}),
    ],
)
def test_a_schedule_gives_the_gibbs_steps_of_every_epoch(schedule, steps_of_epochs):
    settings = TrainSettings(cd_steps=schedule)

    assert {epoch: settings.steps_at(epoch - 1) for epoch in steps_of_epochs} == steps_of_epochs


@pytest.mark.parametrize(
    "schedule", ["", "0", "-1", "1.5", "many", "1,", "1;3@20", "1,3@x", "1,0@20", "3@@2"]
)
def test_a_schedule_that_is_none_is_refused_when_the_settings_are_made(schedule):
    with pytest.raises(UsageError, match="--cd-steps"):
        TrainSettings(cd_steps=schedule)

"""Fine-tuning, which goes on from contrastive divergence, and the average over the last epochs of a stage."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbmcli.kernels.arrays import Form, Parameters
from rbmcli.models.averaging import Average
from tests.models.tasks import SETTINGS, bytes_of, taste

FINE_TUNED = replace(SETTINGS, fine_tune=True, epochs=6)


def test_fine_tuning_goes_on_from_the_best_epoch_of_contrastive_divergence():
    task = taste()

    first = task.fit_without_validation(replace(FINE_TUNED, fine_tune=False), epochs=(4,))
    both = task.fit_without_validation(FINE_TUNED, epochs=(4, 1))
    alone = task.fit_without_validation(replace(SETTINGS, objective="discriminative"), epochs=(1,))

    # A step of Adam is about as long as its rate, and there are four mini-batches.
    moved = np.abs(both.parameters.weights - first.parameters.weights).max()
    assert 0 < moved < 4 * 1.5 * FINE_TUNED.network_rate
    assert np.abs(both.parameters.weights - alone.parameters.weights).max() > 2 * moved


def test_each_stage_has_as_many_epochs_as_are_given_and_they_are_counted_on():
    outcome = taste().fit_without_validation(FINE_TUNED, epochs=(3, 2))

    assert [report.epoch for report in outcome.epochs] == [1, 2, 3, 4, 5]
    assert [report.epochs for report in outcome.epochs] == [3, 3, 3, 5, 5]
    assert (outcome.best_epoch, outcome.best_epochs) == (5, (3, 2))


def test_the_best_epoch_of_each_stage_is_told():
    task = taste()

    outcome = task.fit(replace(FINE_TUNED, epochs=5))

    # After five epochs of contrastive divergence there is much left to learn.
    of_network = [report.valid_rmse for report in outcome.epochs[5:]]
    assert outcome.best_epochs == (5, 1 + int(np.argmin(of_network)))
    assert outcome.best_epoch == 5 + outcome.best_epochs[1]


def test_fine_tuning_that_makes_nothing_better_is_not_kept():
    task = taste()

    alone = task.fit(replace(SETTINGS, epochs=10))
    outcome = task.fit(replace(SETTINGS, epochs=10, fine_tune=True, network_rate=1.0))

    assert outcome.best_epochs == (alone.best_epoch, 0)
    assert outcome.best_epoch == alone.best_epoch
    assert bytes_of(outcome.parameters) == bytes_of(alone.parameters)


def test_a_stage_has_patience_of_its_own():
    settings = replace(SETTINGS, learning_rate=1.0, weight_decay=0.0, rate_decay=0.0, patience=2)

    outcome = taste().fit(replace(settings, fine_tune=True, network_rate=1e-9))

    # With next to no learning rate no epoch of the second stage is better than its first.
    of_first_stage = outcome.best_epochs[0] + 2
    assert of_first_stage < settings.epochs
    assert len(outcome.epochs) == of_first_stage + 1 + 2


# Averaging.


@given(values=st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=8), epochs=st.integers(1, 10))
def test_the_average_is_the_plain_mean_at_first_and_then_forgets(values, epochs):
    average, expected = Average(epochs), 0.0
    for number, value in enumerate(values, start=1):
        mean = average.add(_all_at(value))
        expected += (value - expected) / min(number, epochs)

    assert float(mean.hidden_bias[0]) == pytest.approx(expected, abs=1e-3)
    if epochs >= len(values):
        assert expected == pytest.approx(np.mean(values), abs=1e-9)


def test_taking_an_average_leaves_the_parameters_of_the_epochs_alone():
    average, first, second = Average(3), _all_at(1.0), _all_at(3.0)

    average.add(first)
    average.add(second)

    assert bytes_of(first) == bytes_of(_all_at(1.0))
    assert bytes_of(second) == bytes_of(_all_at(3.0))


def _all_at(value: float) -> Parameters:
    form = Form(1, 2, False, True, False, np.eye(2, dtype=np.float32))
    return Parameters(*(np.full_like(array, value) for array in Parameters.zeros(3, 2, form)))


def test_the_parameters_of_averaged_training_are_the_mean_of_those_of_its_epochs():
    task = taste()
    of_epochs = [task.fit_without_validation(SETTINGS, epochs=(n,)).parameters for n in (1, 2, 3)]

    averaged = task.fit_without_validation(replace(SETTINGS, average=3), epochs=(3,)).parameters

    for mean, *arrays in zip(averaged, *of_epochs, strict=True):
        np.testing.assert_allclose(mean, np.mean(arrays, axis=0), atol=1e-6)

"""The two ways of learning: what each mini-batch is told, and what comes out of what they learn in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as run_with
from hypothesis import strategies as st

from rbmcli.config import ResolvedSettings
from rbmcli.kernels.arrays import Batch, Parameters, Scratch
from rbmcli.kernels.row_bias import row_biases
from rbmcli.models import learners as learners_module
from rbmcli.models.form import form_of
from rbmcli.models.initial import initial_parameters
from rbmcli.models.learners import DivergenceLearner, NetworkLearner, spread_penalty
from rbmcli.models.plan import CHUNKS, plan_batch, plan_batches
from rbmcli.models.priors import tallies_of
from rbmcli.models.states import row_states
from tests.models.tasks import COLUMNS, ROWS, VALUES, Task, taste

SETTINGS = ResolvedSettings(
    hidden=10,
    objective="divergence",
    epochs=7,
    batch_size=40,
    average=1,
    learning_rate=0.3,
    weight_decay=0.05,
    momentum="0.5",
)


def batches_of(task: Task) -> list[Batch]:
    """Return the mini-batches of a task."""
    return plan_batches(task.ratings, SETTINGS.batch_size, np.random.default_rng(1), task.also_rated)


def divergence_learner(
    settings: ResolvedSettings = SETTINGS, *, also_rated: bool = False
) -> DivergenceLearner:
    """Return a learner by contrastive divergence; `also_rated` tells it that there are such pairs."""
    task = taste()
    data, form, batches = task.data(settings), form_of(settings, VALUES), batches_of(task)
    start = initial_parameters(data.column_prior, form, settings.seed)
    tallies = tallies_of(data.ratings, data.column_prior, data.smoothing)
    bias = np.zeros_like(tallies.counts)
    row_biases(tallies, data.smoothing, bias)
    scratch = Scratch.sized(settings.batch_size, max(len(b.column) for b in batches), CHUNKS, form)
    return DivergenceLearner(start, form, batches, scratch, bias, settings, also_rated=also_rated)


def learned(learner: DivergenceLearner, epochs: int) -> DivergenceLearner:
    """Let a learner learn, and return it."""
    for epoch in range(epochs):
        for place in range(len(learner.batches)):
            learner.learn(place, epoch, np.uint64(100 * epoch + place))
    return learner


# What each epoch of contrastive divergence is told.


def test_each_epoch_has_its_learning_rate_its_gibbs_steps_its_momentum_and_random_numbers(monkeypatch):
    told = []

    def recording(*arguments):
        told.append((arguments[-2], int(arguments[-1])))
        return 0.0

    monkeypatch.setattr(learners_module, "contrastive_divergence", recording)
    settings = replace(
        SETTINGS,
        batch_size=ROWS,
        cd_steps="1,3@4",
        reconstruction="sampled",
        momentum="0.5,0.75@3",
        weight_decay=0.25,
        rate_decay=0.03,
    )

    taste().fit_without_validation(settings)

    rules, keys = zip(*told, strict=True)
    assert [rule.steps for rule in rules] == [1, 1, 1, 3, 3, 3, 3]
    assert [float(rule.rate) for rule in rules] == pytest.approx([0.3 / (1 + 0.03 * e) for e in range(7)])
    assert [float(rule.momentum) for rule in rules] == [0.5, 0.5, 0.75, 0.75, 0.75, 0.75, 0.75]
    assert {float(rule.decay) for rule in rules} == {0.25}
    assert all(rule.sampled and not rule.persistent for rule in rules)
    assert len(set(keys)) == 7


@pytest.mark.parametrize(
    ("changes", "sampled", "persistent"),
    [
        ({}, False, False),
        ({"reconstruction": "sampled"}, True, False),
        ({"persistent": True}, True, True),
    ],
)
def test_chains_that_go_on_are_sampled(changes, sampled, persistent, monkeypatch):
    rules = []
    monkeypatch.setattr(
        learners_module, "contrastive_divergence", lambda *arguments: rules.append(arguments[-2]) or 0.0
    )

    learned(divergence_learner(replace(SETTINGS, **changes)), epochs=1)

    assert {(rule.sampled, rule.persistent) for rule in rules} == {(sampled, persistent)}


def test_persistent_chains_begin_at_the_ratings_and_go_on_from_where_they_were():
    learner = divergence_learner(replace(SETTINGS, persistent=True))
    assert all(
        (chain == batch.level).all() for chain, batch in zip(learner.chains, learner.batches, strict=True)
    )

    learner.learn(0, 0, np.uint64(1))

    assert (learner.chains[0] != learner.batches[0].level).any()
    assert learner.chains[0].max() < len(VALUES)
    assert (learner.chains[1] == learner.batches[1].level).all()


def test_without_persistence_no_chains_are_kept():
    assert all(len(chain) == 0 for chain in divergence_learner().chains)


def test_the_loss_of_contrastive_divergence_is_of_all_ratings_of_the_mini_batch():
    learner = divergence_learner()

    loss, count = learner.learn(0, 0, np.uint64(1))

    assert count == len(learner.batches[0].column)
    # Before anything is learned a rating costs about as much as at base rates.
    assert loss / count == pytest.approx(np.log(4), abs=0.2)


# Weights that hold D in them.


@pytest.mark.parametrize(
    ("changes", "also_rated", "joint"),
    [
        ({}, False, True),
        ({"hidden_units": "gaussian"}, False, True),
        ({}, True, False),
        ({"conditional": False}, False, False),
        ({"factors": 3}, False, False),
        ({"level_functions": 2}, False, False),
    ],
)
def test_only_in_a_plain_form_and_without_pairs_of_unknown_rating_weights_hold_d_in_them(
    changes, also_rated, joint
):
    settings = replace(SETTINGS, **changes)

    learner = divergence_learner(settings, also_rated=also_rated)

    assert learner.joint == joint
    assert learner.form.conditional == (settings.conditional and not joint)


@pytest.mark.parametrize("reconstruction", ["mean-field", "sampled"])
@pytest.mark.parametrize("hidden_units", ["binary", "gaussian"])
def test_weights_and_d_learned_together_come_apart_as_if_learned_each_by_itself(reconstruction, hidden_units):
    rate = 0.3 if hidden_units == "binary" else 0.1
    settings = replace(
        SETTINGS,
        reconstruction=reconstruction,
        hidden_units=hidden_units,
        learning_rate=rate,
        momentum="0.8",
    )

    together = learned(divergence_learner(settings), epochs=8)
    apart = learned(divergence_learner(settings, also_rated=True), epochs=8)

    found = together.exported(together.parameters)
    assert apart.exported(apart.parameters) is apart.parameters
    assert np.abs(apart.parameters.conditional).max() > 0.05
    for array, expected in zip(found, apart.parameters, strict=True):
        np.testing.assert_allclose(array, expected, atol=2e-5)


def test_the_sum_over_the_levels_of_exported_weights_is_d():
    learner = learned(divergence_learner(), epochs=3)

    found = learner.exported(learner.parameters)

    np.testing.assert_allclose(found.weights.sum(axis=1), found.conditional, atol=1e-5)


def test_what_is_exported_gives_the_same_hidden_units_as_what_is_learned_in():
    learner, data = learned(divergence_learner(), epochs=3), taste().data(SETTINGS)
    before = learner.parameters.copy()

    found = learner.exported(learner.parameters)

    of_learner, of_model = (
        row_states(data.ratings, parameters, data.column_prior, data.smoothing, form)
        for parameters, form in ((learner.parameters, learner.form), (found, form_of(SETTINGS, VALUES)))
    )
    np.testing.assert_allclose(of_model.activation, of_learner.activation, atol=1e-4)
    for array, expected in zip(learner.parameters, before, strict=True):
        np.testing.assert_array_equal(array, expected)


# Discriminative training.


def test_each_epoch_of_discriminative_training_has_its_learning_rate_and_the_loss_asked_for(monkeypatch):
    told = []

    def recording(*arguments):
        told.append((arguments[-2], int(arguments[-1])))
        return 0.0, 1

    monkeypatch.setattr(learners_module, "backpropagate", recording)
    settings = replace(
        SETTINGS,
        objective="discriminative",
        batch_size=ROWS,
        epochs=4,
        network_rate=0.02,
        network_rate_decay=0.5,
        keep=0.7,
        squared_share=0.25,
        row_bias_strength=9.0,
        tilt_strength=3.0,
    )

    taste().fit_without_validation(settings)

    objectives, keys = zip(*told, strict=True)
    assert [float(each.rate) for each in objectives] == pytest.approx([0.02 / (1 + e / 2) for e in range(4)])
    assert {round(float(each.keep), 6) for each in objectives} == {0.7}
    assert {float(each.squared_share) for each in objectives} == {0.25}
    assert {(each.strength, each.tilt_strength) for each in objectives} == {(9.0, 3.0)}
    assert len(set(keys)) == 4


def test_the_loss_of_discriminative_training_is_of_the_ratings_that_are_hidden():
    learner = _network_learner(replace(SETTINGS, objective="discriminative", keep=0.75))
    ratings = len(learner.batches[0].column)

    _, hidden = learner.learn(0, 0, np.uint64(1))

    assert hidden == pytest.approx(0.25 * ratings, abs=4 * np.sqrt(ratings * 0.25 * 0.75))


def test_discriminative_training_exports_its_parameters_as_they_are():
    learner = _network_learner(replace(SETTINGS, objective="discriminative"))

    assert learner.exported(learner.parameters) is learner.parameters


def _network_learner(settings: ResolvedSettings) -> NetworkLearner:
    task = taste()
    data, form, batches = task.data(settings), form_of(settings, VALUES), batches_of(task)
    start = initial_parameters(data.column_prior, form, settings.seed)
    scratch = Scratch.sized(settings.batch_size, max(len(b.column) for b in batches), CHUNKS, form)
    decay = spread_penalty(settings.penalty, batches, len(data.column_prior))
    return NetworkLearner(start, form, batches, scratch, decay, data.column_prior, data.smoothing, settings)


# The penalty.


@run_with(max_examples=30, deadline=None)
@given(penalty=st.floats(0, 1e6), batch_rows=st.integers(1, 200), seed=st.integers(0, 2**32 - 1))
def test_over_an_epoch_every_column_that_is_met_has_the_whole_penalty(penalty, batch_rows, seed):
    batches = plan_batches(taste().ratings, batch_rows, np.random.default_rng(seed))

    share = spread_penalty(penalty, batches, COLUMNS).astype(np.float64)

    # The loss of a mini-batch is a mean over its rows, so that the penalty is divided by them too.
    rows = np.mean([len(batch.rows) for batch in batches])
    met = np.zeros(COLUMNS + 1)
    for batch in batches:
        met[batch.columns] += share[batch.columns]
        met[-1] += share[-1]
    np.testing.assert_allclose(met, penalty / rows, rtol=1e-5, atol=1e-30)


def test_a_column_that_is_met_seldom_has_a_larger_share_each_time():
    ratings = taste().ratings.in_columns(np.arange(COLUMNS) < COLUMNS - 2)
    batches = [plan_batch(ratings, np.array([row], np.int32)) for row in range(ROWS)]
    visits = np.bincount(ratings.column, minlength=COLUMNS)

    share = spread_penalty(8.0, batches, COLUMNS)

    np.testing.assert_allclose(share[:-3] * visits[:-2], 8.0, rtol=1e-5)
    np.testing.assert_allclose(share[-1] * ROWS, 8.0, rtol=1e-5)
    assert np.isfinite(share).all()


def test_a_larger_penalty_leaves_smaller_weights():
    task = taste()
    settings = replace(SETTINGS, objective="discriminative", network_rate=0.03, epochs=20)

    sizes = [
        _size(task.fit_without_validation(replace(settings, penalty=p)).parameters) for p in (0, 10, 100)
    ]

    assert sizes[0] > 1.2 * sizes[1] > 1.2**2 * sizes[2]


def _size(parameters: Parameters) -> float:
    return float(np.sqrt((parameters.weights**2).sum()))

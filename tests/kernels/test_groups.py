"""Logits, softmax and the part a group has in a hidden unit's input, for every unrolled width."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from rbmcli.kernels.groups import add_expected_group, choose_level, group_logits, softmax_block
from tests import reference

LARGEST_BELOW_ONE = np.float32(1 - 2**-24)


def column(*probabilities: float) -> np.ndarray:
    """Return the probabilities of one place, (K, 1)."""
    return np.array(probabilities, np.float32)[:, None]


@pytest.mark.parametrize("levels", range(1, 13))
def test_logits_are_weights_times_hidden_states(levels):
    generator = np.random.default_rng(levels)
    weights = generator.standard_normal((3, levels, 16)).astype(np.float32)
    hidden = generator.random((2, 16)).astype(np.float32)
    logits = np.full((levels, 4), np.nan, np.float32)

    group_logits(weights, 2, hidden, 1, logits, 3)

    np.testing.assert_allclose(logits[:, 3], weights[2].astype(np.float64) @ hidden[1], atol=5e-6)
    assert np.isnan(logits[:, :3]).all()


@pytest.mark.parametrize("levels", range(1, 13))
def test_an_expected_group_adds_its_weights_by_their_probabilities(levels):
    generator = np.random.default_rng(levels)
    weights = generator.standard_normal((3, levels, 8)).astype(np.float32)
    share = generator.dirichlet(np.ones(levels), 4).astype(np.float32)
    before = generator.standard_normal((2, 8)).astype(np.float32)
    activation = before.copy()

    add_expected_group(weights, 1, share, 3, activation, 0)

    np.testing.assert_allclose(activation[0], before[0] + share[3] @ weights[1].astype(np.float64), atol=5e-6)
    np.testing.assert_array_equal(activation[1], before[1])


@settings(max_examples=60, deadline=None)
@given(
    logits=arrays(
        np.float32,
        array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12),
        elements=st.floats(-(2.0**100), 2.0**100, width=32),
    )
)
def test_a_softmax_of_any_finite_logits_sums_to_one_and_keeps_their_order(logits):
    probability = logits.copy()

    softmax_block(probability, logits.shape[1])

    np.testing.assert_allclose(probability.sum(axis=0), 1.0, atol=5e-6)
    assert (probability >= 0).all()
    for before, after in zip(logits.T, probability.T, strict=True):
        # Neighbouring floats may change places: exp is good to a few parts in ten million.
        assert (np.diff(after[np.argsort(before)]) >= -1e-6).all()


@settings(max_examples=60, deadline=None)
@given(
    logits=arrays(
        np.float32,
        array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12),
        elements=st.floats(-30, 30, width=32),
    )
)
def test_a_softmax_agrees_with_the_oracle(logits):
    probability = logits.copy()

    softmax_block(probability, logits.shape[1])

    np.testing.assert_allclose(probability.T, reference.softmax(logits.T.astype(np.float64)), atol=2e-6)


def test_a_softmax_leaves_places_beyond_its_count_alone():
    logits = np.full((3, 4), 7.0, np.float32)

    softmax_block(logits, 2)

    assert (logits[:, 2:] == 7.0).all()
    assert (logits[:, :2] != 7.0).all()


@pytest.mark.parametrize(
    ("probability", "number", "level"),
    [
        (column(0.25, 0.5, 0.25), 0.0, 0),
        (column(0.25, 0.5, 0.25), 0.2499, 0),
        (column(0.25, 0.5, 0.25), 0.25, 1),
        (column(0.25, 0.5, 0.25), 0.75, 2),
        (column(0.25, 0.5, 0.25), LARGEST_BELOW_ONE, 2),
        (column(0.0, 1.0), 0.0, 1),
        (column(0.5, 0.0, 0.5), 0.5, 2),
        (column(1.0, 0.0), LARGEST_BELOW_ONE, 0),
        (column(1.0), 0.5, 0),
    ],
)
def test_a_level_is_chosen_where_the_running_sum_passes_the_number(probability, number, level):
    chosen = choose_level(probability, 0, np.float32(number))

    assert chosen == level


def test_probabilities_that_sum_to_less_than_one_still_give_a_level():
    chosen = choose_level(column(0.3, 0.3, 0.3), 0, LARGEST_BELOW_ONE)

    assert chosen == 2


def test_the_level_is_chosen_at_the_asked_place():
    probability = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)

    assert choose_level(probability, 0, np.float32(0.5)) == 0
    assert choose_level(probability, 1, np.float32(0.5)) == 1

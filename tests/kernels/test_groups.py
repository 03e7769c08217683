"""Logits, softmax and the part a group has in a hidden unit's input, for every unrolled width."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from rbmcli.kernels import groups
from tests import reference
from tests.kernels.cases import KINDS, PLAIN
from tests.kernels.runs import callable_from_python

add_conditional = callable_from_python(groups.add_conditional)
add_groups = callable_from_python(groups.add_groups)
add_expected_group = callable_from_python(groups.add_expected_group)
project_level = callable_from_python(groups.project_level)
group_products = callable_from_python(groups.group_products)
spread_over_levels = callable_from_python(groups.spread_over_levels)
softmax_block = callable_from_python(groups.softmax_block)
choose_level = callable_from_python(groups.choose_level)

LARGEST_BELOW_ONE = np.float32(1 - 2**-24)
NAN = np.float32(np.nan)


def normal(generator: np.random.Generator, *shape: int) -> np.ndarray:
    """Return normal numbers in float32."""
    return generator.standard_normal(shape).astype(np.float32)


def column(*probabilities: float) -> np.ndarray:
    """Return the probabilities of one place, (K, 1)."""
    return np.array(probabilities, np.float32)[:, None]


@pytest.mark.parametrize("functions", range(1, 13))
def test_products_of_two_rows_are_weights_times_their_features(functions):
    generator = np.random.default_rng(functions)
    weights, features = normal(generator, 3, functions, 16), normal(generator, 4, 16)
    products = np.full((functions, 6), NAN)

    group_products(weights, 2, features, 3, 1, products, 3)

    expected = weights[2].astype(np.float64) @ features[[3, 1]].T
    np.testing.assert_allclose(products[:, 3:5], expected, atol=5e-6)
    assert np.isnan(products[:, [0, 1, 2, 5]]).all()


@pytest.mark.parametrize("ratings", range(10))
def test_the_conditional_terms_of_any_number_of_ratings_are_added(ratings):
    generator = np.random.default_rng(ratings)
    conditional, before = normal(generator, 20, 8), normal(generator, 2, 8)
    rated = generator.permutation(20).astype(np.int32)
    total = before.copy()

    add_conditional(conditional, rated, 1, 1 + ratings, total, 1)

    expected = before[1] + conditional[rated[1 : 1 + ratings]].sum(axis=0, dtype=np.float64)
    np.testing.assert_allclose(total[1], expected, atol=5e-6)
    np.testing.assert_array_equal(total[0], before[0])


@pytest.mark.parametrize("kind", [PLAIN, KINDS["shared, S=1"], KINDS["shared, S=2"]])
@pytest.mark.parametrize("ratings", range(10))
def test_the_groups_of_any_number_of_ratings_are_added(ratings, kind):
    generator, form = np.random.default_rng(ratings), kind.form(5, 8)
    weights, before = normal(generator, 20, form.basis.shape[1], 8), normal(generator, 2, 8)
    rated, level = generator.permutation(20).astype(np.int32), generator.integers(5, size=20).astype(np.uint8)
    total = before.copy()

    add_groups(weights, form, rated, level, 1, 1 + ratings, total, 1)

    full = np.einsum("ks,isc->ikc", form.basis, weights)
    chosen = full[rated[1 : 1 + ratings], level[1 : 1 + ratings]]
    np.testing.assert_allclose(total[1], before[1] + chosen.sum(axis=0, dtype=np.float64), atol=5e-6)
    np.testing.assert_array_equal(total[0], before[0])


@pytest.mark.parametrize("functions", range(1, 13))
def test_an_expected_group_adds_its_weights_by_their_coefficients(functions):
    generator = np.random.default_rng(functions)
    weights, share, before = (
        normal(generator, *shape) for shape in ((3, functions, 8), (4, functions), (2, 8))
    )
    total = before.copy()

    add_expected_group(weights, 1, share, 3, total, 0)

    np.testing.assert_allclose(total[0], before[0] + share[3] @ weights[1].astype(np.float64), atol=5e-6)
    np.testing.assert_array_equal(total[1], before[1])


@pytest.mark.parametrize("levels", [3, 5, 7])
@pytest.mark.parametrize("kind", [KINDS["shared, S=1"], KINDS["shared, S=2"]])
def test_levels_and_functions_of_them_are_brought_into_each_other_by_the_basis(kind, levels):
    generator, form = np.random.default_rng(levels), kind.form(levels, 8)
    functions = form.basis.shape[1]
    share, products = normal(generator, 3, levels), normal(generator, functions, 6)
    projected, logits = np.full((1, functions), NAN), np.full((levels, 6), NAN)

    project_level(form, share, 2, projected)
    spread_over_levels(form, products, logits, 4)

    np.testing.assert_allclose(projected[0], share[2] @ form.basis, atol=2e-6)
    np.testing.assert_allclose(logits[:, :4], form.basis @ products[:, :4], atol=2e-6)
    assert np.isnan(logits[:, 4:]).all()


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

    softmax_block(probability, np.empty((2, 12), np.float32), logits.shape[1])

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

    softmax_block(probability, np.empty((2, 12), np.float32), logits.shape[1])

    np.testing.assert_allclose(probability.T, reference.softmax(logits.T.astype(np.float64)), atol=2e-6)


def test_a_softmax_leaves_places_beyond_its_count_alone():
    logits = np.full((3, 4), 7.0, np.float32)

    softmax_block(logits, np.empty((2, 4), np.float32), 2)

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

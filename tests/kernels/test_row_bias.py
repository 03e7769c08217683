"""Row biases against the oracle, which finds the tilt by halving an interval."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbmcli.data.ratings import CompressedRows
from rbmcli.kernels.row_bias import Smoothing, Tallies, row_biases, tally_rows
from tests import reference
from tests.kernels.cases import Shape, random_ratings
from tests.kernels.runs import smoothing

TOLERANCE = 2e-5


def random_visible(shape: Shape, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows one-hot, (R, N, K), some of them empty, and base rates of the columns, float32 (N, K)."""
    generator = np.random.default_rng(seed)
    visible = reference.one_hot(random_ratings(shape, generator), shape.levels)
    return visible, generator.dirichlet(np.full(shape.levels, 2.0), shape.columns).astype(np.float32)


def biases_of(visible: np.ndarray, prior: np.ndarray, how: Smoothing) -> np.ndarray:
    """Return the row biases that the kernel finds, (R, K)."""
    ratings = reference_rows(visible)
    tallies = Tallies.zeros(len(visible), visible.shape[2])
    tally_rows(ratings.start, ratings.column, ratings.level, prior, how.values, tallies)
    bias = np.full_like(tallies.counts, np.nan)
    row_biases(tallies, how, bias)
    return bias


def reference_rows(visible: np.ndarray) -> CompressedRows:
    """Return rows one-hot as compressed rows."""
    row, column, level = np.nonzero(visible)
    return CompressedRows.build(row, column, level.astype(np.uint8), visible.shape[:2])


def rates_of(counts: np.ndarray, expected: np.ndarray, how: Smoothing) -> np.ndarray:
    """Return g exp(b), normalised, (n, K): of rows whose columns all have the rates g, from counts (n, K)."""
    total = counts.sum(axis=1, keepdims=True)
    spread = total[:, 0] * reference.variance(expected.astype(np.float64), how.values.astype(np.float64))
    bias = np.full_like(counts, np.nan)
    row_biases(Tallies(counts, total * expected, spread.astype(np.float32)), how, bias)
    return reference.softmax(np.log(expected.astype(np.float64)) + bias)


@pytest.mark.parametrize("levels", [2, 5, 11])
@pytest.mark.parametrize("tilt_strength", [0.1, 3.0, 1e9])
@pytest.mark.parametrize("strength", [0.01, 10.0, 1000.0])
def test_row_biases_agree_with_the_formula(strength, tilt_strength, levels):
    visible, prior = random_visible(Shape(rows=8, columns=9, levels=levels, hidden=1, density=0.4), seed=2)
    how = smoothing(levels, strength, tilt_strength)

    bias = biases_of(visible, prior, how)

    expected = reference.row_bias(visible, prior.astype(np.float64), how)
    np.testing.assert_allclose(bias, expected, atol=TOLERANCE)


@pytest.mark.parametrize(("density", "strength"), [(0.5, 0.0), (0.0, 10.0)])
def test_rows_without_ratings_and_a_strength_of_zero_give_no_row_bias(density, strength):
    visible, prior = random_visible(Shape(rows=4, columns=5, levels=3, hidden=1, density=density), seed=3)

    bias = biases_of(visible, prior, smoothing(3, strength))

    assert not bias.any()


@settings(max_examples=100, deadline=None)
@given(
    counts=st.lists(st.sampled_from([0, 0, 0, 1, 2, 5, 100, 50_000]), min_size=2, max_size=11),
    concentration=st.sampled_from([0.1, 0.3, 2.0, 20.0]),
    strength=st.sampled_from([0.5, 20.0, 1e3]),
    tilt_strength=st.sampled_from([0.01, 1.0, 10.0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_rates_of_any_counts_agree_with_the_formula(counts, concentration, strength, tilt_strength, seed):
    levels = len(counts)
    expected = np.random.default_rng(seed).dirichlet(np.full(levels, concentration)) + 1e-5
    expected = (expected / expected.sum()).astype(np.float32)
    how = smoothing(levels, strength, tilt_strength)
    counts = np.array([counts], np.float32)

    rates = rates_of(counts, expected, how)

    truth = reference.smoothed(counts.astype(np.float64), expected.astype(np.float64), how)
    np.testing.assert_allclose(rates, truth, atol=TOLERANCE)
    np.testing.assert_allclose(rates.sum(axis=1), 1.0, atol=1e-6)


def test_rates_from_which_plain_newton_steps_go_to_and_fro_agree_with_the_formula():
    counts, expected = np.array([[20, 0]], np.float32), np.array([0.036, 0.964], np.float32)
    how = smoothing(2, strength=100.0, tilt_strength=4.0)

    rates = rates_of(counts, expected, how)

    truth = reference.smoothed(counts.astype(np.float64), expected.astype(np.float64), how)
    np.testing.assert_allclose(rates, truth, atol=1e-6)


def test_a_column_without_ratings_has_the_expected_rates():
    expected = np.array([0.1, 0.2, 0.3, 0.4], np.float32)

    rates = rates_of(np.zeros((1, 4), np.float32), expected, smoothing(4))

    np.testing.assert_allclose(rates[0], expected, atol=1e-7)


def test_few_ratings_of_one_level_raise_its_neighbours_more_than_levels_far_away():
    expected = np.full(5, 0.2, np.float32)

    rates = rates_of(np.array([[0, 0, 0, 0, 3]], np.float32), expected, smoothing(5, tilt_strength=1.0))[0]

    assert (np.diff(rates) > 0).all()


def test_a_large_strength_of_the_tilt_leaves_only_counts_and_expected_rates():
    counts, expected = np.array([[4, 0, 2]], np.float32), np.array([0.2, 0.3, 0.5], np.float32)

    rates = rates_of(counts, expected, smoothing(3, strength=10.0, tilt_strength=1e12))

    np.testing.assert_allclose(rates[0], (counts[0] + 10 * expected) / 16, atol=1e-6)

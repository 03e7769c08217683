"""Base rates: shares of all ratings, counts of a column, and the smoothing between the two."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rbmcli.config import ResolvedSettings
from rbmcli.data.ratings import CompressedRows
from rbmcli.kernels.row_bias import Smoothing
from rbmcli.models.priors import (
    column_base_rates,
    column_counts,
    global_prior,
    smoothed,
    smoothings,
    standardised,
)
from tests.reference import base_rates, tilted

COUNTS = arrays(np.int64, st.tuples(st.integers(1, 6), st.integers(2, 11)), elements=st.integers(0, 10**6))


def how(levels: int, strength: float, tilt_strength: float = 4.0) -> Smoothing:
    """Return what counts on levels one apart, all as frequent, are smoothed by."""
    values = np.arange(levels) - (levels - 1) / 2
    return Smoothing(strength, tilt_strength, (values / values.std()).astype(np.float32))


def uniform_prior(levels: int) -> np.ndarray:
    """Return equal shares of all levels."""
    return np.full(levels, 1 / levels, np.float32)


def test_the_global_prior_counts_each_level_once_more_than_it_was_seen():
    prior = global_prior(np.array([0, 0, 2], np.uint8), 3)

    np.testing.assert_allclose(prior, [3 / 6, 1 / 6, 2 / 6], rtol=1e-6)
    assert prior.dtype == np.float32


def test_the_global_prior_of_no_ratings_is_uniform():
    prior = global_prior(np.array([], np.uint8), 4)

    np.testing.assert_allclose(prior, 0.25)


@given(level=arrays(np.uint8, st.integers(0, 50), elements=st.integers(0, 6)))
def test_the_global_prior_is_positive_and_sums_to_one(level):
    prior = global_prior(level, 7)

    assert (prior > 0).all()
    assert prior.sum() == pytest.approx(1.0, abs=1e-6)


def test_column_counts_count_each_level_of_each_column():
    ratings = CompressedRows.build(
        np.array([0, 0, 1, 2, 2]), np.array([0, 3, 3, 3, 1]), np.array([1, 0, 2, 0, 2]), (3, 5)
    )

    counts = column_counts(ratings, 3)

    np.testing.assert_array_equal(counts, [[0, 1, 0], [0, 0, 1], [0, 0, 0], [2, 0, 1], [0, 0, 0]])


def test_values_of_levels_are_standardised_by_the_rates_of_the_levels():
    values = standardised(np.array([1, 2, 3, 5], np.float32), np.array([0.1, 0.2, 0.3, 0.4], np.float32))

    # The mean is 3.4, the variance 2.04.
    np.testing.assert_allclose(values, (np.array([1, 2, 3, 5]) - 3.4) / np.sqrt(2.04), rtol=1e-6)
    assert values.dtype == np.float32


@given(
    steps=st.lists(st.floats(0.1, 100), min_size=1, max_size=10),
    lowest=st.floats(-1000, 1000),
    seed=st.integers(0, 2**32 - 1),
)
def test_standardised_values_rise_and_have_mean_0_and_variance_1(steps, lowest, seed):
    values = lowest + np.concatenate(([0], np.cumsum(steps)))
    prior = np.random.default_rng(seed).dirichlet(np.full(len(values), 5.0)) + 1e-3

    found = standardised(values, prior).astype(np.float64)

    share = prior / prior.sum()
    assert (np.diff(found) > 0).all()
    assert share @ found == pytest.approx(0, abs=1e-5)
    assert share @ found**2 == pytest.approx(1, abs=1e-5)


def test_columns_and_rows_are_smoothed_by_the_strength_of_each_on_one_scale():
    settings = ResolvedSettings(prior_strength=3.0, row_bias_strength=7.0, tilt_strength=2.0)

    of_columns, of_rows = smoothings(settings, np.array([1, 2, 4]), np.array([0.25, 0.25, 0.5], np.float32))

    assert (of_columns.strength, of_rows.strength) == (3.0, 7.0)
    assert of_columns.tilt_strength == of_rows.tilt_strength == 2.0
    expected = (np.array([1, 2, 4]) - 2.75) / np.sqrt(1.6875)
    for found in (of_columns.values, of_rows.values):
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_without_row_bias_rows_are_smoothed_by_nothing():
    settings = ResolvedSettings(row_bias=False)

    of_columns, of_rows = smoothings(settings, np.array([1, 2]), np.array([0.5, 0.5], np.float32))

    assert of_rows.strength == 0.0
    assert of_columns.strength == settings.prior_strength


def test_a_column_without_ratings_has_the_prior_for_base_rates():
    prior = np.array([0.2, 0.3, 0.5], np.float32)

    rates = smoothed(np.zeros((1, 3), np.int64), prior, how(3, 5.0))

    np.testing.assert_allclose(rates, [prior], rtol=1e-6)


def test_smoothing_adds_as_many_ratings_at_the_tilted_prior_as_its_strength():
    # Two levels have one mean for each share: the second is 1 of 4 ratings, and 3 of 4 of the 4 expected.
    q = (1 + 3) / 8

    rates = smoothed(np.array([[3, 1]]), np.array([0.25, 0.75], np.float32), how(2, 2.0, tilt_strength=4.0))

    np.testing.assert_allclose(rates, [[(3 + 2 * (1 - q)) / 6, (1 + 2 * q) / 6]], rtol=1e-6)


def test_columns_rated_by_harsh_rows_have_higher_base_rates_than_their_ratings():
    # Column 2 has one rating, of a row that rates all it shares with others one level lower than they do.
    rows, columns = np.array([0, 0, 0, 1, 1, 2, 2]), np.array([0, 1, 2, 0, 1, 0, 1])
    ratings = CompressedRows.build(rows, columns, np.array([1, 1, 1, 2, 2, 2, 2], np.uint8), (3, 3))
    prior = np.full(3, 1 / 3, np.float32)

    rates = column_base_rates(ratings, prior, how(3, 1.0, 0.1), how(3, 1.0, 0.1))

    counted = smoothed(column_counts(ratings, 3), prior, how(3, 1.0, 0.1))
    assert rates[2] @ np.arange(3) > counted[2] @ np.arange(3) + 0.1
    np.testing.assert_allclose(rates.sum(axis=1), 1.0, atol=1e-6)


@pytest.mark.parametrize("strength", [0.0, 7.0])
def test_base_rates_of_columns_agree_with_the_formula(strength):
    generator = np.random.default_rng(1)
    rated = np.argwhere(generator.random((12, 8)) < 0.4)
    level = generator.integers(4, size=len(rated)).astype(np.uint8)
    visible = np.zeros((12, 8, 4))
    visible[rated[:, 0], rated[:, 1], level] = 1.0
    prior = np.array([0.1, 0.2, 0.3, 0.4], np.float32)
    ratings = CompressedRows.build(rated[:, 0], rated[:, 1], level, (12, 8))

    rates = column_base_rates(ratings, prior, how(4, 5.0), how(4, strength))

    expected = base_rates(visible, prior.astype(np.float64), how(4, 5.0), how(4, strength))
    np.testing.assert_allclose(rates, expected, atol=1e-5)


def test_without_row_bias_base_rates_are_those_of_the_counts():
    ratings = CompressedRows.build(
        np.array([0, 0, 1]), np.array([0, 1, 1]), np.array([1, 0, 2], np.uint8), (2, 3)
    )
    prior = np.array([0.2, 0.3, 0.5], np.float32)

    rates = column_base_rates(ratings, prior, how(3, 5.0), how(3, 0.0))

    np.testing.assert_allclose(rates, smoothed(column_counts(ratings, 3), prior, how(3, 5.0)), rtol=1e-5)


@given(counts=COUNTS, strength=st.floats(1e-3, 1e6), tilt_strength=st.sampled_from([0.1, 4.0, 1e9]))
def test_base_rates_are_positive_and_sum_to_one(counts, strength, tilt_strength):
    levels = counts.shape[1]

    rates = smoothed(counts, uniform_prior(levels), how(levels, strength, tilt_strength))

    assert rates.dtype == np.float32
    assert (rates > 0).all()
    np.testing.assert_allclose(rates.sum(axis=1), 1.0, atol=1e-5)


@given(counts=COUNTS.map(lambda counts: counts + 1), strength=st.floats(1e-3, 1e6))
def test_base_rates_lie_between_the_tilted_prior_and_the_shares_of_the_column(counts, strength):
    levels = counts.shape[1]
    shares = counts / counts.sum(axis=1, keepdims=True)
    prior = uniform_prior(levels).astype(np.float64)
    started = np.array([tilted(count.astype(float), prior, how(levels, strength))[0] for count in counts])

    rates = smoothed(counts, uniform_prior(levels), how(levels, strength))

    assert (rates >= np.minimum(shares, started) * (1 - 1e-5)).all()
    assert (rates <= np.maximum(shares, started) * (1 + 1e-5)).all()

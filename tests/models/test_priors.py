"""Base rates: shares of all ratings, counts of a column, and the smoothing between the two."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rbmcli.data.ratings import CompressedRows
from rbmcli.models.priors import column_counts, global_prior, smoothed

COUNTS = arrays(np.int64, st.tuples(st.integers(1, 6), st.integers(2, 11)), elements=st.integers(0, 10**6))


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


def test_a_column_without_ratings_has_the_prior_for_base_rates():
    prior = np.array([0.2, 0.3, 0.5], np.float32)

    rates = smoothed(np.zeros((1, 3), np.int64), prior, 5.0)

    np.testing.assert_allclose(rates, [prior], rtol=1e-6)


def test_smoothing_adds_as_many_ratings_at_the_prior_as_its_strength():
    rates = smoothed(np.array([[3, 1]]), np.array([0.25, 0.75], np.float32), 4.0)

    np.testing.assert_allclose(rates, [[(3 + 1) / 8, (1 + 3) / 8]], rtol=1e-6)


@given(counts=COUNTS, strength=st.floats(1e-3, 1e6))
def test_base_rates_are_positive_and_sum_to_one(counts, strength):
    rates = smoothed(counts, uniform_prior(counts.shape[1]), strength)

    assert rates.dtype == np.float32
    assert (rates > 0).all()
    np.testing.assert_allclose(rates.sum(axis=1), 1.0, atol=1e-5)


@given(counts=COUNTS.map(lambda counts: counts + 1), strength=st.floats(1e-3, 1e6))
def test_base_rates_lie_between_the_prior_and_the_shares_of_the_column(counts, strength):
    prior = uniform_prior(counts.shape[1])
    shares = counts / counts.sum(axis=1, keepdims=True)

    rates = smoothed(counts, prior, strength)

    assert (rates >= np.minimum(shares, prior) * (1 - 1e-6)).all()
    assert (rates <= np.maximum(shares, prior) * (1 + 1e-6)).all()

"""Resampling against the oracle, and whether everybody is drawn equally often."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbmcli.kernels.bootstrap import resampled_sums
from tests import reference_bootstrap


def resampled(rows: np.ndarray, key: int, resamples: int) -> np.ndarray:
    """Return the sums of the kernel, in memory that held something else before."""
    sums = np.full((resamples, rows.shape[1]), np.nan)
    resampled_sums(rows, np.uint64(key), sums)
    return sums


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 12), st.integers(1, 13)),
    resamples=st.integers(1, 5),
    key=st.integers(0, 2**64 - 1),
)
def test_sums_are_those_of_the_oracle(shape, resamples, key):
    rows = np.random.default_rng(key).normal(size=shape)

    found = resampled(rows, key, resamples)

    expected = reference_bootstrap.resampled_sums(rows, key, resamples)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_as_many_rows_are_drawn_as_there_are():
    assert (resampled(np.ones((17, 1)), key=3, resamples=50) == 17).all()


def test_every_row_is_drawn_as_often_as_the_binomial_distribution_has_it():
    users, resamples = 8, 1500

    drawn = resampled(np.eye(users), key=4, resamples=resamples)

    share = 1 / users
    variance = users * share * (1 - share)
    np.testing.assert_allclose(drawn.mean(axis=0), 1, atol=4.5 * math.sqrt(variance / resamples))
    np.testing.assert_allclose(drawn.var(axis=0), variance, rtol=0.2)
    assert drawn.max() > 3


def test_more_resamples_begin_with_the_same_ones():
    rows = np.random.default_rng(0).normal(size=(9, 4))

    few, many = resampled(rows, 5, 3), resampled(rows, 5, 12)

    assert few.tobytes() == many[:3].tobytes()


@pytest.mark.parametrize("key", [0, 2**64 - 1])
def test_resamples_differ_from_each_other(key):
    sums = resampled(np.random.default_rng(1).normal(size=(30, 1)), key, 40)

    assert len(np.unique(sums)) == 40

"""Resampling against the oracle, and whether everybody is drawn equally often."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbmcli.kernels.bootstrap import resampled_squares, resampled_sums
from tests.reference_bootstrap import drawn_rows

KEYS = st.integers(0, 2**64 - 1)


def resampled(rows: np.ndarray, key: int, resamples: int) -> np.ndarray:
    """Return the sums of the kernel, in memory that held something else before."""
    sums = np.full((resamples, rows.shape[1]), np.nan)
    resampled_sums(rows, np.uint64(key), sums)
    return sums


@settings(max_examples=40, deadline=None)
@given(shape=st.tuples(st.integers(1, 12), st.integers(1, 13)), resamples=st.integers(1, 5), key=KEYS)
def test_sums_are_those_of_the_oracle(shape, resamples, key):
    rows = np.random.default_rng(key).normal(size=shape)

    found = resampled(rows, key, resamples)

    expected = [rows[drawn].sum(axis=0) for drawn in drawn_rows(len(rows), key, resamples)]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 12), st.integers(1, 3), st.integers(1, 13)),
    figures=st.integers(1, 6),
    resamples=st.integers(1, 4),
    key=KEYS,
)
def test_squares_of_what_users_add_are_those_of_the_oracle(shape, figures, resamples, key):
    generator = np.random.default_rng(key)
    rows, models = generator.normal(size=shape), shape[1]
    slopes = generator.normal(size=(resamples, models, figures, shape[2]))
    compared = np.array([(first, second) for first in range(models) for second in range(-1, first)])
    squares = np.full((resamples, len(compared), figures), np.nan)

    resampled_squares(rows, np.uint64(key), slopes, compared, squares)

    for resample, drawn in enumerate(drawn_rows(len(rows), key, resamples)):
        added = np.einsum("ulm,lfm->luf", rows[drawn], slopes[resample])
        added = np.concatenate([added, np.zeros((1, len(drawn), figures))])
        expected = [((added[first] - added[second]) ** 2).sum(axis=0) for first, second in compared]
        np.testing.assert_allclose(squares[resample], expected, rtol=1e-12, atol=1e-12)


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

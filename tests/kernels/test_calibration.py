"""Levels drawn from their probabilities, against the oracle and against the probabilities."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rbmcli.kernels.calibration import drawn_hits
from tests import reference_bootstrap


def drawn(probability: np.ndarray, key: int, draws: int, bins: int = 15) -> np.ndarray:
    """Return the hits of the kernel, in memory that held something else before."""
    hits = np.full((draws, probability.shape[1], bins), -1, np.int64)
    drawn_hits(probability, np.uint64(key), hits)
    return hits


@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 12), st.integers(2, 11)),
    draws=st.integers(1, 4),
    bins=st.integers(1, 20),
    key=st.integers(0, 2**64 - 1),
)
def test_hits_are_those_of_the_oracle(shape, draws, bins, key):
    probability = np.random.default_rng(key).dirichlet(np.ones(shape[1]), shape[0]).astype(np.float32)

    found = drawn(probability, key, draws, bins)

    np.testing.assert_array_equal(found, reference_bootstrap.drawn_hits(probability, key, draws, bins))


def test_levels_are_drawn_as_often_as_their_probabilities_say():
    probability = np.tile(np.float32([0.1, 0.0, 0.6, 0.3]), (50, 1))

    hits = drawn(probability, key=1, draws=60)

    share = hits.sum(axis=(0, 2)) / (50 * 60)
    np.testing.assert_allclose(share, probability[0], atol=4 * 0.5 / np.sqrt(50 * 60))
    assert share[1] == 0


def test_a_level_that_is_certain_is_always_drawn_even_if_probabilities_do_not_quite_sum_to_1():
    probability = np.float32([[0.0, 0.999, 0.0], [0.0, 0.0, 1.001]])

    hits = drawn(probability, key=2, draws=200)

    assert (hits.sum(axis=2) == [0, 1, 1]).all()


def test_ends_of_bins_belong_to_the_bin_below_and_0_to_the_first():
    hits = drawn(np.array([[0.25, 0.75], [0.5, 0.5], [0.0, 1.0]]), key=4, draws=50, bins=4)

    filled = hits.sum(axis=0) > 0
    assert filled.tolist() == [[True, True, False, False], [False, True, True, True]]
    assert (hits[:, :, 3].sum(axis=1) == 1).all()


def test_draws_differ_from_each_other_and_more_of_them_begin_with_the_same_ones():
    probability = np.random.default_rng(3).dirichlet(np.ones(5), 100)

    few, many = drawn(probability, key=3, draws=2), drawn(probability, key=3, draws=5)

    np.testing.assert_array_equal(few, many[:2])
    assert (many[0] != many[1]).any()

"""Reliability tables and the errors that they come to, against another implementation and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from rbmcli.models.reliability import BINS, error_if_calibrated, reliability
from tests.models.scored import random_scored


def drawn_levels(probabilities: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return levels that the probabilities are exactly right about."""
    level = (np.cumsum(probabilities, axis=1) < generator.random((len(probabilities), 1))).sum(axis=1)
    return np.minimum(level, probabilities.shape[1] - 1)


def test_tables_and_the_error_are_those_of_another_implementation() -> None:
    scored = random_scored(800, 1, 5, seed=1)
    probabilities = scored.probabilities.astype(np.float64)

    table = reliability(probabilities, scored.level)

    distances = []
    for k in range(5):
        filled = table.count[k] > 0
        share, mean = calibration_curve(scored.level == k, probabilities[:, k], n_bins=BINS)
        np.testing.assert_allclose(table.share[k, filled], share, rtol=0, atol=1e-9)
        np.testing.assert_allclose(table.mean_probability[k, filled], mean, rtol=0, atol=1e-9)
        distances.append(np.sum(table.count[k, filled] / 800 * np.abs(share - mean)))
    assert table.error == pytest.approx(np.mean(distances), abs=1e-9)
    pooled = table.pooled()
    share, mean = calibration_curve(
        np.ravel(scored.level[:, None] == np.arange(5)), probabilities.ravel(), n_bins=BINS
    )
    np.testing.assert_allclose(pooled.share[0, pooled.count[0] > 0], share, rtol=0, atol=1e-9)
    np.testing.assert_allclose(pooled.mean_probability[0, pooled.count[0] > 0], mean, rtol=0, atol=1e-9)


def test_the_error_of_a_small_case_worked_out_by_hand() -> None:
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6]])

    table = reliability(probabilities, np.array([0, 1, 1]), bins=2)

    # Of either level two pairs have 0.9 or 0.1, and half of them have it; of the third one is certain.
    assert table.error == pytest.approx((2 * 0.4 + 0.4) / 3)
    assert table.count.tolist() == [[1, 2], [2, 1]]
    assert table.hits.tolist() == [[0, 1], [1, 1]]


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.tuples(st.integers(1, 50), st.just(1), st.integers(2, 8)),
    bins=st.integers(1, 20),
    seed=st.integers(0, 2**32 - 1),
)
def test_tables_count_all_pairs_and_the_error_is_within_its_bounds_in_any_order(
    sizes: tuple[int, int, int], bins: int, seed: int
) -> None:
    scored = random_scored(*sizes, seed=seed)
    moved = scored.part(np.random.default_rng(seed).permutation(len(scored.user)))

    table = reliability(scored.probabilities, scored.level, bins)

    assert (table.count.sum(axis=1) == len(scored.user)).all()
    assert table.hits.sum() == len(scored.user)
    assert 0 <= table.error <= 2 / sizes[2] + 1e-6
    assert table.error == pytest.approx(reliability(moved.probabilities, moved.level, bins).error, abs=1e-9)


def test_an_empty_bin_has_no_mean_and_no_share() -> None:
    table = reliability(np.array([[0.9, 0.1]]), np.array([0]), bins=2)

    assert np.isnan(table.share).tolist() == np.isnan(table.mean_probability).tolist()
    assert np.isnan(table.share).tolist() == [[True, False], [False, True]]


def test_certain_probabilities_that_come_true_have_no_error_and_expect_none() -> None:
    certain = np.eye(4)[np.arange(40) % 4]

    assert reliability(certain, np.arange(40) % 4).error == 0
    assert error_if_calibrated(certain, seed=0) == 0


def test_calibrated_probabilities_are_below_the_quantile_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet(np.ones(5), 600)

    bound = error_if_calibrated(probabilities, seed=0, draws=1000, quantile=0.8)

    errors = [reliability(probabilities, drawn_levels(probabilities, generator)).error for _ in range(600)]
    # Both the shares below and the quantile have a standard error of less than 2%.
    assert np.mean(np.array(errors) <= bound) == pytest.approx(0.8, abs=0.07)


def test_probabilities_that_are_too_sure_are_above_the_quantile() -> None:
    generator = np.random.default_rng(1)
    right = generator.dirichlet(np.ones(5), 2000)
    sure = right**2 / (right**2).sum(axis=1, keepdims=True)

    assert reliability(sure, drawn_levels(right, generator)).error > 2 * error_if_calibrated(sure, seed=0)


def test_the_same_seed_gives_the_same_quantile_and_another_seed_another() -> None:
    probabilities = random_scored(300, 1, 5, seed=2).probabilities

    first, again, other = (error_if_calibrated(probabilities, seed) for seed in (1, 1, 2))

    assert first == again != other

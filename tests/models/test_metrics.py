"""The formulas, against numbers worked out by hand and against each other."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn import metrics as theirs

from rbmcli.models.metrics import PROBABILITY_FLOOR, accuracy, kappa, mae, nll, rmse, rps
from tests.models.scored import random_scored

RATINGS = arrays.arrays(
    np.float64, st.integers(1, 30), elements=st.floats(-10, 10, allow_nan=False, width=32)
)


def test_rmse_and_mae_of_errors_3_and_minus_4() -> None:
    prediction, rating = np.array([4.0, 0.0], np.float32), np.array([1.0, 4.0])

    assert rmse(prediction, rating) == pytest.approx(math.sqrt(12.5))
    assert mae(prediction, rating) == pytest.approx(3.5)


@settings(max_examples=50)
@given(rating=RATINGS, shift=st.floats(-3, 3))
def test_a_constant_error_is_its_own_rmse_and_mae(rating: np.ndarray, shift: float) -> None:
    assert rmse(rating + shift, rating) == pytest.approx(abs(shift), abs=1e-9)
    assert mae(rating + shift, rating) == pytest.approx(abs(shift), abs=1e-9)


@settings(max_examples=50)
@given(rating=RATINGS, prediction=st.floats(-10, 10))
def test_rmse_is_never_below_mae(rating: np.ndarray, prediction: float) -> None:
    constant = np.full(len(rating), prediction)

    assert rmse(constant, rating) >= mae(constant, rating) - 1e-9


def test_errors_are_summed_in_float64() -> None:
    prediction = np.full(1_000_000, 0.1, np.float32)

    assert mae(prediction, np.zeros(1_000_000, np.float32)) == pytest.approx(
        float(np.float32(0.1)), rel=1e-12
    )


def test_nll_is_the_mean_logarithm_of_the_true_levels_probability() -> None:
    probabilities = np.array([[0.5, 0.5], [0.2, 0.8]], np.float32)

    assert nll(probabilities, np.array([0, 1], np.uint8)) == pytest.approx(
        -(math.log(0.5) + math.log(0.8)) / 2
    )


def test_the_nll_of_an_impossible_level_is_that_of_the_floor() -> None:
    assert nll(np.array([[1.0, 0.0]], np.float32), np.array([1])) == pytest.approx(
        -math.log(PROBABILITY_FLOOR)
    )


def test_accuracy_counts_true_most_probable_levels_and_the_lower_of_two_as_probable() -> None:
    probabilities = np.array([[0.1, 0.9], [0.9, 0.1], [0.5, 0.5], [0.5, 0.5]])

    assert accuracy(probabilities, np.array([1, 1, 0, 1], np.uint8)) == 0.5


@pytest.mark.parametrize("levels", [3, 5, 10])
def test_figures_are_those_of_another_implementation(levels: int) -> None:
    scored = random_scored(500, 1, levels, seed=levels)
    probabilities, level = scored.probabilities.astype(np.float64), scored.level
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    predicted = probabilities.argmax(axis=1)

    pairs = [
        (rmse(scored.prediction, scored.rating), theirs.root_mean_squared_error),
        (mae(scored.prediction, scored.rating), theirs.mean_absolute_error),
    ]
    for found, other in pairs:
        assert found == pytest.approx(other(scored.rating, scored.prediction), abs=1e-9)
    labels = np.arange(levels)
    assert nll(probabilities, level) == pytest.approx(
        theirs.log_loss(level, np.maximum(probabilities, PROBABILITY_FLOOR), labels=labels), abs=1e-9
    )
    assert accuracy(probabilities, level) == theirs.accuracy_score(level, predicted)
    assert kappa(probabilities, level) == pytest.approx(
        theirs.cohen_kappa_score(level, predicted, labels=labels, weights="quadratic"), abs=1e-9
    )
    # The score is the mean of the Brier scores of 'at most level k'.
    cumulated = np.minimum(np.cumsum(probabilities, axis=1), 1)
    scores = [theirs.brier_score_loss(level <= k, cumulated[:, k]) for k in range(levels - 1)]
    assert rps(probabilities, level) == pytest.approx(np.mean(scores), abs=1e-9)


def test_rps_of_all_forecasts_that_are_certain_is_the_distance_over_the_largest_one() -> None:
    for level in range(4):
        for said in range(4):
            found = rps(np.eye(4)[[said]], np.array([level], np.uint8))

            assert found == pytest.approx(abs(level - said) / 3)


def test_rps_of_a_small_case_worked_out_by_hand() -> None:
    # Cumulated 0.2, 0.7 beside 0, 1.
    assert rps(np.array([[0.2, 0.5, 0.3]]), np.array([1])) == pytest.approx((0.04 + 0.09) / 2)


@settings(max_examples=50, deadline=None)
@given(sizes=st.tuples(st.integers(1, 40), st.just(1), st.integers(2, 11)), seed=st.integers(0, 2**32 - 1))
def test_scores_are_within_their_bounds_and_know_no_order_of_pairs(
    sizes: tuple[int, int, int], seed: int
) -> None:
    scored = random_scored(*sizes, seed=seed)
    moved = scored.part(np.random.default_rng(seed).permutation(len(scored.user)))

    for score in (rps, accuracy, kappa, nll):
        found = score(scored.probabilities, scored.level)
        assert found == pytest.approx(score(moved.probabilities, moved.level), abs=1e-9, nan_ok=True)
    assert 0 <= rps(scored.probabilities, scored.level) <= 1 + 1e-6
    assert not kappa(scored.probabilities, scored.level) > 1 + 1e-12


def test_kappa_of_agreement_is_1_of_a_reversed_scale_below_0_and_of_one_answer_to_all_0() -> None:
    level = np.array([0, 1, 2, 3, 3, 0], np.uint8)

    assert kappa(np.eye(4)[level], level) == 1
    assert kappa(np.eye(4)[3 - level], level) == -1
    assert kappa(np.tile(np.eye(4)[1], (6, 1)), level) == pytest.approx(0)

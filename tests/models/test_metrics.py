"""The formulas, against numbers worked out by hand and against each other."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from rbmcli.models.metrics import PROBABILITY_FLOOR, accuracy, mae, nll, rmse

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

"""exp, sigmoid and random numbers, the scalar ground that every kernel stands on."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbmcli.kernels.arithmetic import derive, exponential, normal, sigmoid, uniform
from tests import reference

KEYS = st.integers(0, 2**64 - 1)
COUNTERS = st.integers(0, 2**31 - 1)


def draws(key: int, count: int) -> np.ndarray:
    """Return the first `count` numbers of a stream, in float64."""
    return np.array([uniform(np.uint64(key), counter) for counter in range(count)], np.float64)


def test_exponential_has_a_relative_error_below_three_parts_in_ten_million():
    points = np.linspace(-87.0, 87.0, 20_001, dtype=np.float32)

    values = np.array([exponential(x) for x in points])

    truth = np.exp(points.astype(np.float64))
    assert np.abs(values / truth - 1.0).max() < 3e-7


@settings(deadline=None)
@given(x=st.floats(-87, 87, width=32))
def test_exponential_is_close_to_the_library_function_everywhere(x):
    assert exponential(np.float32(x)) == pytest.approx(math.exp(x), rel=3e-7)


def test_exponential_of_zero_is_one():
    assert exponential(np.float32(0.0)) == 1.0


@pytest.mark.parametrize("x", [87.0, 88.0, 1e4, 3e38, math.inf])
def test_exponential_is_clamped_to_a_finite_positive_range(x):
    assert exponential(np.float32(x)) == exponential(np.float32(87.0))
    assert exponential(np.float32(-x)) == exponential(np.float32(-87.0)) > 0.0
    assert math.isfinite(exponential(np.float32(x)))


@pytest.mark.parametrize("x", [1e4, 3e38, math.inf])
def test_sigmoid_of_huge_inputs_is_finite_and_saturated(x):
    assert sigmoid(np.float32(x)) == 1.0
    assert 0.0 <= sigmoid(np.float32(-x)) < 1e-30


@settings(deadline=None)
@given(x=st.floats(-80, 80, width=32))
def test_sigmoid_agrees_with_its_formula(x):
    assert sigmoid(np.float32(x)) == pytest.approx(1.0 / (1.0 + math.exp(-x)), rel=5e-7)


def test_derive_gives_the_published_outputs_of_splitmix64():
    outputs = [int(derive(np.uint64(1234567), counter)) for counter in range(5)]

    assert outputs == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


@settings(deadline=None)
@given(key=KEYS, counter=COUNTERS)
def test_random_numbers_are_those_of_the_oracle(key, counter):
    assert int(derive(np.uint64(key), counter)) == reference.derive(key, counter)
    assert float(uniform(np.uint64(key), counter)) == reference.uniform(key, counter)
    assert float(normal(np.uint64(key), counter)) == pytest.approx(reference.normal(key, counter), abs=1e-6)


def test_streams_of_neighbouring_keys_and_counters_are_all_distinct():
    outputs = {int(derive(np.uint64(key), counter)) for key in range(64) for counter in range(64)}

    # Counter c of key 0 would meet counter c' of another key only if their states met.
    assert len(outputs) == 64 * 64


@settings(deadline=None)
@given(key=KEYS, counter=COUNTERS)
def test_uniform_numbers_are_below_one_and_not_below_zero(key, counter):
    number = uniform(np.uint64(key), counter)

    assert 0.0 <= number < 1.0


def test_uniform_numbers_have_the_mean_and_variance_of_their_distribution():
    numbers = draws(key=5, count=20_000)

    # The standard errors of mean and variance are sqrt(1 / 12 n) and sqrt(1 / 180 n).
    assert numbers.mean() == pytest.approx(1 / 2, abs=4 * math.sqrt(1 / 12 / 20_000))
    assert numbers.var() == pytest.approx(1 / 12, abs=4 * math.sqrt(1 / 180 / 20_000))


def test_consecutive_numbers_and_neighbouring_streams_are_uncorrelated():
    numbers, neighbour = draws(key=5, count=5_000), draws(key=6, count=5_000)

    # The standard error of a correlation of independent numbers is 1 / sqrt(n).
    assert abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < 4 / math.sqrt(5_000)
    assert abs(np.corrcoef(numbers, neighbour)[0, 1]) < 4 / math.sqrt(5_000)


def test_normal_numbers_have_the_moments_and_the_tails_of_their_distribution():
    count = 20_000
    numbers = np.array([normal(np.uint64(8), counter) for counter in range(count)], np.float64)

    # Of x, x^2 and x^4 the standard errors are 1, sqrt(2) and sqrt(96) over sqrt(n).
    assert numbers.mean() == pytest.approx(0, abs=4 / math.sqrt(count))
    assert (numbers**2).mean() == pytest.approx(1, abs=4 * math.sqrt(2 / count))
    assert (numbers**4).mean() == pytest.approx(3, abs=4 * math.sqrt(96 / count))
    for bound in (0.5, 1.0, 2.0):
        share = math.erfc(bound / math.sqrt(2))
        error = math.sqrt(share * (1 - share) / count)
        assert np.mean(np.abs(numbers) > bound) == pytest.approx(share, abs=4 * error)
    assert np.abs(numbers).max() > 3.5


def test_neighbouring_normal_numbers_are_uncorrelated():
    numbers = np.array([normal(np.uint64(9), counter) for counter in range(5_000)], np.float64)

    assert abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < 4 / math.sqrt(5_000)
    assert abs(np.corrcoef(numbers[:-1] ** 2, numbers[1:] ** 2)[0, 1]) < 4 / math.sqrt(5_000)

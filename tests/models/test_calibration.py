"""Fitted calibrations, against another minimiser, what was put in, and where data are few or wrong."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import log_softmax

from rbmcli.models.calibration import COLDEST, HOTTEST, Calibration, apply, fit_calibration
from rbmcli.models.metrics import PROBABILITY_FLOOR, nll
from rbmcli.models.reliability import error_if_calibrated, reliability
from tests.models.scored import random_scored
from tests.models.test_reliability import drawn_levels


def penalised(at: np.ndarray, probabilities: np.ndarray, level: np.ndarray) -> float:
    """Return what is minimised, straight from its formula, at (b, s)."""
    logits = np.log(np.maximum(probabilities.astype(np.float64), PROBABILITY_FLOOR))
    log_q = log_softmax(at[-1] * logits + at[:-1], axis=1)
    return -log_q[np.arange(len(level)), level].sum() + (np.sum(at[:-1] ** 2) + (at[-1] - 1) ** 2) / 2


@pytest.mark.parametrize(("pairs", "levels"), [(12, 3), (400, 5), (20_000, 5)])
def test_the_fit_is_that_of_another_minimiser(pairs: int, levels: int) -> None:
    scored = random_scored(pairs, 1, levels, seed=pairs)

    found = fit_calibration(scored.probabilities, scored.level)

    theirs = minimize(
        penalised,
        np.append(np.zeros(levels), 1.0),
        args=(scored.probabilities, scored.level),
        method="BFGS",
        options={"gtol": 1e-7 * pairs},
    )
    ours = penalised(np.append(found.bias, 1 / found.temperature), scored.probabilities, scored.level)
    assert ours <= theirs.fun * (1 + 1e-9)
    np.testing.assert_allclose(found.bias, theirs.x[:-1], atol=1e-3)
    assert 1 / found.temperature == pytest.approx(theirs.x[-1], abs=1e-3)


def test_a_temperature_and_biases_that_were_put_in_are_found_again() -> None:
    generator = np.random.default_rng(0)
    told = generator.dirichlet(np.ones(4), 40_000)
    put_in = Calibration(1.6, np.array([0.3, -0.2, 0.1, -0.2]))
    level = drawn_levels(apply(put_in, told), generator)

    found = fit_calibration(told, level)

    assert found.temperature == pytest.approx(put_in.temperature, rel=0.03)
    np.testing.assert_allclose(found.bias, put_in.bias, atol=0.05)


def test_on_other_pairs_calibrated_probabilities_cannot_be_told_from_perfect_ones() -> None:
    generator = np.random.default_rng(3)
    told = generator.dirichlet(np.ones(5), 22_000)
    level = drawn_levels(apply(Calibration(1.5, np.linspace(-0.4, 0.4, 5)), told), generator)
    asked, came = told[20_000:], level[20_000:]

    calibrated = apply(fit_calibration(told[:20_000], level[:20_000]), asked)

    assert reliability(asked, came).error > error_if_calibrated(asked, seed=0, quantile=0.99)
    assert reliability(calibrated, came).error < error_if_calibrated(calibrated, seed=0, quantile=0.99)


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.tuples(st.integers(1, 40), st.just(1), st.integers(2, 8)),
    power=st.sampled_from([0.0, 0.2, 1.0, 5.0, -1.0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_fitted_pairs_never_come_out_worse_and_biases_are_centred(
    sizes: tuple[int, int, int], power: float, seed: int
) -> None:
    scored = random_scored(*sizes, seed=seed)
    odds = np.maximum(scored.probabilities.astype(np.float64), 1e-6) ** power
    probabilities = odds / odds.sum(axis=1, keepdims=True)

    found = fit_calibration(probabilities, scored.level)

    assert nll(apply(found, probabilities), scored.level) <= nll(probabilities, scored.level) + 1e-9
    assert found.bias.sum() == pytest.approx(0, abs=1e-9)
    assert COLDEST <= found.temperature <= HOTTEST


@settings(max_examples=40, deadline=None)
@given(sizes=st.tuples(st.integers(1, 30), st.just(1), st.integers(2, 8)), seed=st.integers(0, 2**32 - 1))
def test_calibrated_probabilities_sum_to_1_and_the_identity_changes_nothing(
    sizes: tuple[int, int, int], seed: int
) -> None:
    probabilities = random_scored(*sizes, seed=seed).probabilities
    some = Calibration(0.7, np.linspace(-1, 1, sizes[2]))

    calibrated = apply(some, probabilities)

    np.testing.assert_allclose(calibrated.sum(axis=1), 1, atol=1e-6)
    assert calibrated.dtype == np.float32
    np.testing.assert_allclose(apply(Calibration.identity(sizes[2]), probabilities), probabilities, atol=1e-6)


def test_where_nothing_is_wrong_next_to_nothing_is_changed() -> None:
    generator = np.random.default_rng(5)
    right = generator.dirichlet(np.ones(5), 50_000)

    found = fit_calibration(right, drawn_levels(right, generator))

    assert found.temperature == pytest.approx(1, abs=0.03)
    np.testing.assert_allclose(found.bias, 0, atol=0.05)


def test_impossible_events_that_happen_leave_the_fit_finite() -> None:
    probabilities = np.tile(np.float32([1.0, 0.0, 0.0]), (50, 1))

    found = fit_calibration(probabilities, np.full(50, 2))

    assert np.isfinite(found.bias).all()
    assert np.isfinite(apply(found, probabilities)).all()
    assert apply(found, probabilities)[0, 2] > 0.5


def test_the_temperature_stays_in_its_range_when_the_opposite_of_what_is_said_happens() -> None:
    generator = np.random.default_rng(6)
    told = generator.dirichlet(np.full(3, 0.5), 3000)

    found = fit_calibration(told, told.argmin(axis=1))

    assert found.temperature == HOTTEST
    # The biases are those of the best fit with this temperature.
    calibrated = apply(found, told)
    np.testing.assert_allclose(
        calibrated.sum(axis=0) + found.bias, np.bincount(told.argmin(axis=1), minlength=3), atol=0.01
    )


def test_the_order_of_pairs_makes_no_difference() -> None:
    scored = random_scored(30_000, 1, 5, seed=7)
    order = np.random.default_rng(7).permutation(30_000)

    one, other = (fit_calibration(each.probabilities, each.level) for each in (scored, scored.part(order)))

    assert one.temperature == pytest.approx(other.temperature, abs=1e-6)
    np.testing.assert_allclose(one.bias, other.bias, atol=1e-6)

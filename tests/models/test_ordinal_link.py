"""The ordinal link: its fit against another minimiser, against what was put in, and where data are few."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import check_grad, minimize

from rbmcli.data.levels import Levels
from rbmcli.models.metrics import nll
from rbmcli.models.ordinal_link import OrdinalLink, _Problem, fit_link

FIVE = Levels(np.arange(1, 6, dtype=np.float32))


def drawn(link: OrdinalLink, pairs: int, seed: int, variance: float = 0.0) -> tuple[np.ndarray, ...]:
    """Return mean, variance and level of pairs whose levels are drawn from a link."""
    generator = np.random.default_rng(seed)
    mean = generator.uniform(1, 5, pairs)
    spread = variance * generator.exponential(size=pairs)
    q = link.probabilities(mean, spread).astype(np.float64)
    level = (q.cumsum(axis=1) < generator.random((pairs, 1))).sum(axis=1).clip(0, q.shape[1] - 1)
    return mean, spread, level


def test_probabilities_are_differences_of_the_cumulative_logistic_function() -> None:
    link = OrdinalLink(np.array([-1.0, 0.5]), 2.0, 3.0)

    (found,) = link.probabilities(np.array([0.25]), np.array([1.0]))

    below = [1 / (1 + np.exp(-(a - 0.5) / 2)) for a in (-1.0, 0.5)]
    np.testing.assert_allclose(found, [below[0], below[1] - below[0], 1 - below[1]], rtol=1e-6)


@pytest.mark.parametrize("variance", [0.0, 0.5])
def test_what_was_put_in_is_found_again(variance: float) -> None:
    put_in = OrdinalLink(np.array([2.0, 3.5, 5.5, 8.0]), 1.9, 4.0 if variance else 0.0)
    mean, spread, level = drawn(put_in, 60_000, 0, variance)

    found = fit_link(mean, spread, level, level + 1.0, FIVE)

    np.testing.assert_allclose(found.cutpoints, put_in.cutpoints, rtol=0.06)
    assert found.slope == pytest.approx(put_in.slope, rel=0.05)
    assert found.spread == pytest.approx(put_in.spread, rel=0.25)


def test_the_fit_is_that_of_another_minimiser() -> None:
    mean, spread, level = drawn(OrdinalLink(np.array([2.0, 3.5, 5.5, 8.0]), 1.9, 0.0), 400, 3)

    found = fit_link(mean, spread, level, level + 1.0, FIVE)

    start = OrdinalLink.around(FIVE, float(np.sqrt(np.mean((level + 1 - mean) ** 2))))
    problem = _Problem(mean, np.ones(len(mean)), level, start)
    theirs = minimize(
        problem.value,
        problem.centre,
        method="Nelder-Mead",
        options={"maxiter": 20_000, "xatol": 1e-9, "fatol": 1e-10},
    )
    assert problem.value(np.append(found.cutpoints, found.slope)) <= theirs.fun + 1e-6


@pytest.mark.parametrize("seed", range(5))
def test_slopes_are_those_of_differences(seed: int) -> None:
    generator = np.random.default_rng(seed)
    mean, weight = generator.normal(3, 1, 50), generator.uniform(0.3, 1, 50)
    problem = _Problem(mean, weight, generator.integers(0, 5, 50), OrdinalLink.around(FIVE, 1.0))
    at = np.append(np.sort(generator.normal(4, 2, 4)), 1.3)

    gradient, curvature = problem.around(at)

    assert check_grad(problem.value, lambda x: problem.around(x)[0], at) < 1e-4 * np.linalg.norm(gradient)
    for place in range(5):
        step = np.zeros(5)
        step[place] = 1e-5
        difference = (problem.around(at + step)[0] - problem.around(at - step)[0]) / 2e-5
        np.testing.assert_allclose(curvature[place], difference, rtol=1e-4, atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(
    pairs=st.integers(1, 40),
    levels=st.integers(2, 12),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_pairs_give_a_link_whose_probabilities_are_some(pairs: int, levels: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    scale = Levels(np.cumsum(generator.uniform(0.1, 3, levels)).astype(np.float32))
    level = generator.integers(0, levels, pairs) if seed % 2 else np.zeros(pairs, np.int64)
    mean, variance = generator.normal(0, 5, pairs), generator.exponential(size=pairs)

    link = fit_link(mean, variance, level, scale.values[level], scale)
    q = link.probabilities(generator.normal(0, 50, 30), generator.exponential(size=30))

    assert np.all(q >= 0)
    np.testing.assert_allclose(q.sum(axis=1), 1, atol=1e-5)
    assert np.all(np.diff(link.cutpoints) > 0)
    assert OrdinalLink.from_dict(link.as_dict(), levels).as_dict() == link.as_dict()


def test_the_fit_is_no_worse_than_cutting_at_the_middles() -> None:
    generator = np.random.default_rng(1)
    mean = generator.uniform(1, 5, 500)
    level = np.clip(np.round(mean + generator.normal(0, 0.8, 500)), 1, 5).astype(int) - 1
    nothing = np.zeros(500)

    link = fit_link(mean, nothing, level, level + 1.0, FIVE)

    start = OrdinalLink.around(FIVE, float(np.sqrt(np.mean((level + 1 - mean) ** 2))))
    assert nll(link.probabilities(mean, nothing), level) < nll(start.probabilities(mean, nothing), level)


def test_the_order_of_pairs_makes_no_difference() -> None:
    mean, variance, level = drawn(OrdinalLink(np.array([2.0, 3.5, 5.5, 8.0]), 1.9, 2.0), 300, 5, 0.3)
    order = np.random.default_rng(0).permutation(300)

    one, other = (
        fit_link(mean[at], variance[at], level[at], level[at] + 1.0, FIVE) for at in (slice(None), order)
    )

    np.testing.assert_allclose(one.cutpoints, other.cutpoints, rtol=1e-12)
    assert (one.slope, one.spread) == pytest.approx((other.slope, other.spread), rel=1e-12)


@pytest.mark.parametrize(
    "values",
    [
        {"cutpoints": [1.0], "slope": 1.0, "spread": 0.0},
        {"cutpoints": [2.0, 1.0], "slope": 1.0, "spread": 0.0},
        {"cutpoints": [1.0, 2.0], "slope": -1.0, "spread": 0.0},
        {"cutpoints": [1.0, float("nan")], "slope": 1.0, "spread": 0.0},
    ],
)
def test_what_is_no_link_is_refused(values: dict) -> None:
    with pytest.raises(ValueError, match="none for 3 levels"):
        OrdinalLink.from_dict(values, 3)

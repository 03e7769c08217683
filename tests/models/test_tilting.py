"""Probabilities that are carried along with an expected rating: its expectation, and what is nearest."""

from __future__ import annotations

import numpy as np
import pytest

from rbmcli.models.tilting import tilted

VALUES = np.array([1, 2, 3, 4, 5], np.float32)


def chances(count: int = 200) -> np.ndarray:
    return np.random.default_rng(0).dirichlet(np.full(5, 0.3), count).astype(np.float32)


@pytest.mark.parametrize("sharpness", [0.7, 1.0, 1.5])
def test_the_expectation_is_that_wanted(sharpness: float) -> None:
    wanted = np.random.default_rng(1).uniform(1.1, 4.9, 200)

    found = tilted(chances(), wanted, VALUES, sharpness)

    np.testing.assert_allclose(found @ VALUES.astype(float), wanted, atol=1e-4)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-6)


def test_what_has_the_expectation_already_stays_as_it_is() -> None:
    given = np.random.default_rng(2).dirichlet(np.ones(5), 50).astype(np.float32)

    found = tilted(given, given.astype(float) @ VALUES, VALUES, 1.0)

    np.testing.assert_allclose(found, given, atol=1e-5)


def test_odds_change_by_equal_factors_from_level_to_level() -> None:
    given = np.array([[0.1, 0.2, 0.3, 0.25, 0.15]])

    found = tilted(given, np.array([4.0]), VALUES, 1.0).astype(float)

    factors = np.log(found / given)[0]
    assert np.diff(factors) == pytest.approx([np.diff(factors)[0]] * 4, rel=1e-4)
    assert np.diff(factors)[0] > 0


def test_at_the_ends_of_the_scale_no_level_is_impossible() -> None:
    found = tilted(np.full((2, 5), 0.2), np.array([1.0, 5.0]), VALUES, 1.0)

    assert np.all(found > 0)
    assert found[0, 0] > 0.9
    assert found[1, 4] > 0.9

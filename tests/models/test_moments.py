"""Figures from sums, against the formulas on the pairs themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbmcli.data.levels import UNKNOWN
from rbmcli.models import metrics
from rbmcli.models.moments import FIGURES, MOMENTS, counts_from, figures_from, moments_of, slopes_from
from tests import reference_bootstrap
from tests.models.scored import Scored, random_scored

SIZES = st.tuples(st.integers(1, 40), st.integers(1, 6), st.integers(2, 11))


def by_formula(scored: Scored) -> np.ndarray:
    """Return the figures of all pairs, by `rbmcli.models.metrics`."""
    errors = [metrics.rmse, metrics.mae]
    scores = [metrics.nll, metrics.rps, metrics.accuracy, metrics.kappa]
    return np.array(
        [error(scored.prediction, scored.rating) for error in errors]
        + [score(scored.probabilities, scored.level) for score in scores]
    )


@settings(max_examples=60, deadline=None)
@given(sizes=SIZES, seed=st.integers(0, 2**32 - 1))
def test_figures_from_sums_are_those_of_the_formulas(sizes: tuple[int, int, int], seed: int) -> None:
    scored = random_scored(*sizes, seed=seed)

    found = figures_from(scored.moments().sum(axis=0))

    np.testing.assert_allclose(found, by_formula(scored), rtol=0, atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(sizes=SIZES, seed=st.integers(0, 2**32 - 1))
def test_the_order_of_pairs_makes_no_difference(sizes: tuple[int, int, int], seed: int) -> None:
    scored = random_scored(*sizes, seed=seed)
    order = np.random.default_rng(seed).permutation(len(scored.user))

    moved = scored.part(order).moments()

    np.testing.assert_allclose(moved, scored.moments(), rtol=0, atol=1e-9)


def test_the_row_of_a_user_has_the_figures_of_the_users_pairs_alone() -> None:
    scored = random_scored(80, 4, 5, seed=1)

    found = figures_from(scored.moments())

    for user in range(4):
        part = scored.part(np.flatnonzero(scored.user == user))
        np.testing.assert_allclose(found[user], by_formula(part), rtol=0, atol=1e-9)


def test_figures_of_several_sets_of_users_come_from_one_call() -> None:
    moments = random_scored(60, 6, 5, seed=2).moments()
    sets = moments.reshape(2, 3, -1)

    found = figures_from(sets)

    assert found.shape == (2, 3, len(FIGURES))
    np.testing.assert_array_equal(found[1, 2], figures_from(sets[1, 2]))


def test_a_rating_on_no_level_counts_in_the_errors_alone() -> None:
    scored = random_scored(30, 3, 5, seed=3)
    level = scored.level.copy()
    level[::3] = UNKNOWN
    known = scored.part(np.flatnonzero(level != UNKNOWN))

    moments = moments_of(
        scored.user, scored.n_users, scored.prediction, scored.rating, scored.probabilities, level
    ).sum(axis=0)

    np.testing.assert_allclose(figures_from(moments)[:2], by_formula(scored)[:2], rtol=0, atol=1e-9)
    np.testing.assert_allclose(figures_from(moments)[2:], by_formula(known)[2:], rtol=0, atol=1e-9)
    assert counts_from(moments).tolist() == [30, 30, 20, 20, 20, 20]


def test_without_probabilities_there_are_the_errors_alone() -> None:
    scored = random_scored(30, 3, 5, seed=4)

    moments = moments_of(scored.user, scored.n_users, scored.prediction, scored.rating).sum(axis=0)

    assert np.isfinite(figures_from(moments)).tolist() == [True, True, False, False, False, False]
    assert counts_from(moments).tolist() == [30, 30, 0, 0, 0, 0]


def test_a_user_without_pairs_has_zeros_and_no_figures() -> None:
    scored = random_scored(10, 3, 5, seed=5)
    moments = moments_of(scored.user, 4, scored.prediction, scored.rating, scored.probabilities, scored.level)

    assert moments.shape == (4, len(MOMENTS))
    assert not moments[3].any()
    assert np.isnan(figures_from(moments[3])).all()


@pytest.mark.parametrize("pairs", [3, 7, 1_000_003])
def test_kappa_is_not_defined_where_all_levels_are_one_and_the_same(pairs: int) -> None:
    probabilities = np.tile(np.float32([0.1, 0.2, 0.7]), (pairs, 1))
    level, zeros = np.full(pairs, 2, np.uint8), np.zeros(pairs, np.int64)

    moments = moments_of(zeros, 1, zeros, zeros, probabilities, level)

    assert np.isnan(figures_from(moments)[0, FIGURES.index("kappa")])
    assert np.isnan(metrics.kappa(probabilities, level))


@settings(max_examples=30, deadline=None)
@given(sizes=st.tuples(st.integers(20, 60), st.just(1), st.integers(2, 8)), seed=st.integers(0, 2**32 - 1))
def test_slopes_are_those_of_small_differences(sizes: tuple[int, int, int], seed: int) -> None:
    sums = random_scored(*sizes, seed=seed).moments()[0]

    found = slopes_from(sums)

    known = ~np.isnan(figures_from(sums))
    expected = reference_bootstrap.slopes(figures_from, sums)
    np.testing.assert_allclose(found[known], expected[known], rtol=1e-5, atol=1e-6)


def test_figures_stay_the_same_when_all_sums_double_and_so_do_slopes_add_nothing() -> None:
    sums = random_scored(60, 1, 5, seed=6).moments()[0]

    np.testing.assert_allclose(figures_from(2 * sums), figures_from(sums), rtol=1e-12)
    np.testing.assert_allclose(slopes_from(sums) @ sums, 0, atol=1e-12)

"""Intervals, against another implementation fed the same draws, and where there are none."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap

from rbmcli.models.bootstrap import intervals, paired_intervals
from rbmcli.models.moments import FIGURES, figures_from, moments_of
from tests.models.scored import random_scored
from tests.reference_bootstrap import resampled_sums


def by_scipy(moments: list[np.ndarray], signs: list[int], seed: int, resamples: int) -> np.ndarray:
    """Return ends (F, 2) of intervals of signed sums of figures, by scipy from the oracle's draws."""
    columns = moments[0].shape[1]

    def combined(sums: np.ndarray) -> np.ndarray:
        parts = [sums[..., place * columns : (place + 1) * columns] for place in range(len(moments))]
        return sum(sign * figures_from(part) for sign, part in zip(signs, parts, strict=True))

    stacked = np.concatenate(moments, axis=1)
    drawn = combined(resampled_sums(stacked, seed, resamples))
    ends = []
    for figure in range(len(FIGURES)):
        found = bootstrap(
            (np.arange(len(stacked)),),
            lambda users, figure=figure: combined(stacked[users].sum(axis=0))[figure],
            vectorized=False,
            n_resamples=0,
            bootstrap_result=SimpleNamespace(bootstrap_distribution=drawn[:, figure]),
            method="BCa",
        )
        ends.append(found.confidence_interval)
    return np.array(ends)


@pytest.mark.parametrize("seed", [0, 7])
def test_intervals_are_those_of_another_implementation(seed: int) -> None:
    moments = random_scored(300, 25, 5, seed=seed).moments()

    low, high = intervals(moments, seed, resamples=200)

    np.testing.assert_allclose(
        np.stack([low, high], axis=1), by_scipy([moments], [1], seed, 200), rtol=0, atol=1e-9
    )


def test_paired_intervals_are_those_of_another_implementation() -> None:
    first, second = (random_scored(200, 20, 5, seed=seed).moments() for seed in (1, 2))

    (found,) = paired_intervals([first, second], 3, resamples=150)

    ends = np.stack([found.low, found.high], axis=1)
    np.testing.assert_allclose(ends, by_scipy([first, second], [1, -1], 3, 150), rtol=0, atol=1e-9)
    assert (found.beyond_chance == ((ends > 0).all(axis=1) | (ends < 0).all(axis=1))).all()


@settings(max_examples=30, deadline=None)
@given(
    sizes=st.tuples(st.integers(30, 90), st.integers(8, 25), st.integers(2, 6)),
    seed=st.integers(0, 2**32 - 1),
)
def test_low_is_never_above_high_and_a_higher_level_is_never_narrower(
    sizes: tuple[int, int, int], seed: int
) -> None:
    moments = random_scored(*sizes, seed=seed).moments()

    narrow, wide = (np.stack(intervals(moments, seed, 100, level)) for level in (0.5, 0.9))

    known = np.isfinite(narrow).all(axis=0)
    assert known[:5].all()
    assert (narrow[0] <= narrow[1])[known].all()
    assert (wide[0] <= narrow[0])[known].all()
    assert (narrow[1] <= wide[1])[known].all()


def test_every_two_models_are_compared_and_a_model_with_itself_differs_by_nothing() -> None:
    scored = random_scored(200, 20, 5, seed=1)
    worse = moments_of(scored.user, 20, scored.prediction + 3, scored.rating)
    models = [scored.moments(), worse, scored.moments()]

    found = paired_intervals(models, 0, resamples=100)

    assert [(each.first, each.second) for each in found] == [(0, 1), (0, 2), (1, 2)]
    assert found[0].beyond_chance.tolist() == [True, True, False, False, False, False]
    assert (found[0].high[:2] < 0).all()
    assert np.isnan(found[0].difference[2:]).all()
    assert not found[1].beyond_chance.any()
    np.testing.assert_array_equal(found[1].difference, 0)
    np.testing.assert_array_equal(found[2].difference[:2], -found[0].difference[:2])


def test_what_users_have_in_common_falls_out_of_a_difference() -> None:
    scored = random_scored(400, 40, 5, seed=6)
    user_error = np.random.default_rng(6).normal(0, 2, 40)[scored.user]
    first = moments_of(scored.user, 40, scored.rating + user_error, scored.rating)
    second = moments_of(scored.user, 40, scored.rating + 1.05 * user_error, scored.rating)

    low, high = intervals(first, 0)
    (difference,) = paired_intervals([first, second], 0)

    assert high[0] - low[0] > 5 * (difference.high[0] - difference.low[0])
    assert difference.beyond_chance[0]


@pytest.mark.parametrize("users", [0, 1])
def test_with_fewer_than_two_users_there_is_no_interval(users: int) -> None:
    moments = random_scored(20, 1, 5, seed=1).moments()[:users]

    low, high = intervals(moments, 0)
    (difference,) = paired_intervals([moments, moments], 0)

    for ends in (low, high, difference.low, difference.high):
        assert np.isnan(ends).all()
    assert not difference.beyond_chance.any()


def test_a_figure_that_some_draws_do_not_have_has_no_interval() -> None:
    scored = random_scored(20, 2, 5, seed=1)
    moments = scored.moments()
    moments[0, 3:] = 0

    low, high = intervals(moments, 0)

    assert np.isfinite(low).tolist() == [True, True, False, False, False, False]
    assert np.isfinite(high).tolist() == np.isfinite(low).tolist()


def test_users_without_pairs_are_not_drawn() -> None:
    moments = random_scored(60, 12, 5, seed=1).moments()
    among_others = np.zeros((30, moments.shape[1]))
    among_others[3:27:2] = moments

    np.testing.assert_array_equal(intervals(among_others, 4), intervals(moments, 4))


def test_the_interval_of_a_figure_that_never_moves_is_the_figure() -> None:
    moments = np.tile(moments_of(np.zeros(2, int), 1, np.array([1.0, 3.0]), np.zeros(2)), (9, 1))

    low, high = intervals(moments, 0)

    np.testing.assert_allclose([low[1], high[1]], 2)


def test_the_interval_of_other_figures_than_those_of_ratings() -> None:
    values = np.random.default_rng(0).normal(1, 1, (400, 1))
    sums = np.concatenate([np.ones_like(values), values], axis=1)

    low, high = intervals(sums, 0, figures=lambda sums: sums[..., 1:] / sums[..., :1])

    # 1.96 standard errors either side of the mean.
    half = 1.96 * values.std() / 20
    np.testing.assert_allclose([low[0], high[0]], values.mean() + np.array([-half, half]), atol=0.15 * half)

"""Intervals against the oracle, and where there are none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap

from rbmcli.models.bootstrap import intervals, paired_intervals
from rbmcli.models.moments import FIGURES, SmoothFigures, figures_from, moments_of
from tests import reference_bootstrap
from tests.models.scored import random_scored

# The oracle's slopes are differences of figures.
TOLERANCE = 1e-6


@pytest.mark.parametrize("level", [0.9, 0.95])
@pytest.mark.parametrize("seed", [0, 7])
def test_intervals_are_those_of_the_oracle(seed: int, level: float) -> None:
    moments = random_scored(300, 25, 5, seed=seed).moments()

    found = intervals(moments, seed, 200, level)

    expected = reference_bootstrap.interval(moments, figures_from, seed, 200, level)
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)


def test_intervals_of_differences_are_those_of_the_oracle() -> None:
    three = [random_scored(200, 20, 5, seed=1 + place).moments() for place in range(3)]

    found = paired_intervals(three, 3, resamples=150)

    for each in found:
        rows = np.concatenate([three[each.first], three[each.second]], axis=1)
        low, high = reference_bootstrap.interval(
            rows, lambda sums: figures_from(sums[:12]) - figures_from(sums[12:]), 3, 150, 0.95
        )
        np.testing.assert_allclose(each.low, low, rtol=0, atol=TOLERANCE)
        np.testing.assert_allclose(each.high, high, rtol=0, atol=TOLERANCE)
        assert (each.beyond_chance == ((low > 0) | (high < 0))).all()


def test_with_many_users_intervals_are_close_to_those_of_another_implementation() -> None:
    moments = random_scored(6000, 600, 5, seed=1).moments()

    low, high = intervals(moments, 0)

    theirs = bootstrap(
        (np.arange(len(moments)),),
        lambda users, axis: np.moveaxis(figures_from(moments[users].sum(axis=-2)), -1, 0),
        n_resamples=1000,
        vectorized=True,
        method="percentile",
        rng=0,
    ).confidence_interval
    np.testing.assert_allclose(high - low, theirs.high - theirs.low, rtol=0.15)
    np.testing.assert_allclose(high + low, theirs.high + theirs.low, atol=0.15 * (high - low).max())
    assert len(low) == len(FIGURES)


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
    assert known[:2].all()
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


def test_a_figure_that_one_of_a_few_users_alone_has_has_no_interval() -> None:
    moments = random_scored(40, 5, 5, seed=1).moments()
    moments[1:, 3:] = 0

    low, high = intervals(moments, 0)

    assert np.isfinite(low).tolist() == [True, True, False, False, False, False]
    assert np.isfinite(high).tolist() == np.isfinite(low).tolist()


def test_with_two_users_half_of_the_draws_tell_no_error_and_there_is_no_interval() -> None:
    low, high = intervals(random_scored(40, 2, 5, seed=1).moments(), 0)

    assert np.isnan(low).all()
    assert np.isnan(high).all()


def test_intervals_end_where_figures_do() -> None:
    level = np.array([1] * 15 + [0, 1] * 4, np.uint8)
    user, probabilities = np.arange(23) // 2, np.tile([0.1, 0.9], (23, 1))

    low, high = intervals(moments_of(user, 12, level, level, probabilities, level), 0)

    accuracy = FIGURES.index("accuracy")
    assert 0 < low[accuracy] < 19 / 23 < high[accuracy] == 1


def test_predictions_without_an_error_have_an_interval_without_width() -> None:
    rating = np.arange(10.0)

    low, high = intervals(moments_of(np.arange(10), 10, rating, rating), 0)

    assert low[:2].tolist() == high[:2].tolist() == [0, 0]


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

    def slopes(sums: np.ndarray) -> np.ndarray:
        count, total = sums[..., 0], sums[..., 1]
        return np.stack([-total / count**2, 1 / count], axis=-1)[..., None, :]

    mean = SmoothFigures(
        lambda sums: sums[..., 1:] / sums[..., :1], slopes, np.array([-np.inf]), np.array([np.inf])
    )

    low, high = intervals(sums, 0, figures=mean)

    # 1.96 standard errors either side of the mean.
    half = 1.96 * values.std() / 20
    np.testing.assert_allclose([low[0], high[0]], values.mean() + np.array([-half, half]), atol=0.15 * half)

"""Combining models: weights are the best there are, on the grid, and within their bounds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbmcli.models.boosting import Trees
from rbmcli.models.combination import (
    PENALTIES,
    Combination,
    Unseen,
    cross_fitted,
    fit_combination,
    fit_pool,
    non_negative,
)

nnls = pytest.importorskip("scipy.optimize").nnls


def unseen_of(
    generator: np.random.Generator, pairs: int, noise: tuple[float, ...], shift: float = 0.0
) -> Unseen:
    """Return ratings, and models that know them but for noise; of active users the first knows more."""
    truth = generator.normal(3, 1, pairs)
    user_count = generator.integers(1, 200, pairs)
    scale = np.stack([np.full(pairs, each) for each in noise], axis=1)
    scale[:, 0] *= np.where(user_count > 50, 1 - shift, 1 + shift)
    predictions = truth[:, None] + scale * generator.normal(size=scale.shape)
    likelihood = generator.dirichlet(np.ones(len(noise)), pairs)
    return Unseen(predictions, likelihood, truth, user_count, generator.integers(1, 50, pairs))


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 7))
def test_least_squares_without_negative_weights_are_those_of_scipy(seed: int, size: int) -> None:
    generator = np.random.default_rng(seed)
    matrix, right = generator.normal(size=(20, size)), generator.normal(size=20)

    found = non_negative(matrix.T @ matrix, matrix.T @ right)

    assert found == pytest.approx(nnls(matrix, right)[0], abs=1e-7)
    assert (found >= 0).all()


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_no_other_pool_is_more_likely(seed: int) -> None:
    generator = np.random.default_rng(seed)
    likelihood = generator.uniform(0.01, 1, (50, 3)) * [1.0, 0.8, 0.5]

    pool = fit_pool(likelihood)

    assert pool.sum() == pytest.approx(1) and (pool >= 0).all()
    best = np.log(likelihood @ pool).sum()
    others = generator.dirichlet(np.ones(3), 200)
    assert (np.log(likelihood @ others.T).sum(axis=0) <= best + 1e-6).all()


def test_a_model_that_is_surer_of_what_comes_gets_the_probabilities() -> None:
    likelihood = np.tile([0.9, 0.2], (100, 1))

    assert fit_pool(likelihood) == pytest.approx([1, 0], abs=1e-6)


def test_of_models_with_independent_errors_each_counts_by_its_precision() -> None:
    unseen = unseen_of(np.random.default_rng(0), 50_000, (0.5, 1.0))

    weights = fit_combination(unseen).weights_of(unseen.user_count, unseen.item_count)

    # The mean of the ratings is a third model, whose precision is 1: 4, 1 and 1 of 6.
    assert weights.mean(axis=0) == pytest.approx([4 / 6, 1 / 6], abs=0.02)


def test_weights_follow_the_number_of_ratings_where_that_matters() -> None:
    generator = np.random.default_rng(1)
    unseen = unseen_of(generator, 20_000, (0.6, 0.6), shift=0.8)

    found = fit_combination(unseen)
    few, many = found.weights_of(np.array([5, 150]), np.array([20, 20]))

    assert many[0] > 0.8
    assert few[0] < 0.3
    mean = found.weights.mean((0, 1))[None, None]
    overall = Combination(found.centre, np.zeros(1), np.zeros(1), mean, found.pool, Trees.none())
    error = [np.mean((each.predicted(*unseen.known()) - unseen.rating) ** 2) for each in (found, overall)]
    assert error[0] < 0.9 * error[1]


def test_weights_do_not_follow_it_where_it_is_chance() -> None:
    unseen = unseen_of(np.random.default_rng(2), 3_000, (0.6, 0.8))

    weights = fit_combination(unseen).weights.reshape(-1, 2)

    assert np.ptp(weights, axis=0).max() < 0.2


def test_beyond_the_grid_weights_stay_as_at_its_edge() -> None:
    unseen = unseen_of(np.random.default_rng(3), 5_000, (0.6, 0.6), shift=0.5)
    found = fit_combination(unseen)
    low, high = np.expm1(found.user_knots[0]), np.expm1(found.user_knots[-1])

    inside = found.weights_of(np.array([low, high]), np.array([10, 10]))
    outside = found.weights_of(np.array([0, 10 * high]), np.array([10, 10]))

    assert outside == pytest.approx(inside)


def test_cross_fitting_tells_of_ratings_that_were_not_fitted() -> None:
    generator = np.random.default_rng(4)
    # Thirty models that know nothing: whatever a fit finds in them is chance.
    pairs = 300
    unseen = Unseen(
        generator.normal(3, 1, (pairs, 30)),
        generator.uniform(0.1, 0.9, (pairs, 30)),
        generator.normal(3, 1, pairs),
        np.full(pairs, 10),
        np.full(pairs, 10),
    )

    said, _ = cross_fitted(unseen)
    fitted = fit_combination(unseen).predicted(*unseen.known())

    error = [np.mean((each - unseen.rating) ** 2) for each in (said, fitted)]
    spread = unseen.rating.var()
    assert error[1] < 0.97 * spread < 1.0 * spread < error[0]


def test_a_single_model_keeps_its_probabilities() -> None:
    unseen = unseen_of(np.random.default_rng(6), 100, (0.5,))

    assert fit_combination(unseen).pool == pytest.approx([1.0])


def test_equal_weights_are_the_mean() -> None:
    found = Combination.equal(4)

    assert found.weights_of(np.array([0, 9]), np.array([3, 0])) == pytest.approx(np.full((2, 4), 0.25))
    assert PENALTIES[0] == np.inf


def test_trees_tell_what_weights_cannot() -> None:
    generator = np.random.default_rng(7)
    unseen = unseen_of(generator, 6_000, (0.5, 0.5))
    # Of users with few ratings both models are a point too high where they say much.
    lift = np.where((unseen.user_count < 60) & (unseen.rating > 3.5), 1.0, 0.0)
    unseen = unseen._replace(predictions=unseen.predictions + lift[:, None])

    plain, _ = cross_fitted(unseen)
    boosted, _ = cross_fitted(unseen, boosted=True)

    error = [np.mean((each - unseen.rating) ** 2) for each in (boosted, plain)]
    assert error[0] < 0.95 * error[1]


def test_no_trees_grow_on_chance() -> None:
    unseen = unseen_of(np.random.default_rng(8), 3_000, (0.6, 0.8))

    found = fit_combination(unseen, boosted=True)

    added = found.predicted(*unseen.known()) - replace(found, trees=Trees.none()).predicted(*unseen.known())
    assert np.sqrt(np.mean(added**2)) < 0.1

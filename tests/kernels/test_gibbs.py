"""Contrastive divergence of tiny RBMs against exact answers: Gibbs transition matrix and likelihood."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from rbmcli.data.ratings import CompressedRows
from rbmcli.kernels.arrays import Parameters
from tests.kernels.cases import Problem, Shape, random_parameters, run_kernel
from tests.kernels.enumeration import (
    enumerated,
    expected_divergence_gradient,
    gibbs_transition,
    likelihood_gradient,
    log_likelihood,
)
from tests.reference import Chain, Model, UpdateRule, one_hot

GRADIENT_ITSELF = UpdateRule(rate=1.0, momentum=0.0, decay=0.0, conditional=True)
"""With this rule the velocity after a mini-batch is its gradient."""

KEYS = 200
COPIES = 300
"""Of every row, in one mini-batch: cheaper than as many keys."""


def tiny_problem(levels: int, seed: int) -> Problem:
    """Return three ragged rows over three columns, with two hidden units and strong weights."""
    shape = Shape(rows=3, columns=3, levels=levels, hidden=2)
    generator = np.random.default_rng(seed)
    ratings = CompressedRows.build(
        np.array([0, 0, 0, 1, 1, 2]),
        np.array([0, 1, 2, 0, 2, 1]),
        generator.integers(levels, size=6),
        (shape.rows, shape.columns),
    )
    return Problem(
        ratings,
        np.arange(3, dtype=np.int32),
        shape.hidden,
        random_parameters(shape, generator, scale=1.5),
        Parameters.zeros(shape.columns, levels, shape.hidden),
        generator.standard_normal((shape.rows, levels)).astype(np.float32),
    )


def rows_of(problem: Problem) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return visibles (N, K) and row bias (K,) of each row, in float64."""
    visible = one_hot(problem.ratings, problem.row_bias.shape[1])
    return list(zip(visible, problem.row_bias.astype(np.float64), strict=True))


def expected_gradient(problem: Problem, steps: int) -> np.ndarray:
    """Return the exact expectation of the CD-T gradient, the mean over rows, as in `Model.flat`."""
    model = Model.of(problem.parameters, problem.hidden)
    return np.mean(
        [expected_divergence_gradient(model, row, bias, steps).flat() for row, bias in rows_of(problem)],
        axis=0,
    )


def exact_gradient(problem: Problem) -> np.ndarray:
    """Return the exact gradient of the log-likelihood, the mean over rows, as in `Model.flat`."""
    model = Model.of(problem.parameters, problem.hidden)
    return np.mean([likelihood_gradient(model, row, bias).flat() for row, bias in rows_of(problem)], axis=0)


def repeated(problem: Problem) -> Problem:
    """Return a problem with COPIES of each row, each of which draws numbers of its own."""
    ratings, rows = problem.ratings, len(problem.ratings)
    row = np.concatenate([ratings.row_of_each() + rows * copy for copy in range(COPIES)])
    return Problem(
        CompressedRows.build(
            row,
            np.tile(ratings.column, COPIES),
            np.tile(ratings.level, COPIES),
            (rows * COPIES, ratings.columns),
        ),
        np.arange(rows * COPIES, dtype=np.int32),
        problem.hidden,
        problem.parameters,
        problem.velocity,
        np.tile(problem.row_bias, (COPIES, 1)),
    )


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="draws 200,000 chains: machine code only")
@pytest.mark.parametrize("levels", [2, 3])
@pytest.mark.parametrize(("steps", "other_steps"), [(1, 3), (3, 1)])
def test_the_mean_of_sampled_updates_is_the_expectation_of_the_gibbs_chain(steps, other_steps, levels):
    problem = tiny_problem(levels, seed=levels)
    many_rows = repeated(problem)

    gradients = np.array(
        [
            Model.of(run_kernel(many_rows, Chain(steps, True, key), GRADIENT_ITSELF).velocity, 2).flat()
            for key in range(KEYS)
        ]
    )

    mean, error = gradients.mean(axis=0), gradients.std(axis=0) / np.sqrt(KEYS)
    away = np.abs(mean - expected_gradient(problem, steps)) / error
    away_from_other = np.abs(mean - expected_gradient(problem, other_steps)) / error
    # Chance takes one of these 20 to 40 entries beyond 4.5 standard errors for one choice of keys in 3000.
    assert away.max() < 4.5
    assert away_from_other.max() > 9


@pytest.mark.parametrize("levels", [2, 3])
@pytest.mark.parametrize("seed", range(5))
def test_the_expected_update_nears_the_exact_gradient_as_the_chains_grow(seed, levels):
    problem = tiny_problem(levels, seed)
    exact = exact_gradient(problem)

    after_1, after_10, after_100, after_10000 = (
        np.linalg.norm(expected_gradient(problem, steps) - exact) for steps in (1, 10, 100, 10_000)
    )

    assert after_1 > after_10 > after_100
    assert after_10000 < 1e-9


def test_the_exact_gradient_is_the_slope_of_the_log_likelihood():
    problem = tiny_problem(levels=3, seed=1)
    model = Model.of(problem.parameters, problem.hidden)
    row, bias = rows_of(problem)[0]
    step = 1e-5

    slopes = []
    for array in model.arrays():
        for place in np.ndindex(array.shape):
            before = array[place]
            array[place] = before + step
            above = log_likelihood(model, row, bias)
            array[place] = before - step
            below = log_likelihood(model, row, bias)
            array[place] = before
            slopes.append((above - below) / (2 * step))

    np.testing.assert_allclose(likelihood_gradient(model, row, bias).flat(), slopes, atol=1e-8)


def test_the_gibbs_chain_leaves_the_distribution_of_the_model_as_it_is():
    problem = tiny_problem(levels=3, seed=2)
    model = Model.of(problem.parameters, problem.hidden)
    row, bias = rows_of(problem)[0]
    states = enumerated(model, row.any(axis=1), bias)
    marginal = states.joint.sum(axis=1)

    after_one_step = marginal @ gibbs_transition(states)

    np.testing.assert_allclose(after_one_step, marginal, atol=1e-14)

"""Contrastive divergence of tiny RBMs against exact answers: Gibbs transition matrix and likelihood."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numba
import numpy as np
import pytest

from rbmcli.data.ratings import CompressedRows
from rbmcli.kernels.arrays import UNKNOWN, Parameters
from tests.kernels.cases import (
    PLAIN,
    Kind,
    Problem,
    Shape,
    random_parameters,
    random_problem,
    with_repeated_rows,
)
from tests.kernels.enumeration import (
    Row,
    after_steps,
    enumerated,
    expected_divergence_gradient,
    gibbs_transition,
    likelihood_gradient,
    log_likelihood,
    marginal,
)
from tests.kernels.runs import diverge, rule
from tests.reference import Model

GRADIENT_ITSELF = {"rate": 1.0, "momentum": 0.0, "decay": 0.0}
"""With these the velocity after a mini-batch is its gradient."""

NOTHING_LEARNED = {"rate": 0.0, "momentum": 0.0, "decay": 0.0}

KEYS = 200
COPIES = 300
"""Of every row, in one mini-batch: cheaper than as many keys."""


class Machine(NamedTuple):
    """A form, the standard deviation of its parameters, and a seed.

    Chosen so that chains of a few steps are still far from the model, and those of a hundred are not.
    """

    kind: Kind
    scale: float
    seed: int


MACHINES = {
    "plain": Machine(PLAIN, 1.5, 3),
    "no D": Machine(Kind(conditional=False), 1.5, 2),
    "gaussian": Machine(Kind(gaussian=True), 0.7, 2),
    "factored": Machine(Kind(factors=1), 1.0, 1),
    "shared": Machine(Kind(functions=1), 1.5, 2),
    "factored and shared": Machine(Kind(factors=3, functions=2), 1.5, 0),
    "gaussian, factored and shared": Machine(Kind(gaussian=True, factors=1, functions=1), 1.0, 4),
}
ALL_MACHINES = pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)


def tiny_problem(machine: Machine) -> Problem:
    """Return three ragged rows over three columns of three levels, with two hidden units.

    The middle row is known to have rated its third column too.
    """
    shape = Shape(rows=3, columns=3, levels=3, hidden=2, kind=machine.kind)
    generator = np.random.default_rng(machine.seed)
    row, column = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 1, 2, 0, 2, 1])
    return replace(
        random_problem(shape, machine.seed),
        ratings=CompressedRows.build(row, column, generator.integers(3, size=6), (3, 3)),
        also_rated=CompressedRows.build(np.array([1]), np.array([1]), np.array([UNKNOWN]), (3, 3)),
        batch_rows=np.arange(3, dtype=np.int32),
        parameters=random_parameters(shape, generator, machine.scale),
        velocity=Parameters.zeros(3, 3, shape.form),
        row_bias=generator.standard_normal((3, 3)).astype(np.float32),
        offset=generator.standard_normal((6, 3)).astype(np.float32),
    )


def rows_of(problem: Problem) -> list[Row]:
    """Return the rows of a problem."""
    rows, bias = problem.rows, problem.bias[:, None, :]
    return [Row(*of_row) for of_row in zip(rows.visible, rows.rated, bias + rows.offset, strict=True)]


def expected_gradient(problem: Problem, steps: int) -> np.ndarray:
    """Return the exact expectation of the CD-T gradient, the mean over rows, as in `Model.flat`."""
    gradients = [expected_divergence_gradient(problem.model, row, steps) for row in rows_of(problem)]
    return np.mean([gradient.flat() for gradient in gradients], axis=0)


def exact_gradient(problem: Problem) -> np.ndarray:
    """Return the exact gradient of the log-likelihood, the mean over rows, as in `Model.flat`."""
    return np.mean([likelihood_gradient(problem.model, row).flat() for row in rows_of(problem)], axis=0)


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="draws 200,000 chains: machine code only")
@pytest.mark.parametrize(("steps", "other_steps"), [(1, 3), (3, 1)])
@ALL_MACHINES
def test_the_mean_of_sampled_updates_is_the_expectation_of_the_gibbs_chain(machine, steps, other_steps):
    problem = tiny_problem(machine)
    many_rows = with_repeated_rows(problem, COPIES)
    how = rule(steps, sampled=True, **GRADIENT_ITSELF)

    gradients = np.array(
        [Model.of(diverge(many_rows, how, key).velocity, problem.form).flat() for key in range(KEYS)]
    )

    mean, error = gradients.mean(axis=0), gradients.std(axis=0) / np.sqrt(KEYS)
    moving = error > 0
    exact, other = (expected_gradient(problem, count) for count in (steps, other_steps))
    np.testing.assert_allclose(mean[~moving], exact[~moving], atol=1e-6)
    # Chance takes one of these 20 to 40 entries beyond 4.5 standard errors for one choice of keys in 3000.
    assert (np.abs(mean - exact)[moving] / error[moving]).max() < 4.5
    assert (np.abs(mean - other)[moving] / error[moving]).max() > 9


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="takes 1,800,000 steps: machine code only")
@pytest.mark.parametrize("steps", [1, 2])
@ALL_MACHINES
def test_persistent_chains_come_to_visit_states_as_often_as_the_model_has_them(machine, steps):
    copies, visits = 6000, 100
    problem = tiny_problem(machine)
    many_rows = with_repeated_rows(problem, copies)
    chain = many_rows.batch.level
    how = rule(steps, persistent=True, **NOTHING_LEARNED)

    for key in range(visits):
        chain = diverge(many_rows, how, key, chain).chain

    place, row = many_rows.rows.place, rows_of(problem)[0]
    states = enumerated(problem.model, row)
    # The first row has a level in each column, and its copies stand three rows apart.
    chosen = np.ravel_multi_index(tuple(chain[place[::3]].T), (3, 3, 3))
    share = np.bincount(chosen, minlength=27) / copies
    likely = states.marginal > 20 / copies
    exact, from_data = states.marginal[likely], after_steps(states, row, steps)[likely]
    error = np.sqrt(exact * (1 - exact) / copies)
    assert likely.sum() > 3
    assert (np.abs(share[likely] - exact) / error).max() < 4.5
    assert (np.abs(share[likely] - from_data) / error).max() > 9


@ALL_MACHINES
def test_the_expected_update_nears_the_exact_gradient_as_the_chains_grow(machine):
    problem = tiny_problem(machine)
    exact = exact_gradient(problem)

    after_1, after_10, after_100, after_10000 = (
        np.linalg.norm(expected_gradient(problem, steps) - exact) for steps in (1, 10, 100, 10_000)
    )

    assert after_1 > after_10
    assert after_10 > after_100 or after_10 < 1e-12
    assert after_10000 < 1e-9


@ALL_MACHINES
def test_the_exact_gradient_is_the_slope_of_the_log_likelihood(machine):
    problem = tiny_problem(machine)
    model, row, step = problem.model, rows_of(problem)[1], 1e-5

    gradient = likelihood_gradient(model, row)

    for name, array, found in zip(Parameters._fields, model.arrays(), gradient.arrays(), strict=True):
        if name == "conditional" and not machine.kind.conditional:
            continue
        slopes = np.zeros_like(array)
        for place in np.ndindex(array.shape):
            before = array[place]
            array[place] = before + step
            above = log_likelihood(model, row)
            array[place] = before - step
            below = log_likelihood(model, row)
            array[place] = before
            slopes[place] = (above - below) / (2 * step)
        np.testing.assert_allclose(found, slopes, atol=1e-8, err_msg=name)


@ALL_MACHINES
def test_the_gibbs_chain_leaves_the_distribution_of_the_model_as_it_is(machine):
    problem = tiny_problem(machine)
    states = enumerated(problem.model, rows_of(problem)[0])

    after_one_step = states.marginal @ gibbs_transition(states)

    np.testing.assert_allclose(after_one_step, states.marginal, atol=1e-14)


@pytest.mark.parametrize("machine", [MACHINES["gaussian"], MACHINES["gaussian, factored and shared"]])
def test_the_grid_over_normal_units_gives_the_integral_in_closed_form(machine):
    problem = tiny_problem(machine)
    row = rows_of(problem)[0]

    states = enumerated(problem.model, row)

    visible, expected = marginal(problem.model, row)
    np.testing.assert_array_equal(states.visible, visible)
    np.testing.assert_allclose(states.marginal, expected, rtol=1e-10)

"""One mini-batch of contrastive divergence against the oracle, and what it must leave alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbmcli.kernels.arrays import Parameters
from tests.kernels.cases import Outcome, Problem, Shape, ask_oracle, random_problem, run_kernel
from tests.reference import Chain, Model, UpdateRule

RULE = UpdateRule(rate=0.3, momentum=0.7, decay=0.05, conditional=True)
NAMES = Parameters._fields
TOLERANCE = 2e-6
"""Largest allowed distance of a float32 parameter (size about 1) from the oracle's float64."""


def assert_agrees(problem: Problem, chain: Chain, rule: UpdateRule = RULE) -> None:
    """Check every parameter, every velocity and the loss of one mini-batch against the oracle."""
    outcome = run_kernel(problem, chain, rule)
    parameters, velocity, loss = ask_oracle(problem, chain, rule)
    for ours, theirs in ((outcome.parameters, parameters), (outcome.velocity, velocity)):
        for name, value, truth in zip(
            NAMES, Model.of(ours, problem.hidden).arrays(), theirs.arrays(), strict=True
        ):
            np.testing.assert_allclose(value, truth, rtol=0, atol=TOLERANCE, err_msg=name)
    assert outcome.loss == pytest.approx(loss, rel=2e-6)


def arrays_of(outcome: Outcome) -> list[np.ndarray]:
    """Return all arrays of parameters and velocity."""
    return [*outcome.parameters, *outcome.velocity]


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("sampled", [True, False], ids=["sampled", "mean-field"])
@pytest.mark.parametrize("levels", [2, 3, 5, 7, 10, 11])
def test_an_update_agrees_with_the_oracle_at_any_number_of_levels(levels, sampled, steps):
    problem = random_problem(
        Shape(rows=6, columns=5, levels=levels, hidden=5), seed=levels, share_of_rows=0.7
    )

    assert_agrees(problem, Chain(steps, sampled, key=100 + levels))


@pytest.mark.parametrize("hidden", [1, 7, 8, 9, 19])
def test_an_update_agrees_with_the_oracle_at_any_number_of_hidden_units(hidden):
    problem = random_problem(Shape(rows=8, columns=6, levels=3, hidden=hidden), seed=hidden)

    assert_agrees(problem, Chain(2, sampled=False, key=3))


@pytest.mark.parametrize("sampled", [True, False], ids=["sampled", "mean-field"])
def test_an_update_without_the_conditional_term_leaves_it_alone(sampled):
    problem = random_problem(Shape(rows=6, columns=5, levels=3, hidden=4), seed=1)
    rule = UpdateRule(rate=0.3, momentum=0.7, decay=0.05, conditional=False)

    outcome = run_kernel(problem, Chain(1, sampled, key=5), rule)

    assert outcome.parameters.conditional.tobytes() == problem.parameters.conditional.tobytes()
    assert outcome.velocity.conditional.tobytes() == problem.velocity.conditional.tobytes()
    assert_agrees(problem, Chain(1, sampled, key=5), rule)


@pytest.mark.parametrize("sampled", [True, False], ids=["sampled", "mean-field"])
@pytest.mark.parametrize("rows", [63, 64, 65, 129, 150])
def test_columns_and_rows_beyond_one_block_agree_with_the_oracle(rows, sampled):
    problem = random_problem(Shape(rows=rows, columns=2, levels=2, hidden=3, density=1.0), seed=rows)

    assert_agrees(problem, Chain(1, sampled, key=7))


def test_columns_with_one_rating_agree_with_the_oracle():
    problem = random_problem(Shape(rows=4, columns=30, levels=3, hidden=3, density=0.15), seed=2)

    counts = np.bincount(problem.ratings.column)

    assert 1 in counts
    assert_agrees(problem, Chain(1, sampled=False, key=9))
    assert_agrees(problem, Chain(1, sampled=True, key=9))


def test_the_update_of_a_row_without_ratings_agrees_with_the_oracle():
    problem = random_problem(Shape(rows=5, columns=4, levels=3, hidden=3, density=0.3), seed=5)

    assert 0 in np.diff(problem.ratings.start)
    assert_agrees(problem, Chain(2, sampled=True, key=11))


def test_large_parameters_agree_with_the_oracle():
    problem = random_problem(Shape(rows=6, columns=5, levels=5, hidden=6), seed=3)
    for array in problem.parameters:
        array *= 20.0

    outcome = run_kernel(problem, Chain(1, sampled=False, key=13), RULE)
    parameters, _, _ = ask_oracle(problem, Chain(1, sampled=False, key=13), RULE)

    np.testing.assert_allclose(
        Model.of(outcome.parameters, 6).flat(), parameters.flat(), rtol=2e-6, atol=20 * TOLERANCE
    )


# The kernel and the oracle draw from probabilities that differ by 1e-7: a fixed choice of examples keeps a
# draw that falls between the two from failing one run in thousands.
@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    shape=st.builds(
        Shape,
        rows=st.integers(1, 7),
        columns=st.integers(1, 6),
        levels=st.integers(2, 11),
        hidden=st.integers(1, 10),
        density=st.floats(0.1, 1.0),
    ),
    chain=st.builds(Chain, steps=st.integers(1, 3), sampled=st.booleans(), key=st.integers(0, 2**64 - 1)),
    rule=st.builds(
        UpdateRule,
        rate=st.floats(0.001, 1.0),
        momentum=st.floats(0.0, 0.99),
        decay=st.floats(0.0, 0.2),
        conditional=st.booleans(),
    ),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_update_agrees_with_the_oracle(shape, chain, rule, seed):
    problem = random_problem(shape, seed, share_of_rows=0.8)

    assert_agrees(problem, chain, rule)


@pytest.mark.parametrize("sampled", [True, False], ids=["sampled", "mean-field"])
def test_the_padding_of_hidden_units_stays_zero(sampled):
    problem = random_problem(Shape(rows=6, columns=5, levels=3, hidden=5), seed=4)

    outcome = run_kernel(problem, Chain(3, sampled, key=17), RULE)

    for value in (outcome.parameters, outcome.velocity):
        assert not value.weights[:, :, 5:].any()
        assert not value.conditional[:, 5:].any()
        assert not value.hidden_bias[5:].any()


@pytest.mark.parametrize("sampled", [True, False], ids=["sampled", "mean-field"])
def test_columns_that_no_row_of_the_batch_rated_keep_every_bit(sampled):
    problem = random_problem(
        Shape(rows=8, columns=20, levels=3, hidden=5, density=0.2), seed=6, share_of_rows=0.4
    )
    rated = np.zeros(20, bool)
    for row in problem.batch_rows:
        rated[problem.ratings.column[problem.ratings.start[row] : problem.ratings.start[row + 1]]] = True

    outcome = run_kernel(problem, Chain(1, sampled, key=19), RULE)

    assert 0 < rated.sum() < 20
    for before, after in ((problem.parameters, outcome.parameters), (problem.velocity, outcome.velocity)):
        for name in ("weights", "conditional", "visible_bias"):
            old, new = getattr(before, name), getattr(after, name)
            assert old[~rated].tobytes() == new[~rated].tobytes(), name
            assert (old[rated] != new[rated]).any(axis=tuple(range(1, old.ndim))).all(), name


def test_biases_do_not_decay():
    problem = random_problem(Shape(rows=6, columns=5, levels=3, hidden=4), seed=7)
    chain = Chain(1, sampled=False, key=23)

    with_decay = run_kernel(problem, chain, UpdateRule(0.3, 0.7, 0.1, conditional=True))
    without = run_kernel(problem, chain, UpdateRule(0.3, 0.7, 0.0, conditional=True))

    assert with_decay.parameters.visible_bias.tobytes() == without.parameters.visible_bias.tobytes()
    assert with_decay.parameters.hidden_bias.tobytes() == without.parameters.hidden_bias.tobytes()
    assert with_decay.parameters.weights.tobytes() != without.parameters.weights.tobytes()


@pytest.mark.parametrize("sampled", [True, False], ids=["sampled", "mean-field"])
def test_the_same_key_gives_the_same_bytes(sampled):
    problem = random_problem(Shape(rows=6, columns=5, levels=5, hidden=9), seed=8)

    first = run_kernel(problem, Chain(2, sampled, key=29), RULE)
    second = run_kernel(problem, Chain(2, sampled, key=29), RULE)

    assert [array.tobytes() for array in arrays_of(first)] == [array.tobytes() for array in arrays_of(second)]
    assert first.loss == second.loss


@pytest.mark.parametrize("sampled", [True, False], ids=["sampled", "mean-field"])
def test_another_key_gives_other_bytes(sampled):
    problem = random_problem(Shape(rows=6, columns=5, levels=5, hidden=9), seed=8)

    first = run_kernel(problem, Chain(2, sampled, key=29), RULE)
    second = run_kernel(problem, Chain(2, sampled, key=30), RULE)

    assert first.parameters.weights.tobytes() != second.parameters.weights.tobytes()


def test_a_row_draws_the_same_numbers_wherever_it_stands_in_the_batch():
    problem = random_problem(Shape(rows=7, columns=5, levels=5, hidden=6), seed=9)
    backwards = Problem(
        problem.ratings,
        problem.batch_rows[::-1].copy(),
        problem.hidden,
        problem.parameters,
        problem.velocity,
        problem.row_bias,
    )

    first = run_kernel(problem, Chain(2, sampled=True, key=31), RULE)
    second = run_kernel(backwards, Chain(2, sampled=True, key=31), RULE)

    for one, other in zip(arrays_of(first), arrays_of(second), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=TOLERANCE)

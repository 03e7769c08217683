"""One mini-batch of contrastive divergence against the oracle, and what it must leave alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbmcli.kernels.arrays import UNKNOWN
from rbmcli.kernels.divergence import Rule
from tests import reference_training
from tests.kernels.cases import KINDS, PLAIN, Kind, Problem, Shape, random_problem
from tests.kernels.runs import Outcome, assert_close, diverge, rule
from tests.reference import Model

TOLERANCE = 3e-6
"""Largest allowed distance of a float32 parameter (size about 1) from the oracle's float64."""

RECONSTRUCTIONS = pytest.mark.parametrize("sampled", [True, False], ids=["sampled", "mean-field"])
WAYS = {"mean-field": {"sampled": False}, "sampled": {"sampled": True}, "persistent": {"persistent": True}}
# Every pair of a way, a number of steps and a number of levels: loops take five levels at once.
ALL_WAYS = pytest.mark.parametrize(
    ("way", "steps", "levels"),
    [
        ("mean-field", 1, 5),
        ("mean-field", 2, 7),
        ("mean-field", 4, 3),
        ("sampled", 1, 7),
        ("sampled", 2, 3),
        ("sampled", 4, 5),
        ("persistent", 1, 3),
        ("persistent", 2, 5),
        ("persistent", 4, 7),
    ],
)
ALL_KINDS = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


def random_chain(problem: Problem, seed: int) -> np.ndarray:
    """Return a level for each rating of the mini-batch, as persistent chains have it."""
    level = problem.batch.level
    chain = np.random.default_rng(seed).integers(problem.row_bias.shape[1], size=len(level))
    return np.where(level == UNKNOWN, UNKNOWN, chain).astype(np.uint8)


def visibles_of(problem: Problem, chain: np.ndarray) -> np.ndarray:
    """Return the levels of chains as visibles, float64 (B, N, K)."""
    rows = problem.rows
    visible = np.zeros_like(rows.visible)
    row, column = np.nonzero(rows.known)
    visible[row, column, chain[rows.place[row, column]]] = 1.0
    return visible


def assert_agrees(problem: Problem, how: Rule, key: int, tolerance: float = TOLERANCE) -> None:
    """Check parameters, velocity, loss and chains after one mini-batch against the oracle."""
    chain = random_chain(problem, seed=key % 1000) if how.persistent else None
    outcome = diverge(problem, how, key, chain)
    model, velocity = problem.model, Model.of(problem.velocity, problem.form)
    start = None if chain is None else visibles_of(problem, chain)
    gradient, loss, end = reference_training.contrastive_gradient(
        model, problem.rows, problem.bias, how, key, start
    )
    model, velocity = reference_training.followed(model, velocity, gradient, problem.rows, how)
    assert_close(outcome.velocity, velocity, tolerance)
    assert_close(outcome.parameters, model, tolerance)
    assert outcome.loss == pytest.approx(loss, rel=3e-6, abs=3e-7 * problem.rows.known.sum())
    if how.persistent:
        np.testing.assert_array_equal(visibles_of(problem, outcome.chain), end)
        np.testing.assert_array_equal(outcome.chain == UNKNOWN, chain == UNKNOWN)


def arrays_of(outcome: Outcome) -> list[np.ndarray]:
    """Return all arrays of parameters and velocity."""
    return [*outcome.parameters, *outcome.velocity]


@ALL_KINDS
@ALL_WAYS
def test_an_update_of_any_form_agrees_with_the_oracle(way, steps, levels, kind):
    shape = Shape(rows=9, columns=7, levels=levels, hidden=5, unknown=0.3, kind=kind)
    problem = random_problem(shape, seed=levels, share_of_rows=0.8)

    assert UNKNOWN in problem.batch.level
    assert_agrees(problem, rule(steps, **WAYS[way]), key=100 + levels)


@ALL_KINDS
@pytest.mark.parametrize("way", WAYS)
def test_an_update_of_ratings_with_offsets_agrees_with_the_oracle(way, kind):
    shape = Shape(rows=9, columns=7, levels=5, hidden=5, unknown=0.3, kind=kind, offsets=True)
    problem = random_problem(shape, seed=1, share_of_rows=0.8)

    assert UNKNOWN in problem.batch.level
    assert_agrees(problem, rule(2, **WAYS[way]), key=100)


@pytest.mark.parametrize("kind", [KINDS["no D"], Kind(conditional=False, gaussian=True)])
@ALL_WAYS
def test_an_update_of_weights_that_hold_d_in_them_agrees_with_the_oracle(way, steps, levels, kind):
    shape = Shape(rows=9, columns=7, levels=levels, hidden=5, kind=kind)
    problem = random_problem(shape, seed=levels, share_of_rows=0.8)

    assert_agrees(problem, rule(steps, joint=True, **WAYS[way]), key=200 + levels)


@RECONSTRUCTIONS
@pytest.mark.parametrize("levels", [2, 10, 11])
def test_an_update_agrees_with_the_oracle_at_any_number_of_levels(levels, sampled):
    problem = random_problem(Shape(rows=6, columns=5, levels=levels, hidden=5), seed=levels)

    assert_agrees(problem, rule(2, sampled=sampled), key=100 + levels)


@pytest.mark.parametrize("kind", [PLAIN, Kind(factors=9), Kind(functions=2)])
@pytest.mark.parametrize("hidden", [1, 7, 8, 9, 19])
def test_an_update_agrees_with_the_oracle_at_any_number_of_hidden_units(hidden, kind):
    problem = random_problem(Shape(rows=8, columns=6, levels=3, hidden=hidden, kind=kind), seed=hidden)

    assert_agrees(problem, rule(2), key=3)


@pytest.mark.parametrize("kind", [PLAIN, KINDS["factored and shared"]])
@RECONSTRUCTIONS
def test_rows_and_columns_of_one_to_nine_ratings_agree_with_the_oracle(sampled, kind):
    # Row u has the columns up to the u-th, so that each length is there once, of rows and of columns.
    rated = np.tri(9, dtype=bool)
    problem = random_problem(Shape(9, 9, levels=3, hidden=3, density=1.0, kind=kind), seed=1)
    ratings = problem.ratings
    level = ratings.level.reshape(9, 9)[rated]
    row, column = np.nonzero(rated)
    problem = replace(problem, ratings=type(ratings).build(row, column, level, (9, 9)))

    assert sorted(np.bincount(problem.batch.entry_column)) == list(range(1, 10))
    assert_agrees(problem, rule(1, sampled=sampled), key=41)


@pytest.mark.parametrize("kind", [PLAIN, Kind(factors=2)])
@RECONSTRUCTIONS
@pytest.mark.parametrize("rows", [63, 64, 65, 129, 150])
def test_columns_and_rows_beyond_one_block_agree_with_the_oracle(rows, sampled, kind):
    shape = Shape(rows=rows, columns=2, levels=2, hidden=3, density=1.0, kind=kind)
    problem = random_problem(shape, seed=rows)

    assert_agrees(problem, rule(1, sampled=sampled), key=7)


@RECONSTRUCTIONS
def test_columns_with_one_rating_agree_with_the_oracle(sampled):
    problem = random_problem(Shape(rows=4, columns=30, levels=3, hidden=3, density=0.15), seed=2)

    assert 1 in np.bincount(problem.ratings.column)
    assert_agrees(problem, rule(1, sampled=sampled), key=9)


def test_the_update_of_a_row_without_ratings_agrees_with_the_oracle():
    problem = random_problem(Shape(rows=5, columns=4, levels=3, hidden=3, density=0.3), seed=5)

    assert 0 in np.diff(problem.ratings.start)
    assert_agrees(problem, rule(2, sampled=True), key=11)


def test_large_parameters_agree_with_the_oracle():
    problem = random_problem(Shape(rows=6, columns=5, levels=5, hidden=6), seed=3)
    for array in problem.parameters:
        array *= 20.0

    assert_agrees(problem, rule(1), key=13, tolerance=60 * TOLERANCE)


# The kernel and the oracle draw from probabilities that differ by 1e-7: a fixed choice of examples keeps a
# draw that falls between the two from failing one run in thousands.
@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    shape=st.builds(
        Shape,
        rows=st.integers(1, 7),
        columns=st.integers(1, 6),
        levels=st.integers(3, 11),
        hidden=st.integers(1, 10),
        density=st.floats(0.1, 1.0),
        unknown=st.sampled_from([0.0, 0.5]),
        kind=st.builds(Kind, st.booleans(), st.booleans(), st.integers(0, 9), st.integers(0, 2)),
    ),
    how=st.builds(
        rule,
        steps=st.integers(1, 3),
        sampled=st.booleans(),
        persistent=st.booleans(),
        joint=st.booleans(),
        rate=st.floats(0.001, 0.5),
        momentum=st.floats(0.0, 0.99),
        decay=st.floats(0.0, 0.2),
    ),
    key=st.integers(0, 2**64 - 1),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_update_agrees_with_the_oracle(shape, how, key, seed):
    kind, problem = shape.kind, random_problem(shape, seed, share_of_rows=0.8)
    # Only weights by level and hidden unit can hold D in them.
    how = how._replace(joint=how.joint and not (kind.conditional or kind.factors or kind.functions))

    # Normal units of many factors get inputs of size 10 and more.
    assert_agrees(problem, how, key, tolerance=10 * TOLERANCE if kind.gaussian else TOLERANCE)


@ALL_KINDS
@RECONSTRUCTIONS
def test_the_padding_stays_zero(sampled, kind):
    problem = random_problem(Shape(rows=6, columns=5, levels=3, hidden=5, kind=kind), seed=4)
    inner = problem.form.factors or 5

    outcome = diverge(problem, rule(3, sampled=sampled), key=17)

    for value in (outcome.parameters, outcome.velocity):
        assert not value.weights[:, :, inner:].any()
        assert not value.conditional[:, 5:].any()
        assert not value.hidden_bias[5:].any()
        assert not value.factors[inner:].any()
        assert not value.factors[:, 5:].any()


@RECONSTRUCTIONS
def test_an_update_without_a_conditional_term_leaves_it_at_zero(sampled):
    problem = random_problem(Shape(rows=6, columns=5, levels=3, hidden=4, kind=KINDS["no D"]), seed=1)

    outcome = diverge(problem, rule(sampled=sampled), key=5)

    assert not outcome.parameters.conditional.any()
    assert not outcome.velocity.conditional.any()


@ALL_KINDS
@RECONSTRUCTIONS
def test_columns_that_no_row_of_the_batch_rated_keep_every_bit(sampled, kind):
    shape = Shape(rows=8, columns=20, levels=3, hidden=5, density=0.2, unknown=0.1, kind=kind)
    problem = random_problem(shape, seed=6, share_of_rows=0.4)
    known, rated = problem.rows.known.any(axis=0), problem.rows.rated.any(axis=0)

    outcome = diverge(problem, rule(sampled=sampled), key=19)

    assert 0 < known.sum() < rated.sum() < 20
    touched = {"weights": known, "visible_bias": known}
    touched["conditional"] = rated if kind.conditional else np.zeros(20, bool)
    for before, after in ((problem.parameters, outcome.parameters), (problem.velocity, outcome.velocity)):
        for name, moved in touched.items():
            old, new = getattr(before, name), getattr(after, name)
            assert old[~moved].tobytes() == new[~moved].tobytes(), name
            assert (old[moved] != new[moved]).any(axis=tuple(range(1, old.ndim))).all(), name


def test_biases_do_not_decay_and_all_else_does():
    problem = random_problem(Shape(rows=6, columns=5, levels=3, hidden=4, kind=Kind(factors=3)), seed=7)

    with_decay = diverge(problem, rule(decay=0.1), key=23).parameters
    without = diverge(problem, rule(decay=0.0), key=23).parameters

    assert with_decay.visible_bias.tobytes() == without.visible_bias.tobytes()
    assert with_decay.hidden_bias.tobytes() == without.hidden_bias.tobytes()
    for name in ("weights", "conditional", "factors"):
        assert getattr(with_decay, name).tobytes() != getattr(without, name).tobytes()


@RECONSTRUCTIONS
def test_the_same_key_gives_the_same_bytes_and_another_one_others(sampled):
    problem = random_problem(Shape(rows=6, columns=5, levels=5, hidden=9), seed=8)

    first, second, other = (diverge(problem, rule(2, sampled=sampled), key) for key in (29, 29, 30))

    assert [array.tobytes() for array in arrays_of(first)] == [array.tobytes() for array in arrays_of(second)]
    assert first.loss == second.loss
    assert first.parameters.weights.tobytes() != other.parameters.weights.tobytes()


def test_hidden_units_of_a_row_draw_the_same_numbers_wherever_it_stands_in_the_batch():
    problem = random_problem(Shape(rows=7, columns=5, levels=5, hidden=6), seed=9)
    backwards = replace(problem, batch_rows=problem.batch_rows[::-1].copy())

    first, second = (diverge(each, rule(2), key=31) for each in (problem, backwards))

    for one, other in zip(arrays_of(first), arrays_of(second), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("kind", [PLAIN, KINDS["gaussian"]], ids=["plain", "gaussian"])
@pytest.mark.parametrize(("way", "levels"), [("mean-field", 3), ("sampled", 5), ("persistent", 7)])
def test_weights_that_hold_d_in_them_learn_what_weights_and_d_apart_learn(way, levels, kind):
    shape = Shape(rows=12, columns=6, levels=levels, hidden=5, density=0.6, kind=kind)
    start, how = random_problem(shape, seed=levels), rule(2, rate=0.1, **WAYS[way])
    weights = start.parameters.weights - start.parameters.weights.mean(axis=1, keepdims=True)
    parameters = start.parameters._replace(
        weights=weights, conditional=np.zeros_like(start.parameters.conditional)
    )
    velocity = type(parameters)(*(np.zeros_like(array) for array in parameters))
    apart = joint = replace(start, parameters=parameters, velocity=velocity)
    joint = replace(joint, form=start.form._replace(conditional=False))

    order = np.random.default_rng(1)
    for key in range(10):
        rows = order.permutation(12)[:5].astype(np.int32)
        apart, joint = replace(apart, batch_rows=rows), replace(joint, batch_rows=rows)
        chain = random_chain(apart, seed=key)
        outcome = diverge(apart, how, key, chain)
        apart = replace(apart, parameters=outcome.parameters, velocity=outcome.velocity)
        outcome = diverge(joint, how._replace(joint=True), key, chain)
        joint = replace(joint, parameters=outcome.parameters, velocity=outcome.velocity)

    expected, found = apart.parameters, joint.parameters
    conditional = found.weights.sum(axis=1) / (levels + 1)
    assert np.abs(expected.conditional).max() > 0.01
    np.testing.assert_allclose(conditional, expected.conditional, atol=2e-5)
    np.testing.assert_allclose(found.weights - conditional[:, None], expected.weights, atol=2e-5)
    np.testing.assert_allclose(found.visible_bias, expected.visible_bias, atol=2e-5)
    np.testing.assert_allclose(found.hidden_bias, expected.hidden_bias, atol=2e-5)
    assert not found.conditional.any()


@ALL_KINDS
def test_in_how_many_runs_rows_are_walked_makes_no_difference(kind):
    shape = Shape(rows=70, columns=20, levels=5, hidden=6, density=0.4, unknown=0.1, kind=kind)
    problem = random_problem(shape, seed=3)

    for way in WAYS.values():
        few, *others = (
            diverge(problem, rule(2, runs=runs, **way), 5, random_chain(problem, 1)) for runs in (1, 2, 32)
        )
        for other in others:
            assert few.loss == other.loss
            for array, same in zip(few.parameters, other.parameters, strict=True):
                np.testing.assert_array_equal(array, same)


@pytest.mark.parametrize("kind", [PLAIN, KINDS["shared, S=2"]], ids=["plain", "shared"])
def test_rows_are_walked_in_tiles_where_there_are_many_columns(kind):
    problem = random_problem(
        Shape(rows=12, columns=3000, levels=5, hidden=6, density=0.02, unknown=0.005, kind=kind), seed=4
    )

    for way in WAYS.values():
        assert_agrees(problem, rule(1, **way), key=7)

"""One mini-batch of back-propagation against the oracle, and its gradient against slopes of the loss."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbmcli.kernels.arrays import UNKNOWN, Parameters
from rbmcli.kernels.backpropagation import Objective
from tests import reference_training
from tests.kernels.cases import KINDS, LAYERED, PLAIN, Kind, Problem, Shape, random_problem
from tests.kernels.runs import adam_of, assert_close, objective, propagate_back
from tests.reference import Model

TOLERANCE = 3e-6
ALL_KINDS = pytest.mark.parametrize("kind", (KINDS | LAYERED).values(), ids=KINDS | LAYERED)


def mask_of(problem: Problem, what: Objective, key: int) -> np.ndarray:
    """Return which ratings of a problem are input, by the oracle's own hash."""
    return reference_training.kept(problem.rows, float(what.keep), key)


def loss_of(problem: Problem, model: Model, mask: np.ndarray, what: Objective) -> float:
    """Return the loss of a model on a problem, by the oracle."""
    prior = problem.column_prior.astype(np.float64)
    return reference_training.network_loss(model, problem.rows, mask, prior, what)


def slopes_of_loss(problem: Problem, mask: np.ndarray, what: Objective) -> Model:
    """Return central differences of the loss, divided by the number of rows; a D that plays no part has 0."""
    model, step = problem.model, 1e-5
    arrays = []
    for array in model.arrays():
        slopes = np.zeros_like(array)
        for place in np.ndindex(array.shape):
            before = array[place]
            array[place] = before + step
            above = loss_of(problem, model, mask, what)
            array[place] = before - step
            below = loss_of(problem, model, mask, what)
            array[place] = before
            slopes[place] = (above - below) / (2 * step * len(problem.batch_rows))
        arrays.append(slopes)
    if not problem.form.conditional:
        arrays[1][:] = 0.0
    return Model(problem.form, *arrays)


def from_rest(problem: Problem) -> Problem:
    """Return a problem that Adam has not seen before."""
    rest = Parameters(*(np.zeros_like(array) for array in problem.parameters))
    return replace(problem, velocity=rest, square=rest.copy(), times=np.zeros_like(problem.times))


def assert_agrees(problem: Problem, what: Objective, key: int, tolerance: float = TOLERANCE) -> None:
    """Check parameters, Adam's averages and counts, and the loss after one mini-batch against the oracle."""
    mask = mask_of(problem, what, key)
    prior = problem.column_prior.astype(np.float64)
    gradient = reference_training.network_gradient(problem.model, problem.rows, mask, prior, what)
    expected = adam_of(problem).after(gradient, problem.rows, what, prior)

    found = propagate_back(problem, what, key)

    assert_close(found.mean, expected.mean, tolerance)
    # Squares are of size 0.01, and a thousandth of those of the gradient is added.
    assert_close(found.square, expected.square, 0.01 * tolerance)
    assert_close(found.parameters, expected.model, tolerance)
    np.testing.assert_array_equal(found.times, expected.times)
    assert found.hidden == (problem.rows.known - mask).sum()
    loss = loss_of(problem, problem.model, mask, what)
    assert found.loss == pytest.approx(loss, rel=5e-6, abs=1e-6 * problem.rows.known.sum())


@ALL_KINDS
def test_the_gradient_of_any_form_is_the_slope_of_the_loss(kind):
    shape = Shape(rows=7, columns=5, levels=3, hidden=4, density=0.6, unknown=0.5, kind=kind)
    problem = from_rest(random_problem(shape, seed=3))
    what = objective(problem, decay=0.0)
    mask = mask_of(problem, what, key=50)
    hidden = problem.rows.known - mask

    found = propagate_back(problem, what, key=50)

    # Adam's mean moves a tenth of the way from 0 to the gradient.
    gradient = Parameters(*(10 * array for array in found.mean))
    assert mask.any()
    assert hidden.any()
    assert UNKNOWN in problem.batch.level
    assert_close(gradient, slopes_of_loss(problem, mask, what), tolerance=3e-6)


@pytest.mark.parametrize("squared_share", [0.0, 0.5, 1.0])
def test_the_gradient_is_the_slope_of_the_loss_whatever_the_share_of_squared_error(squared_share):
    problem = from_rest(random_problem(Shape(rows=5, columns=4, levels=3, hidden=3, density=0.8), seed=3))
    what = objective(problem, squared_share=squared_share, decay=0.0)

    found = propagate_back(problem, what, key=51)

    gradient = Parameters(*(10 * array for array in found.mean))
    assert_close(gradient, slopes_of_loss(problem, mask_of(problem, what, 51), what), tolerance=3e-6)


@ALL_KINDS
@pytest.mark.parametrize("levels", [3, 5, 7])
def test_a_step_in_any_form_agrees_with_the_oracle(levels, kind):
    shape = Shape(rows=12, columns=8, levels=levels, hidden=5, unknown=0.3, kind=kind)
    problem = random_problem(shape, seed=levels, share_of_rows=0.8)

    assert UNKNOWN in problem.batch.level
    assert_agrees(problem, objective(problem), key=300 + levels)


@ALL_KINDS
def test_a_step_from_ratings_with_offsets_agrees_with_the_oracle(kind):
    shape = Shape(rows=12, columns=8, levels=5, hidden=5, unknown=0.3, kind=kind, offsets=True)
    problem = random_problem(shape, seed=1, share_of_rows=0.8)

    assert UNKNOWN in problem.batch.level
    assert_agrees(problem, objective(problem), key=300)


@pytest.mark.parametrize("kind", [PLAIN, Kind(factors=9), Kind(functions=1)])
@pytest.mark.parametrize("hidden", [1, 7, 8, 9, 19])
def test_a_step_agrees_with_the_oracle_at_any_number_of_hidden_units(hidden, kind):
    problem = random_problem(Shape(rows=8, columns=6, levels=3, hidden=hidden, kind=kind), seed=hidden)

    assert_agrees(problem, objective(problem), key=5)


@pytest.mark.parametrize("kind", [PLAIN, Kind(factors=2)])
@pytest.mark.parametrize("rows", [63, 64, 65, 129, 150])
def test_columns_and_rows_beyond_one_block_agree_with_the_oracle(rows, kind):
    problem = random_problem(
        Shape(rows=rows, columns=3, levels=2, hidden=3, density=1.0, kind=kind), seed=rows
    )

    assert_agrees(problem, objective(problem), key=7)


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.999])
@pytest.mark.parametrize("strength", [0.0, 3.0])
def test_a_step_agrees_with_the_oracle_whatever_is_kept_and_however_strong_the_row_bias(strength, keep):
    problem = random_problem(Shape(rows=9, columns=9, levels=5, hidden=4, unknown=0.2), seed=11)

    assert_agrees(problem, objective(problem, keep=keep, strength=strength), key=9)


# A fixed choice of examples: kernel and oracle keep the same ratings but for a number between two roundings.
@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    shape=st.builds(
        Shape,
        rows=st.integers(1, 12),
        columns=st.integers(1, 9),
        levels=st.integers(3, 11),
        hidden=st.integers(1, 10),
        density=st.floats(0.1, 1.0),
        unknown=st.sampled_from([0.0, 0.5]),
        kind=st.builds(Kind, st.booleans(), st.booleans(), st.integers(0, 9), st.integers(0, 2)),
    ),
    what=st.fixed_dictionaries(
        {
            "keep": st.floats(0.0, 0.999),
            "squared_share": st.floats(0.0, 1.0),
            "strength": st.sampled_from([0.0, 0.001, 10.0, 1e4]),
            "tilt_strength": st.sampled_from([0.01, 3.0, 1e9]),
            "rate": st.floats(1e-5, 0.1),
            "decay": st.floats(0.0, 0.2),
        }
    ),
    key=st.integers(0, 2**64 - 1),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_step_agrees_with_the_oracle(shape, what, key, seed):
    problem = random_problem(shape, seed, share_of_rows=0.8)

    # Normal units of many factors have means of size 10 and more, and so their errors.
    assert_agrees(problem, objective(problem, **what), key, tolerance=10 * TOLERANCE)


def test_the_first_steps_go_by_the_learning_rate_whatever_the_size_of_the_gradient():
    problem = from_rest(random_problem(Shape(rows=9, columns=5, levels=5, hidden=4, density=0.8), seed=12))

    found = propagate_back(problem, objective(problem, rate=0.01, decay=0.0), key=13)

    moved = np.abs(Model.of(found.parameters, problem.form).flat() - problem.model.flat())
    gradient = np.abs(Model.of(found.mean, problem.form).flat())
    assert gradient.max() / gradient[gradient > 1e-5].min() > 100
    np.testing.assert_allclose(moved[gradient > 1e-5], 0.01, rtol=0.02)


def test_steps_one_after_the_other_agree_with_the_oracle():
    problem = random_problem(Shape(rows=12, columns=6, levels=5, hidden=4, kind=Kind(factors=3)), seed=14)
    what, expected = objective(problem, rate=0.02), adam_of(problem)
    prior = problem.column_prior.astype(np.float64)
    order = np.random.default_rng(15)

    for key in range(8):
        problem = replace(problem, batch_rows=order.permutation(12)[:5].astype(np.int32))
        mask = mask_of(problem, what, key)
        gradient = reference_training.network_gradient(expected.model, problem.rows, mask, prior, what)
        expected = expected.after(gradient, problem.rows, what, prior)
        found = propagate_back(problem, what, key)
        problem = replace(
            problem,
            parameters=found.parameters,
            velocity=found.mean,
            square=found.square,
            times=found.times,
        )

    assert_close(problem.parameters, expected.model, tolerance=1e-5)


@ALL_KINDS
def test_the_padding_stays_zero(kind):
    problem = random_problem(Shape(rows=6, columns=5, levels=3, hidden=5, kind=kind), seed=4)
    inner = problem.form.factors or 5

    found = propagate_back(problem, objective(problem), key=17)

    for value in (found.parameters, found.mean, found.square):
        assert not value.weights[:, :, inner:].any()
        assert not value.conditional[:, 5:].any()
        assert not value.hidden_bias[5:].any()
        assert not value.factors[inner:].any()
        assert not value.factors[:, 5:].any()
        widths = [5, *kind.upper]
        for layer, (below, above) in enumerate(pairwise(widths)):
            for weights in (value.upper_weights[layer], value.decoding_weights[layer]):
                assert not weights[above:].any()
                assert not weights[:, below:].any()
            assert not value.upper_bias[layer, above:].any()
            assert not value.decoding_bias[layer, below:].any()


@ALL_KINDS
def test_columns_that_no_row_of_the_batch_rated_keep_every_bit(kind):
    shape = Shape(rows=8, columns=20, levels=3, hidden=5, density=0.2, unknown=0.1, kind=kind)
    problem = random_problem(shape, seed=6, share_of_rows=0.4)
    known, rated = problem.rows.known.any(axis=0), problem.rows.rated.any(axis=0)

    found = propagate_back(problem, objective(problem), key=19)

    assert 0 < known.sum() < rated.sum() < 20
    touched = {"weights": known, "visible_bias": known}
    touched["conditional"] = rated if kind.conditional else np.zeros(20, bool)
    for before, after in (
        (problem.parameters, found.parameters),
        (problem.velocity, found.mean),
        (problem.square, found.square),
    ):
        for name, moved in touched.items():
            old, new = getattr(before, name), getattr(after, name)
            assert old[~moved].tobytes() == new[~moved].tobytes(), name
            assert (old[moved] != new[moved]).any(axis=tuple(range(1, old.ndim))).all(), name


def test_what_is_kept_of_a_row_does_not_depend_on_where_it_stands_in_the_batch():
    problem = random_problem(Shape(rows=9, columns=6, levels=5, hidden=6), seed=9)
    backwards = replace(problem, batch_rows=problem.batch_rows[::-1].copy())

    first, second = (propagate_back(each, objective(problem), key=31) for each in (problem, backwards))

    assert first.hidden == second.hidden
    for one, other in zip(first.parameters, second.parameters, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=TOLERANCE)


def test_the_same_key_gives_the_same_bytes_and_another_one_others():
    problem = random_problem(Shape(rows=9, columns=6, levels=5, hidden=9), seed=8)

    first, second, other = (propagate_back(problem, objective(problem), key) for key in (29, 29, 30))

    for one, same in zip(first.parameters, second.parameters, strict=True):
        assert one.tobytes() == same.tobytes()
    assert first.loss == second.loss
    assert first.parameters.weights.tobytes() != other.parameters.weights.tobytes()

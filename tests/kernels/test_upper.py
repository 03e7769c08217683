"""Layers above the first: the way through them, and contrastive divergence of one, against the oracle."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
import pytest

from rbmcli.kernels.arrays import Form, Parameters, padded, upper_shape
from rbmcli.kernels.divergence import Rule
from rbmcli.kernels.upper import pass_rows
from rbmcli.kernels.upper_divergence import LayerScratch, layer_divergence
from tests import reference, reference_layers
from tests.kernels.cases import LAYERED, PLAIN, Kind, Shape, random_parameters
from tests.kernels.runs import assert_close, rule
from tests.reference import Model

ALL_KINDS = pytest.mark.parametrize("kind", LAYERED.values(), ids=LAYERED)


@dataclass(frozen=True)
class LayerProblem:
    """Everything that one mini-batch of an upper layer starts from.

    Attributes
    ----------
    below : ndarray of float32, shape (R, units below)
        Means of the layer below.
    prior : ndarray of float32, shape (units below,)
        Log odds of its units.
    rows : ndarray of int32, shape (B,)
        The rows of the mini-batch.
    form : Form
        The machine; its highest layer is learned.
    parameters, velocity : Parameters
        Where it starts.
    """

    below: np.ndarray
    prior: np.ndarray
    rows: np.ndarray
    form: Form
    parameters: Parameters
    velocity: Parameters

    @property
    def layer(self) -> int:
        """Number of the layer that is learned."""
        return len(self.form.upper) - 1

    @property
    def model(self) -> Model:
        """The parameters, as the oracle takes them."""
        return Model.of(self.parameters, self.form)


def layer_problem(*upper: int, rows: int = 9, seed: int = 1) -> LayerProblem:
    """Return a random problem of two or more layers, the first of five units."""
    generator = np.random.default_rng(seed)
    shape = Shape(rows=rows, columns=3, levels=3, hidden=5, kind=Kind(upper=upper))
    units = [5, *upper][-2]
    return LayerProblem(
        generator.random((rows, units), np.float32),
        generator.standard_normal(units).astype(np.float32),
        generator.permutation(rows)[: max(1, rows - 2)].astype(np.int32),
        shape.form,
        random_parameters(shape, generator),
        random_parameters(shape, generator, scale=0.01),
    )


def diverge(problem: LayerProblem, how: Rule, key: int) -> tuple[Parameters, Parameters, float]:
    """Return parameters, velocity and loss after a mini-batch; the problem's own arrays stay as they are."""
    parameters, velocity = problem.parameters.copy(), problem.velocity.copy()
    scratch = LayerScratch.sized(len(problem.rows) + 3, problem.form)
    for array in scratch:
        array[...] = np.nan
    loss = layer_divergence(
        problem.rows,
        problem.below,
        problem.prior,
        problem.layer,
        parameters,
        velocity,
        scratch,
        problem.form,
        how,
        np.uint64(key),
    )
    return parameters, velocity, float(loss)


@ALL_KINDS
def test_what_rows_come_down_to_agrees_with_the_oracle(kind):
    shape = Shape(rows=7, columns=3, levels=3, hidden=5, kind=kind)
    generator = np.random.default_rng(2)
    parameters, form = random_parameters(shape, generator), shape.form
    activation = np.zeros((7, padded(5)), np.float32)
    activation[:, :5] = generator.standard_normal((7, 5))
    decoded = np.zeros_like(activation)
    top = np.zeros((7, upper_shape(form)[1]), np.float32)

    pass_rows(activation, parameters, form, decoded, top)

    expected = reference.passed(Model.of(parameters, form), activation[:, :5].astype(np.float64))
    np.testing.assert_allclose(decoded[:, :5], expected.down[0], atol=2e-6)
    np.testing.assert_allclose(top[:, : form.upper[-1]], expected.up[-1], atol=2e-6)
    assert not decoded[:, 5:].any()


def test_without_upper_layers_columns_meet_the_first():
    shape = Shape(rows=4, columns=3, levels=3, hidden=5, kind=PLAIN)
    activation = np.random.default_rng(3).standard_normal((4, padded(5))).astype(np.float32)
    parameters, decoded = random_parameters(shape, np.random.default_rng(3)), np.zeros_like(activation)

    pass_rows(activation, parameters, shape.form, decoded, np.zeros((4, 0), np.float32))

    np.testing.assert_allclose(decoded[:, :5], reference.sigmoid(activation[:, :5]), atol=1e-6)


def test_upper_layers_of_no_weights_leave_the_first_as_it_is():
    shape = Shape(rows=4, columns=3, levels=3, hidden=5, kind=Kind(upper=(4, 3)))
    activation = np.random.default_rng(4).standard_normal((4, padded(5))).astype(np.float32)
    parameters, decoded = Parameters.zeros(3, 3, shape.form), np.zeros_like(activation)

    pass_rows(activation, parameters, shape.form, decoded, np.zeros((4, padded(4)), np.float32))

    np.testing.assert_allclose(decoded[:, :5], reference.sigmoid(activation[:, :5]), atol=1e-6)


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("upper", [(3,), (21,), (6, 4), (2, 17)])
@pytest.mark.parametrize("rows", [1, 9, 70])
def test_a_mini_batch_of_an_upper_layer_agrees_with_the_oracle(rows, upper, steps):
    problem, how = layer_problem(*upper, rows=rows), rule(steps)
    index = problem.rows
    gradient, loss = reference_layers.layer_gradient(
        problem.model,
        problem.layer,
        problem.below[index].astype(np.float64),
        index,
        problem.prior.astype(np.float64),
        how,
        key=5,
    )
    velocity = Model.of(problem.velocity, problem.form)
    expected, speed = reference_layers.followed_layer(problem.model, velocity, gradient, problem.layer, how)

    parameters, moved, found = diverge(problem, how, key=5)

    assert_close(moved, speed, tolerance=3e-6)
    assert_close(parameters, expected, tolerance=3e-6)
    assert found == pytest.approx(loss, rel=1e-5)


def test_an_upper_layer_follows_in_the_mean_what_all_states_of_the_layer_come_to():
    copies = 10_000
    problem = layer_problem(3, rows=1, seed=6)
    still = Parameters(*(np.zeros_like(array) for array in problem.parameters))
    problem = replace(
        problem,
        below=np.repeat(problem.below, copies, axis=0),
        rows=np.arange(copies, dtype=np.int32),
        velocity=still,
    )
    weights, _, bias, decoding = reference.layers_of(problem.model)[0]
    below = problem.below[0].astype(np.float64)
    data = reference.sigmoid(bias + weights @ below)
    expected = np.outer(data, below)
    for state in itertools.product((0.0, 1.0), repeat=3):
        h = np.array(state)
        probability = np.prod(np.where(h > 0, data, 1.0 - data))
        shown = reference.sigmoid(problem.prior + decoding + h @ weights)
        expected -= probability * np.outer(reference.sigmoid(bias + weights @ shown), shown)

    velocity = diverge(problem, rule(rate=1.0, momentum=0.0, decay=0.0), key=7)[1]

    # Some four standard errors of a mean of 10,000 numbers that differ by less than a half of 1.
    np.testing.assert_allclose(velocity.upper_weights[0, :3, :5], expected, atol=0.01)
    assert np.abs(expected).max() > 0.02


def test_an_upper_layer_leaves_all_other_layers_to_the_bit_as_they_are():
    problem = layer_problem(6, 4)

    parameters, velocity, _ = diverge(problem, rule(), key=8)

    for before, after in ((problem.parameters, parameters), (problem.velocity, velocity)):
        for name in ("weights", "conditional", "visible_bias", "hidden_bias", "factors", "decoding_weights"):
            assert getattr(before, name).tobytes() == getattr(after, name).tobytes(), name
        for name in ("upper_weights", "upper_bias", "decoding_bias"):
            old, new = getattr(before, name), getattr(after, name)
            assert old[0].tobytes() == new[0].tobytes(), name
            assert old[1].tobytes() != new[1].tobytes(), name


def test_a_row_draws_the_same_numbers_wherever_it_stands_in_the_mini_batch():
    problem = layer_problem(4)
    backwards = replace(problem, rows=problem.rows[::-1].copy())

    first, second = (diverge(each, rule(2), key=9)[0] for each in (problem, backwards))

    np.testing.assert_allclose(first.upper_weights, second.upper_weights, atol=3e-6)

"""Random problems for the kernels, and the same problems put to the oracle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rbmcli.data.ratings import CompressedRows
from rbmcli.kernels.arrays import Parameters, Scratch
from rbmcli.kernels.divergence import contrastive_divergence
from rbmcli.models.plan import CHUNKS, plan_batch
from tests import reference
from tests.reference import Chain, Model, UpdateRule


@dataclass(frozen=True)
class Shape:
    """Sizes of a random problem; `density` is the share of the columns that a row has rated."""

    rows: int
    columns: int
    levels: int
    hidden: int
    density: float = 0.5


@dataclass(frozen=True)
class Problem:
    """Everything that one mini-batch of contrastive divergence starts from.

    Attributes
    ----------
    ratings : CompressedRows
        Training ratings.
    batch_rows : ndarray of int32
        The rows of the mini-batch, in its order.
    hidden : int
        F.
    parameters, velocity : Parameters
        Where the update starts.
    row_bias : ndarray of float32, shape (R, K)
        b_u^k of every training row.
    """

    ratings: CompressedRows
    batch_rows: np.ndarray
    hidden: int
    parameters: Parameters
    velocity: Parameters
    row_bias: np.ndarray


@dataclass(frozen=True)
class Outcome:
    """Parameters and velocity after a mini-batch, and its loss."""

    parameters: Parameters
    velocity: Parameters
    loss: float


def random_ratings(shape: Shape, generator: np.random.Generator) -> CompressedRows:
    """Return ragged rows: each rating exists with probability `density`, so that some rows are empty."""
    row, column = np.nonzero(generator.random((shape.rows, shape.columns)) < shape.density)
    level = generator.integers(shape.levels, size=len(row))
    return CompressedRows.build(row, column, level, (shape.rows, shape.columns))


def random_parameters(shape: Shape, generator: np.random.Generator, scale: float = 0.5) -> Parameters:
    """Return normal parameters of standard deviation `scale`, zero in the padding."""
    parameters = Parameters.zeros(shape.columns, shape.levels, shape.hidden)
    for array in (parameters.weights, parameters.conditional, parameters.hidden_bias):
        used = array[..., : shape.hidden]
        used[:] = scale * generator.standard_normal(used.shape)
    parameters.visible_bias[:] = scale * generator.standard_normal(parameters.visible_bias.shape)
    return parameters


def random_problem(shape: Shape, seed: int, share_of_rows: float = 1.0) -> Problem:
    """Return a problem whose mini-batch has `share_of_rows` of the rows, in an order of its own."""
    generator = np.random.default_rng(seed)
    ratings = random_ratings(shape, generator)
    batch_rows = generator.permutation(shape.rows)[: max(1, round(share_of_rows * shape.rows))]
    return Problem(
        ratings,
        batch_rows.astype(np.int32),
        shape.hidden,
        random_parameters(shape, generator),
        random_parameters(shape, generator, scale=0.01),
        (0.5 * generator.standard_normal((shape.rows, shape.levels))).astype(np.float32),
    )


def run_kernel(problem: Problem, chain: Chain, rule: UpdateRule) -> Outcome:
    """Return what the kernel makes of a problem, whose own arrays stay as they are."""
    batch = plan_batch(problem.ratings, problem.batch_rows)
    parameters, velocity = problem.parameters.copy(), problem.velocity.copy()
    levels = problem.row_bias.shape[1]
    loss = contrastive_divergence(
        batch,
        parameters,
        velocity,
        problem.row_bias,
        Scratch.sized(len(batch.rows), len(batch.column), levels, problem.hidden, CHUNKS),
        problem.hidden,
        chain.steps,
        chain.sampled,
        np.uint64(chain.key),
        (np.float32(rule.rate), np.float32(rule.momentum), np.float32(rule.decay), rule.conditional),
    )
    return Outcome(parameters, velocity, float(loss))


def ask_oracle(problem: Problem, chain: Chain, rule: UpdateRule) -> tuple[Model, Model, float]:
    """Return the parameters, the velocity and the loss that the oracle arrives at."""
    rows = problem.batch_rows
    visible = reference.one_hot(problem.ratings, problem.row_bias.shape[1])[rows]
    model = Model.of(problem.parameters, problem.hidden)
    velocity = Model.of(problem.velocity, problem.hidden)
    bias = problem.row_bias[rows].astype(np.float64)
    gradient, loss = reference.contrastive_gradient(model, visible, bias, rows, chain)
    after, speed = reference.updated(model, velocity, gradient, visible.sum(axis=2), rule)
    return after, speed, loss

"""Random problems for the kernels, as they take them and as the oracle does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np

from rbmcli.data.ratings import CompressedRows
from rbmcli.kernels.arrays import UNKNOWN, Batch, Form, Parameters
from rbmcli.models.form import level_basis
from rbmcli.models.plan import plan_batch
from tests import reference
from tests.reference import Model
from tests.reference_training import Rows


@dataclass(frozen=True)
class Kind:
    """A form without its sizes; `functions` is S, 0 for weights of their own for every level.

    `upper` has the units of each upper layer.
    """

    conditional: bool = True
    gaussian: bool = False
    factors: int = 0
    functions: int = 0
    upper: tuple[int, ...] = ()

    def form(self, levels: int, hidden: int) -> Form:
        """Return the form for K levels, one apart, and F hidden units."""
        return Form(
            hidden=hidden,
            factors=self.factors,
            gaussian=self.gaussian,
            conditional=self.conditional,
            shared=self.functions > 0,
            basis=level_basis(np.arange(1.0, levels + 1.0), self.functions),
            upper=np.array(self.upper, np.int64),
        )


PLAIN = Kind()
KINDS = {
    "plain": PLAIN,
    "no D": Kind(conditional=False),
    "gaussian": Kind(gaussian=True),
    "factored": Kind(factors=3),
    "shared, S=1": Kind(functions=1),
    "shared, S=2": Kind(functions=2),
    "factored and shared": Kind(factors=3, functions=2),
    "gaussian and factored": Kind(gaussian=True, factors=10),
    "all at once": Kind(conditional=False, gaussian=True, factors=2, functions=1),
}
LAYERED = {
    "two layers": Kind(upper=(3,)),
    "two layers, the upper one wider": Kind(upper=(21,)),
    "three layers": Kind(upper=(4, 2)),
    "four layers": Kind(upper=(3, 18, 2)),
    "two layers, no D": Kind(conditional=False, upper=(3,)),
    "three layers, factored": Kind(factors=3, upper=(6, 4)),
    "two layers, factored and shared": Kind(factors=3, functions=2, upper=(4,)),
}
"""Forms with upper layers, whose first one is binary."""


@dataclass(frozen=True)
class Shape:
    """Sizes of a random problem.

    Of the columns a row has rated a share of `density`, and a share of `unknown` of the others is known to
    have been rated besides. Ratings may have offsets.
    """

    rows: int
    columns: int
    levels: int
    hidden: int
    density: float = 0.5
    unknown: float = 0.0
    kind: Kind = PLAIN
    offsets: bool = False

    @property
    def form(self) -> Form:
        """The form of the machine."""
        return self.kind.form(self.levels, self.hidden)


@dataclass(frozen=True)
class Problem:
    """Everything that one mini-batch starts from.

    Attributes
    ----------
    ratings : CompressedRows
        Training ratings.
    also_rated : CompressedRows
        Pairs that are known to have been rated besides.
    batch_rows : ndarray of int32
        The rows of the mini-batch, in its order.
    form : Form
        What kind of machine it is.
    parameters, velocity, square : Parameters
        Where the update starts; Adam takes the velocity for the mean of its gradients.
    row_bias : ndarray of float32, shape (R, K)
        b_u^k of every training row.
    column_prior : ndarray of float32, shape (N, K)
        p_i^k of every column.
    times : ndarray of int64, shape (N + 1,)
        How often Adam has moved each column, and last what all rows share.
    offset : ndarray of float32, shape (ratings, K), or None
        What is known to be added to the logits of each rating.
    """

    ratings: CompressedRows
    also_rated: CompressedRows
    batch_rows: np.ndarray
    form: Form
    parameters: Parameters
    velocity: Parameters
    square: Parameters
    row_bias: np.ndarray
    column_prior: np.ndarray
    times: np.ndarray
    offset: np.ndarray | None = None

    @cached_property
    def batch(self) -> Batch:
        """The mini-batch, as kernels take it."""
        return plan_batch(self.ratings, self.batch_rows, self.also_rated, self.offset)

    @cached_property
    def rows(self) -> Rows:
        """The mini-batch, as the oracle takes it."""
        levels = self.row_bias.shape[1]
        visible = reference.one_hot(self.ratings, levels)
        besides = np.zeros(visible.shape[:2])
        besides[self.also_rated.row_of_each(), self.also_rated.column] = 1.0
        offset = np.zeros_like(visible)
        if self.offset is not None:
            offset[self.ratings.row_of_each(), self.ratings.column] = self.offset
        rows = self.batch_rows
        return Rows(rows, visible[rows], visible[rows].sum(axis=2) + besides[rows], offset[rows])

    @property
    def bias(self) -> np.ndarray:
        """b_u^k of the rows of the mini-batch, float64 (B, K)."""
        return self.row_bias[self.batch_rows].astype(np.float64)

    @property
    def model(self) -> Model:
        """The parameters, as the oracle takes them."""
        return Model.of(self.parameters, self.form)


def random_ratings(shape: Shape, generator: np.random.Generator) -> CompressedRows:
    """Return ragged rows: each rating exists with probability `density`, so that some rows are empty."""
    row, column = np.nonzero(generator.random((shape.rows, shape.columns)) < shape.density)
    level = generator.integers(shape.levels, size=len(row))
    return CompressedRows.build(row, column, level, (shape.rows, shape.columns))


def random_besides(ratings: CompressedRows, share: float, generator: np.random.Generator) -> CompressedRows:
    """Return a share of the pairs that are not in `ratings`, of unknown level."""
    free = np.ones((len(ratings), ratings.columns), bool)
    free[ratings.row_of_each(), ratings.column] = False
    row, column = np.nonzero(free & (generator.random(free.shape) < share))
    return CompressedRows.build(row, column, np.full(len(row), UNKNOWN), free.shape)


def random_parameters(shape: Shape, generator: np.random.Generator, scale: float = 0.5) -> Parameters:
    """Return normal parameters of standard deviation `scale`, zero in the padding and where there is no D."""
    form = shape.form
    parameters = Parameters.zeros(shape.columns, shape.levels, form)
    used = [
        parameters.weights[:, :, : form.factors or form.hidden],
        parameters.visible_bias,
        parameters.hidden_bias[: form.hidden],
        parameters.factors[: form.factors, : form.hidden],
    ]
    if form.conditional:
        used.append(parameters.conditional[:, : form.hidden])
    widths = [form.hidden, *form.upper]
    for layer, (below, above) in enumerate(pairwise(widths)):
        used.append(parameters.upper_weights[layer, :above, :below])
        used.append(parameters.decoding_weights[layer, :above, :below])
        used.append(parameters.upper_bias[layer, :above])
        used.append(parameters.decoding_bias[layer, :below])
    for array in used:
        array[:] = scale * generator.standard_normal(array.shape)
    return parameters


def random_problem(shape: Shape, seed: int, share_of_rows: float = 1.0) -> Problem:
    """Return a problem whose mini-batch has `share_of_rows` of the rows, in an order of its own."""
    generator = np.random.default_rng(seed)
    ratings = random_ratings(shape, generator)
    batch_rows = generator.permutation(shape.rows)[: max(1, round(share_of_rows * shape.rows))]
    squares = random_parameters(shape, generator, scale=0.1)
    problem = Problem(
        ratings,
        random_besides(ratings, shape.unknown, generator),
        batch_rows.astype(np.int32),
        shape.form,
        random_parameters(shape, generator),
        random_parameters(shape, generator, scale=0.01),
        Parameters(*(array**2 for array in squares)),
        (0.5 * generator.standard_normal((shape.rows, shape.levels))).astype(np.float32),
        generator.dirichlet(np.full(shape.levels, 2.0), shape.columns).astype(np.float32),
        generator.integers(3, 30, shape.columns + 1).astype(np.int64),
    )
    if not shape.offsets:
        return problem
    offset = generator.standard_normal((ratings.n_ratings, shape.levels)).astype(np.float32)
    return replace(problem, offset=offset)


def with_repeated_rows(problem: Problem, copies: int) -> Problem:
    """Return a problem with copies of each row, in one mini-batch, each of which draws numbers of its own."""
    rows = len(problem.ratings)

    def repeated(ratings: CompressedRows) -> CompressedRows:
        row = np.concatenate([ratings.row_of_each() + rows * copy for copy in range(copies)])
        columns = (np.tile(ratings.column, copies), np.tile(ratings.level, copies))
        return CompressedRows.build(row, *columns, (rows * copies, ratings.columns))

    return replace(
        problem,
        ratings=repeated(problem.ratings),
        also_rated=repeated(problem.also_rated),
        batch_rows=np.arange(rows * copies, dtype=np.int32),
        row_bias=np.tile(problem.row_bias, (copies, 1)),
        offset=None if problem.offset is None else np.tile(problem.offset, (copies, 1)),
    )

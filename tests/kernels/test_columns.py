"""Sums over the ratings of a column: rows added two or four at once, in any number and order of levels."""

from __future__ import annotations

import numpy as np
import pytest

from rbmcli.kernels import columns
from tests.kernels.cases import KINDS, PLAIN, Kind, Shape, random_problem
from tests.kernels.runs import callable_from_python

add_rows = callable_from_python(columns.add_rows)
add_rows_of_level = callable_from_python(columns.add_rows_of_level)
subtract_drawn = callable_from_python(columns.subtract_drawn)
subtract_expected = callable_from_python(columns.subtract_expected)
block_logits = callable_from_python(columns.block_logits)

COUNTS = pytest.mark.parametrize("count", range(10))
BY_LEVEL_OR_FUNCTION = pytest.mark.parametrize(
    "kind", [PLAIN, KINDS["shared, S=1"], KINDS["shared, S=2"]], ids=["by level", "S=1", "S=2"]
)

ONE = np.float32(1.0)


def normal(generator: np.random.Generator, *shape: int) -> np.ndarray:
    """Return normal numbers in float32."""
    return generator.standard_normal(shape).astype(np.float32)


@COUNTS
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_any_number_of_rows_is_added(sign, count):
    generator = np.random.default_rng(count)
    source, before = normal(generator, 20, 8), normal(generator, 2, 8)
    rows = generator.integers(20, size=12).astype(np.int32)
    total = before.copy()

    add_rows(source, rows, 2, 2 + count, np.float32(sign), total, 1)

    expected = before[1] + sign * source[rows[2 : 2 + count]].sum(axis=0, dtype=np.float64)
    np.testing.assert_allclose(total[1], expected, atol=5e-6)
    np.testing.assert_array_equal(total[0], before[0])


@COUNTS
@BY_LEVEL_OR_FUNCTION
def test_rows_of_a_level_are_added_to_the_gradient_of_that_level(kind, count):
    generator, form = np.random.default_rng(count), kind.form(5, 8)
    source, before = normal(generator, 20, 8), normal(generator, form.basis.shape[1], 8)
    rows = generator.integers(20, size=12).astype(np.int32)
    gradient = before.copy()

    add_rows_of_level(form, source, rows, 2, 2 + count, -ONE, 3, np.empty((1, 8), np.float32), gradient)

    added = source[rows[2 : 2 + count]].sum(axis=0, dtype=np.float64)
    np.testing.assert_allclose(gradient, before - np.outer(form.basis[3], added), atol=5e-6)


@COUNTS
@BY_LEVEL_OR_FUNCTION
def test_what_is_expected_of_any_number_of_ratings_is_subtracted(kind, count):
    generator, form = np.random.default_rng(count), kind.form(5, 8)
    functions = form.basis.shape[1]
    source, before = normal(generator, 20, 8), normal(generator, functions, 8)
    share = generator.dirichlet(np.ones(5), 15).astype(np.float32)
    entries = generator.permutation(15)[:12].astype(np.int32)
    rows = generator.integers(20, size=12).astype(np.int32)
    gradient, projected = before.copy(), np.empty((2, functions), np.float32)

    subtract_expected(form, share, source, entries, rows, 2, 2 + count, projected, gradient)

    mine = slice(2, 2 + count)
    expected = (share[entries[mine]] @ form.basis).T.astype(np.float64) @ source[rows[mine]]
    np.testing.assert_allclose(gradient, before - expected, atol=5e-6)


@COUNTS
@BY_LEVEL_OR_FUNCTION
@pytest.mark.parametrize("seed", range(3))
def test_rows_of_any_levels_are_subtracted_from_the_gradient_of_each(seed, kind, count):
    generator, form = np.random.default_rng(seed), kind.form(5, 8)
    source, before = normal(generator, 20, 8), normal(generator, form.basis.shape[1], 8)
    level, rows = generator.integers(5, size=12).astype(np.uint8), generator.integers(20, size=12)
    level[3:6] = level[2]
    gradient = before.copy()

    subtract_drawn(form, level, source, rows.astype(np.int32), 2, 2 + count, gradient)

    mine = slice(2, 2 + count)
    expected = form.basis[level[mine]].T.astype(np.float64) @ source[rows[mine]]
    np.testing.assert_allclose(gradient, before - expected, atol=5e-6)


@pytest.mark.parametrize("kind", [PLAIN, Kind(factors=3), Kind(functions=2)])
@pytest.mark.parametrize("levels", [3, 5, 7])
def test_logits_of_any_choice_of_ratings_agree_with_the_formula(levels, kind):
    shape = Shape(rows=9, columns=4, levels=levels, hidden=6, density=0.7, kind=kind)
    problem = random_problem(shape, seed=levels)
    batch, model, form = problem.batch, problem.model, problem.form
    generator = np.random.default_rng(levels)
    # Some of the places only, so that pairs of ratings of a column, and single ones, come in any order.
    places = np.sort(generator.permutation(len(batch.entry))[:13])
    inner = form.factors or form.hidden
    features = np.zeros((9, problem.parameters.weights.shape[2]), np.float32)
    features[:, :inner] = normal(generator, 9, inner)
    products = np.full((form.basis.shape[1], 14), np.nan, np.float32)
    logits = np.full((levels, 14), np.nan, np.float32)

    block_logits(batch, problem.parameters, form, features, problem.row_bias, places, 13, products, logits)

    column, row = batch.entry_column[places], batch.entry_row[places]
    by_level = np.einsum("ks,nsc->nkc", model.basis, model.weights[column])
    expected = np.einsum("nkc,nc->nk", by_level, features[row, :inner])
    expected = expected + model.visible_bias[column] + problem.row_bias[row]
    np.testing.assert_allclose(logits[:, :13].T, expected, atol=5e-6)

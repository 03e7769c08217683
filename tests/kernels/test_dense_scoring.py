"""Expected ratings of all columns for blocks of rows, against the oracle and the pairs; the best of them."""

from __future__ import annotations

import numpy as np
import pytest

from rbmcli.kernels.dense_scoring import best_of_rows, expect_rows
from tests import reference
from tests.kernels.cases import KINDS, LAYERED, Shape
from tests.kernels.runs import smoothing
from tests.kernels.test_scoring import History, expected_scores, mean_field, random_history

ALL_KINDS = pytest.mark.parametrize("kind", [*KINDS.values(), *LAYERED.values()], ids=[*KINDS, *LAYERED])
TOLERANCE = 2e-5


def expected_of(history: History, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return what the kernel fills."""
    levels = history.column_prior.shape[1]
    ratings = np.full((len(rows), len(columns)), np.nan, np.float32)
    values = np.arange(1.0, levels + 1)
    expect_rows(
        rows.astype(np.int32),
        columns.astype(np.int32),
        history.states(),
        history.parameters,
        history.form,
        smoothing(levels),
        values,
        ratings,
    )
    return ratings


@ALL_KINDS
@pytest.mark.parametrize("levels", [3, 5])
def test_expected_ratings_agree_with_the_oracle_and_are_those_of_the_pairs(levels, kind):
    shape = Shape(rows=5, columns=6, levels=levels, hidden=9, unknown=0.3, kind=kind)
    history = random_history(shape, seed=levels)

    found = expected_of(history, np.arange(5), np.arange(6))

    values = np.arange(1.0, levels + 1)
    oracle = expected_scores(history, mean_field, leave_out=False) @ values
    np.testing.assert_allclose(found, oracle.reshape(5, 6), atol=TOLERANCE)
    pairs = history.scores(history.every_pair(leave_out=False), exact=False)
    terms = np.zeros(len(pairs))
    for share, value in zip(pairs.T, values, strict=True):
        terms += share * value
    clipped = np.clip(terms, values[0], values[-1]).astype(np.float32)
    np.testing.assert_array_equal(found, clipped.reshape(5, 6))


def test_some_rows_and_columns_have_the_ratings_that_they_have_among_all():
    history = random_history(Shape(rows=9, columns=8, levels=5, hidden=5), seed=2)
    everything = expected_of(history, np.arange(9), np.arange(8))

    found = expected_of(history, np.array([7, 2, 3]), np.array([6, 0]))

    np.testing.assert_array_equal(found, everything[np.ix_([7, 2, 3], [6, 0])])


@pytest.mark.parametrize("top", [1, 2, 7, 30])
def test_the_best_of_a_row_are_the_first_of_a_stable_sort(top):
    generator = np.random.default_rng(top)
    scores = generator.integers(0, 6, (20, 30)).astype(np.float32)
    scores[generator.random(scores.shape) < 0.3] = -np.inf
    scores[0] = -np.inf
    place, best = np.empty((20, top), np.int32), np.empty((20, top), np.float32)

    best_of_rows(scores, place, best)

    wanted, wanted_scores = reference.best_of_rows(scores, top)
    np.testing.assert_array_equal(place, wanted)
    np.testing.assert_array_equal(best[place >= 0], wanted_scores[place >= 0])

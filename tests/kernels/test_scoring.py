"""Row states, row bias and scores against the oracle and against enumeration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbmcli.data.ratings import CompressedRows
from rbmcli.kernels.arrays import Parameters
from rbmcli.kernels.scoring import (
    NOT_OWN,
    Asked,
    RowStates,
    activate_rows,
    empty_states,
    row_biases,
    score_pairs,
)
from tests import reference
from tests.kernels.cases import Shape, random_parameters, random_ratings
from tests.kernels.enumeration import level_given_others
from tests.reference import Model

STRENGTH = 10.0
TOLERANCE = 2e-6


@dataclass(frozen=True)
class History:
    """A model and rows to score with it."""

    ratings: CompressedRows
    parameters: Parameters
    hidden: int
    column_prior: np.ndarray

    @property
    def visible(self) -> np.ndarray:
        """The rows one-hot, (R, N, K)."""
        return reference.one_hot(self.ratings, self.column_prior.shape[1])

    @property
    def model(self) -> Model:
        """The model in float64."""
        return Model.of(self.parameters, self.hidden)

    def states(self) -> RowStates:
        """Return what the kernel makes of the rows."""
        states = empty_states(len(self.ratings), self.parameters)
        activate_rows(
            self.ratings.start,
            self.ratings.column,
            self.ratings.level,
            self.parameters,
            self.column_prior,
            states,
        )
        return states

    def every_pair(self, *, leave_out: bool) -> Asked:
        """Return all pairs of row and column, rated ones with their level to leave out or without."""
        rows, columns = len(self.ratings), self.ratings.columns
        own = np.full((rows, columns), NOT_OWN, np.uint8)
        if leave_out:
            row, column, level = np.nonzero(self.visible)
            own[row, column] = level
        asked = np.tile(np.arange(columns, dtype=np.int32), rows)
        return Asked(np.arange(rows + 1, dtype=np.int64) * columns, asked, own.ravel())

    def scores(self, asked: Asked, *, exact: bool, strength: float = STRENGTH) -> np.ndarray:
        """Return what the kernel answers, (pairs, K)."""
        probability = np.full((len(asked.column), self.column_prior.shape[1]), np.nan, np.float32)
        score_pairs(
            asked,
            self.states(),
            self.parameters,
            self.column_prior,
            self.hidden,
            strength,
            exact,
            probability,
        )
        return probability


def random_history(shape: Shape, seed: int, scale: float = 0.5) -> History:
    """Return random rows, some of them empty, and a random model."""
    generator = np.random.default_rng(seed)
    return History(
        random_ratings(shape, generator),
        random_parameters(shape, generator, scale),
        shape.hidden,
        generator.dirichlet(np.full(shape.levels, 2.0), shape.columns).astype(np.float32),
    )


def expected_scores(history: History, answer, *, leave_out: bool, strength: float = STRENGTH) -> np.ndarray:
    """Return what `answer(model, row, column, bias)` says of every pair.

    A pair to leave out is taken out of its row before anything is computed: nothing is subtracted.
    """
    scores = []
    for row in history.visible:
        for column in range(len(row)):
            kept = row.copy()
            if leave_out:
                kept[column] = 0.0
            bias = reference.row_bias(kept[None], history.column_prior.astype(np.float64), strength)[0]
            scores.append(answer(history.model, kept, column, bias))
    return np.array(scores)


@pytest.mark.parametrize("levels", [2, 5, 11])
def test_the_states_of_rows_agree_with_the_oracle(levels):
    history = random_history(Shape(rows=6, columns=7, levels=levels, hidden=5), seed=levels)
    rated = history.visible.sum(axis=2)

    states = history.states()

    np.testing.assert_allclose(
        states.activation[:, :5], reference.activation(history.model, history.visible, rated), atol=TOLERANCE
    )
    np.testing.assert_array_equal(states.counts, history.visible.sum(axis=1))
    np.testing.assert_allclose(states.base, rated @ history.column_prior, atol=TOLERANCE)
    assert not states.activation[:, 5:].any()


def test_a_row_without_ratings_has_the_state_of_no_history():
    history = random_history(Shape(rows=3, columns=4, levels=3, hidden=5, density=0.0), seed=1)
    nothing = empty_states(3, history.parameters)

    states = history.states()

    for one, other in zip(states, nothing, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("strength", [0.01, 1.0, 10.0, 1000.0])
def test_row_biases_agree_with_the_formula(strength):
    history = random_history(Shape(rows=8, columns=9, levels=5, hidden=2, density=0.4), seed=2)
    bias = np.full((8, 5), np.nan, np.float32)

    row_biases(history.states(), strength, bias)

    expected = reference.row_bias(history.visible, history.column_prior.astype(np.float64), strength)
    np.testing.assert_allclose(bias, expected, atol=TOLERANCE)


def test_rows_without_ratings_and_a_strength_of_zero_give_no_row_bias():
    rated = random_history(Shape(rows=4, columns=5, levels=3, hidden=2), seed=3)
    empty = random_history(Shape(rows=4, columns=5, levels=3, hidden=2, density=0.0), seed=3)
    of_rated, of_empty = np.full((4, 3), np.nan, np.float32), np.full((4, 3), np.nan, np.float32)

    row_biases(rated.states(), 0.0, of_rated)
    row_biases(empty.states(), STRENGTH, of_empty)

    assert not of_rated.any()
    assert not of_empty.any()


@pytest.mark.parametrize("leave_out", [True, False], ids=["leave-one-out", "keep-own"])
@pytest.mark.parametrize("exact", [True, False], ids=["exact", "mean-field"])
@pytest.mark.parametrize("levels", [2, 5, 7, 11])
def test_scores_agree_with_the_oracle(levels, exact, leave_out):
    history = random_history(Shape(rows=5, columns=6, levels=levels, hidden=9), seed=levels)
    answer = reference.exact_score if exact else reference.mean_field_score

    scores = history.scores(history.every_pair(leave_out=leave_out), exact=exact)

    np.testing.assert_allclose(
        scores, expected_scores(history, answer, leave_out=leave_out), rtol=0, atol=TOLERANCE
    )


@pytest.mark.parametrize("hidden", [1, 8, 63, 64, 65, 130])
def test_exact_scores_agree_with_the_oracle_at_any_number_of_hidden_units(hidden):
    history = random_history(Shape(rows=2, columns=3, levels=3, hidden=hidden), seed=hidden)

    scores = history.scores(history.every_pair(leave_out=True), exact=True)

    expected = expected_scores(history, reference.exact_score, leave_out=True)
    np.testing.assert_allclose(scores, expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize("levels", [2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_an_exact_score_is_the_conditional_probability_of_the_asked_visible(seed, levels):
    history = random_history(Shape(rows=4, columns=4, levels=levels, hidden=3, density=0.7), seed, scale=1.0)

    scores = history.scores(history.every_pair(leave_out=True), exact=True)

    expected = expected_scores(history, level_given_others, leave_out=True)
    np.testing.assert_allclose(scores, expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("exact", [True, False], ids=["exact", "mean-field"])
def test_a_score_does_not_depend_on_the_pairs_asked_with_it(exact):
    history = random_history(Shape(rows=4, columns=6, levels=5, hidden=6), seed=4)
    together = history.every_pair(leave_out=True)

    scores = history.scores(together, exact=exact)

    for pair in range(len(together.column)):
        row = pair // 6
        start = np.array([0] * (row + 1) + [1] * (4 - row), dtype=np.int64)
        alone = Asked(start, *(array[pair : pair + 1] for array in together[1:]))
        assert history.scores(alone, exact=exact).tobytes() == scores[pair].tobytes()


@pytest.mark.parametrize("exact", [True, False], ids=["exact", "mean-field"])
def test_a_row_without_ratings_is_scored_by_the_biases_and_the_hidden_units_at_rest(exact):
    history = random_history(Shape(rows=1, columns=3, levels=5, hidden=4, density=0.0), seed=5)
    answer = reference.exact_score if exact else reference.mean_field_score

    scores = history.scores(history.every_pair(leave_out=False), exact=exact)

    expected = [answer(history.model, np.zeros((3, 5)), column, np.zeros(5)) for column in range(3)]
    np.testing.assert_allclose(scores, expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("exact", [True, False], ids=["exact", "mean-field"])
def test_a_strength_of_zero_leaves_the_row_bias_out(exact):
    history = random_history(Shape(rows=4, columns=5, levels=5, hidden=4), seed=6)
    answer = reference.exact_score if exact else reference.mean_field_score

    scores = history.scores(history.every_pair(leave_out=True), exact=exact, strength=0.0)

    expected = expected_scores(history, answer, leave_out=True, strength=0.0)
    np.testing.assert_allclose(scores, expected, rtol=0, atol=TOLERANCE)


@settings(max_examples=40, deadline=None)
@given(
    shape=st.builds(
        Shape,
        rows=st.integers(1, 5),
        columns=st.integers(1, 6),
        levels=st.integers(2, 11),
        hidden=st.integers(1, 12),
        density=st.floats(0.0, 1.0),
    ),
    seed=st.integers(0, 2**32 - 1),
    scale=st.sampled_from([0.01, 1.0, 100.0, 1e6]),
    exact=st.booleans(),
    leave_out=st.booleans(),
)
def test_probabilities_of_any_model_are_finite_and_sum_to_one(shape, seed, scale, exact, leave_out):
    history = random_history(shape, seed, scale)

    scores = history.scores(history.every_pair(leave_out=leave_out), exact=exact)

    assert np.isfinite(scores).all()
    assert (scores >= 0).all()
    np.testing.assert_allclose(scores.sum(axis=1), 1.0, atol=1e-5)

"""Row states and scores against the oracle and against enumeration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbmcli.data.ratings import CompressedRows
from rbmcli.kernels.arrays import Form, Parameters
from rbmcli.kernels.row_bias import Smoothing
from rbmcli.kernels.scoring import (
    NOT_OWN,
    Asked,
    RowStates,
    activate_also_rated,
    activate_rows,
    empty_states,
    score_pairs,
)
from tests import reference
from tests.kernels.cases import KINDS, LAYERED, Kind, Shape, random_besides, random_parameters, random_ratings
from tests.kernels.enumeration import Row, level_given_others
from tests.kernels.runs import smoothing
from tests.reference import Model

TOLERANCE = 3e-6

LAYERED_KINDS = pytest.mark.parametrize("kind", LAYERED.values(), ids=LAYERED)
ALL_KINDS = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
Answer = Callable[[Model, Row, int], np.ndarray]

EXACT_OR_NOT = pytest.mark.parametrize("exact", [True, False], ids=["exact", "mean-field"])


@dataclass(frozen=True)
class History:
    """A model, rows to score with it, and pairs that these are known to have rated besides."""

    ratings: CompressedRows
    also_rated: CompressedRows
    parameters: Parameters
    form: Form
    column_prior: np.ndarray
    offset: np.ndarray | None = None

    @property
    def visible(self) -> np.ndarray:
        """The rows one-hot, (R, N, K)."""
        return reference.one_hot(self.ratings, self.column_prior.shape[1])

    @property
    def besides(self) -> np.ndarray:
        """Which pairs are known to have been rated besides, float64 (R, N)."""
        besides = np.zeros(self.visible.shape[:2])
        besides[self.also_rated.row_of_each(), self.also_rated.column] = 1.0
        return besides

    @property
    def model(self) -> Model:
        """The model in float64."""
        return Model.of(self.parameters, self.form)

    def states(self) -> RowStates:
        """Return what the kernels make of the rows."""
        states = empty_states(len(self.ratings), self.parameters)
        activate_rows(
            self.ratings.start,
            self.ratings.column,
            self.ratings.level,
            self.parameters,
            self.column_prior,
            smoothing(self.column_prior.shape[1]).values,
            self.form,
            states,
        )
        activate_also_rated(self.also_rated.start, self.also_rated.column, self.parameters, states)
        return states

    def every_pair(self, *, leave_out: bool) -> Asked:
        """Return all pairs of row and column, rated ones with their level to leave out or without."""
        rows, columns = len(self.ratings), self.ratings.columns
        own = np.full((rows, columns), NOT_OWN, np.uint8)
        if leave_out:
            row, column, level = np.nonzero(self.visible)
            own[row, column] = level
        asked = np.tile(np.arange(columns, dtype=np.int32), rows)
        offset = np.empty((0, self.column_prior.shape[1]), np.float32) if self.offset is None else self.offset
        return Asked(np.arange(rows + 1, dtype=np.int64) * columns, asked, own.ravel(), offset)

    def scores(self, asked: Asked, *, exact: bool, how: Smoothing | None = None) -> np.ndarray:
        """Return what the kernel answers, (pairs, K), with the row bias of `how`."""
        levels = self.column_prior.shape[1]
        probability = np.full((len(asked.column), levels), np.nan, np.float32)
        score_pairs(
            asked,
            self.states(),
            self.parameters,
            self.column_prior,
            self.form,
            how or smoothing(levels),
            exact,
            probability,
        )
        return probability


def random_history(shape: Shape, seed: int, scale: float = 0.5) -> History:
    """Return random rows, some of them empty, and a random model."""
    generator = np.random.default_rng(seed)
    ratings = random_ratings(shape, generator)
    return History(
        ratings,
        random_besides(ratings, shape.unknown, generator),
        random_parameters(shape, generator, scale),
        shape.form,
        generator.dirichlet(np.full(shape.levels, 2.0), shape.columns).astype(np.float32),
    )


def mean_field(model: Model, row: Row, column: int) -> np.ndarray:
    """Return the oracle's answer in mean field."""
    return reference.mean_field_score(model, row.visible, column, row.bias, row.rated)


def exactly(model: Model, row: Row, column: int) -> np.ndarray:
    """Return the oracle's exact answer."""
    return reference.exact_score(model, row.visible, column, row.bias, row.rated)


def expected_scores(
    history: History, answer: Answer, *, leave_out: bool, how: Smoothing | None = None
) -> np.ndarray:
    """Return what `answer(model, row, column)` says of every pair.

    A pair to leave out is taken out of its row before anything is computed: nothing is subtracted.
    """
    scores, model, prior = [], history.model, history.column_prior.astype(np.float64)
    how = how or smoothing(prior.shape[1])
    for visible, besides in zip(history.visible, history.besides, strict=True):
        for column in range(len(visible)):
            kept = visible.copy()
            if leave_out:
                kept[column] = 0.0
            bias = reference.row_bias(kept[None], prior, how)[0]
            if history.offset is not None:
                bias = bias + history.offset[len(scores)]
            scores.append(answer(model, Row(kept, kept.sum(axis=1) + besides, bias), column))
    return np.array(scores)


@ALL_KINDS
@pytest.mark.parametrize("levels", [3, 5, 11])
def test_the_states_of_rows_agree_with_the_oracle(levels, kind):
    shape = Shape(rows=6, columns=7, levels=levels, hidden=5, unknown=0.3, kind=kind)
    history = random_history(shape, seed=levels)
    known = history.visible.sum(axis=2)

    states = history.states()

    expected = reference.activation(history.model, history.visible, known + history.besides)
    np.testing.assert_allclose(states.activation[:, :5], expected, atol=TOLERANCE)
    np.testing.assert_array_equal(states.counts, history.visible.sum(axis=1))
    np.testing.assert_allclose(states.base, known @ history.column_prior, atol=TOLERANCE)
    variances = reference.variance(history.column_prior.astype(np.float64), smoothing(levels).values)
    np.testing.assert_allclose(states.spread, known @ variances, atol=TOLERANCE)
    assert history.besides.any()
    assert not states.activation[:, 5:].any()


@ALL_KINDS
def test_a_row_without_ratings_has_the_state_of_no_history(kind):
    history = random_history(Shape(rows=3, columns=4, levels=3, hidden=5, density=0.0, kind=kind), seed=1)
    nothing = empty_states(3, history.parameters)

    states = history.states()

    for one, other in zip(states, nothing, strict=True):
        np.testing.assert_array_equal(one, other)


@ALL_KINDS
@EXACT_OR_NOT
@pytest.mark.parametrize(("levels", "leave_out"), [(3, True), (5, True), (7, False)])
def test_scores_agree_with_the_oracle(levels, leave_out, exact, kind):
    shape = Shape(rows=5, columns=6, levels=levels, hidden=9, unknown=0.3, kind=kind)
    history = random_history(shape, seed=levels)

    scores = history.scores(history.every_pair(leave_out=leave_out), exact=exact)

    expected = expected_scores(history, exactly if exact else mean_field, leave_out=leave_out)
    np.testing.assert_allclose(scores, expected, rtol=0, atol=TOLERANCE)


@ALL_KINDS
@EXACT_OR_NOT
def test_scores_of_pairs_with_offsets_agree_with_the_oracle(exact, kind):
    history = random_history(Shape(rows=5, columns=6, levels=5, hidden=9, unknown=0.3, kind=kind), seed=8)
    offset = np.random.default_rng(8).standard_normal((30, 5)).astype(np.float32)
    history = replace(history, offset=offset)

    scores = history.scores(history.every_pair(leave_out=True), exact=exact)

    expected = expected_scores(history, level_given_others if exact else mean_field, leave_out=True)
    np.testing.assert_allclose(scores, expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("levels", [2, 10, 11])
@EXACT_OR_NOT
def test_scores_agree_with_the_oracle_at_any_number_of_levels(exact, levels):
    history = random_history(Shape(rows=5, columns=6, levels=levels, hidden=9), seed=levels)

    scores = history.scores(history.every_pair(leave_out=True), exact=exact)

    expected = expected_scores(history, exactly if exact else mean_field, leave_out=True)
    np.testing.assert_allclose(scores, expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("kind", [KINDS["plain"], KINDS["gaussian"], KINDS["factored"]])
@pytest.mark.parametrize("hidden", [1, 8, 63, 64, 65, 130])
def test_exact_scores_agree_with_the_oracle_at_any_number_of_hidden_units(hidden, kind):
    history = random_history(Shape(rows=2, columns=3, levels=3, hidden=hidden, kind=kind), seed=hidden)

    scores = history.scores(history.every_pair(leave_out=True), exact=True)

    expected = expected_scores(history, exactly, leave_out=True)
    np.testing.assert_allclose(scores, expected, rtol=0, atol=5e-5)


@ALL_KINDS
@pytest.mark.parametrize("seed", range(3))
def test_an_exact_score_is_the_conditional_probability_of_the_asked_visible(seed, kind):
    shape = Shape(rows=3, columns=4, levels=3, hidden=3, density=0.6, unknown=0.3, kind=kind)
    history = random_history(shape, seed, scale=0.8)

    scores = history.scores(history.every_pair(leave_out=True), exact=True)

    expected = expected_scores(history, level_given_others, leave_out=True)
    np.testing.assert_allclose(scores, expected, rtol=0, atol=5e-6)


@LAYERED_KINDS
@pytest.mark.parametrize("leave_out", [True, False])
def test_scores_in_mean_field_agree_with_the_oracle_with_any_layers(leave_out, kind):
    shape = Shape(rows=5, columns=6, levels=5, hidden=9, unknown=0.3, kind=kind)
    history = random_history(shape, seed=12)

    scores = history.scores(history.every_pair(leave_out=leave_out), exact=False)

    expected = expected_scores(history, mean_field, leave_out=leave_out)
    np.testing.assert_allclose(scores, expected, rtol=0, atol=TOLERANCE)


@ALL_KINDS
@EXACT_OR_NOT
def test_a_score_does_not_depend_on_the_pairs_asked_with_it(exact, kind):
    history = random_history(Shape(rows=4, columns=6, levels=5, hidden=6, kind=kind), seed=4)
    together = history.every_pair(leave_out=True)

    scores = history.scores(together, exact=exact)

    for pair in range(len(together.column)):
        row = pair // 6
        start = np.array([0] * (row + 1) + [1] * (4 - row), dtype=np.int64)
        alone = Asked(start, *(array[pair : pair + 1] for array in together[1:]))
        assert history.scores(alone, exact=exact).tobytes() == scores[pair].tobytes()


@ALL_KINDS
@EXACT_OR_NOT
def test_a_row_without_ratings_is_scored_by_the_biases_and_the_hidden_units_at_rest(exact, kind):
    history = random_history(Shape(rows=1, columns=3, levels=5, hidden=4, density=0.0, kind=kind), seed=5)
    answer, nothing = exactly if exact else mean_field, Row(np.zeros((3, 5)), np.zeros(3), np.zeros(5))

    scores = history.scores(history.every_pair(leave_out=False), exact=exact)

    expected = [answer(history.model, nothing, column) for column in range(3)]
    np.testing.assert_allclose(scores, expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize(
    ("strength", "tilt_strength"), [(0.0, 3.0), (0.01, 0.1), (20.0, 0.01), (1000.0, 3.0)]
)
@EXACT_OR_NOT
def test_scores_agree_with_the_oracle_whatever_the_row_bias_is_made_by(exact, strength, tilt_strength):
    history = random_history(Shape(rows=6, columns=8, levels=5, hidden=4, density=0.4), seed=6)
    # Base rates of columns far apart, so that the tilt has a long way to go.
    prior = np.random.default_rng(6).dirichlet(np.full(5, 0.1), 8) + 1e-3
    prior = (prior / prior.sum(axis=1, keepdims=True)).astype(np.float32)
    history, how = replace(history, column_prior=prior), smoothing(5, strength, tilt_strength)

    scores = history.scores(history.every_pair(leave_out=True), exact=exact, how=how)

    answer = exactly if exact else mean_field
    expected = expected_scores(history, answer, leave_out=True, how=how)
    np.testing.assert_allclose(scores, expected, rtol=0, atol=TOLERANCE)


@settings(max_examples=60, deadline=None)
@given(
    shape=st.builds(
        Shape,
        rows=st.integers(1, 5),
        columns=st.integers(1, 6),
        levels=st.integers(3, 11),
        hidden=st.integers(1, 12),
        density=st.floats(0.0, 1.0),
        unknown=st.sampled_from([0.0, 0.5]),
        kind=st.builds(Kind, st.booleans(), st.booleans(), st.integers(0, 9), st.integers(0, 2)),
    ),
    seed=st.integers(0, 2**32 - 1),
    scale=st.sampled_from([0.01, 1.0, 100.0, 1e4]),
    exact=st.booleans(),
    leave_out=st.booleans(),
)
def test_probabilities_of_any_model_are_finite_and_sum_to_one(shape, seed, scale, exact, leave_out):
    history = random_history(shape, seed, scale)

    scores = history.scores(history.every_pair(leave_out=leave_out), exact=exact)

    assert np.isfinite(scores).all()
    assert (scores >= 0).all()
    np.testing.assert_allclose(scores.sum(axis=1), 1.0, atol=1e-5)

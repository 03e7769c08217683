"""Folding users into a model of items: the regression that the formulas ask for, solved near its optimum."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbmcli.data.ids import IdIndex
from rbmcli.kernels.arrays import Parameters
from rbmcli.kernels.folding import STEPS
from rbmcli.models.fold_in import BIAS_PENALTY, WEIGHT_PENALTY, fold_in_users
from rbmcli.models.histories import Histories
from rbmcli.models.rbm import Rbm
from tests import reference
from tests.models.dense import DenseModel
from tests.reference import Regression
from tests.small_ratings import (
    HIDDEN,
    pairs_of,
    predicted,
    ratings,
    shuffled,
    table_of,
    trained,
    with_rating,
)

ITEMS = list(range(100, 112))
LIKES_EVEN = [5.0 if item % 2 == 0 else 1.0 for item in ITEMS]


def folded(model: Rbm, table: pa.Table, user: str, left_out: int = -1) -> np.ndarray:
    """Return the parameters that a user is folded in with, float64 (K, F + 1), visible biases last."""
    users = IdIndex.of(pa.array([user]))
    level = model.levels.assign(table["rating"].to_numpy())
    histories = Histories.build(model, users, table["user"], table["item"], level)
    place = Parameters.zeros(1, len(model.levels), HIDDEN)
    fold_in_users(model, histories, np.array([0]), np.array([left_out]), place, np.array([0]))
    return np.hstack([place.weights[0, :, :HIDDEN], place.visible_bias[0][:, None]]).astype(np.float64)


def centre_of(model: Rbm, user: str) -> np.ndarray:
    """Return where folding in starts: a user's trained parameters, or the mean of all users'."""
    known = model.user_ids.values.to_pylist()
    parameters = model.parameters
    columns = np.arange(len(known)) if user not in known else np.array([known.index(user)])
    weights = parameters.weights[columns, :, :HIDDEN].mean(axis=0)
    return np.hstack([weights, parameters.visible_bias[columns].mean(axis=0)[:, None]]).astype(np.float64)


def regression_of(model: Rbm, table: pa.Table, user: str) -> Regression:
    """Return the regression of a user's ratings on the trained rows, from a dense twin of these."""
    hidden, bias = DenseModel(model, ratings()).item_rows()
    items = model.item_ids.values.to_pylist()
    rated = [(items.index(row["item"]), row["rating"]) for row in table.to_pylist() if row["user"] == user]
    rows = np.array([row for row, _ in rated], int)
    return Regression(
        np.hstack([hidden[rows], np.ones((len(rows), 1))]),
        bias[rows],
        np.array([int(rating) - 1 for _, rating in rated], int),
        np.array([WEIGHT_PENALTY] * HIDDEN + [BIAS_PENALTY]),
        centre_of(model, user),
    )


@pytest.mark.parametrize("user", ["new", "u00"])
def test_the_parameters_are_those_of_the_regression_that_the_formulas_ask_for(user: str) -> None:
    model = trained("item")
    table = table_of([user] * 12, ITEMS, LIKES_EVEN)

    value = folded(model, table, user)

    np.testing.assert_allclose(value, regression_of(model, table, user).after(STEPS), atol=2e-5)


@pytest.mark.parametrize("user", ["new", "u00"])
@pytest.mark.parametrize("count", [1, 3, 12])
def test_the_penalised_likelihood_is_as_good_as_at_its_optimum(user: str, count: int) -> None:
    model = trained("item")
    table = table_of([user] * count, ITEMS[:count], LIKES_EVEN[:count])
    problem = regression_of(model, table, user)
    optimum = problem.after(5000)

    value = folded(model, table, user)

    assert np.abs(problem.slope(optimum)).max() < 1e-8
    possible = problem.loss(problem.centre) - problem.loss(optimum)
    assert problem.loss(value) - problem.loss(optimum) < 1e-3 * possible
    assert np.abs(problem.slope(value)).max() < 0.02 * np.abs(problem.slope(problem.centre)).max()


@pytest.mark.parametrize("user", ["new", "u00"])
@pytest.mark.parametrize("table", [table_of([], [], []), table_of(["new", "u00"], [999, 998], [5, 1])])
def test_without_ratings_of_known_items_the_parameters_are_the_centre(user: str, table: pa.Table) -> None:
    model = trained("item")
    table = pa.table(
        {"user": table["user"].cast(pa.string()), "item": table["item"].cast(pa.int64()), "rating": table[2]}
    )

    np.testing.assert_allclose(folded(model, table, user), centre_of(model, user), atol=1e-6)


def test_a_rating_left_out_is_as_if_it_were_not_there() -> None:
    model = trained("item")
    table = table_of(["new"] * 12, ITEMS, LIKES_EVEN)

    value = folded(model, table, "new", left_out=4)

    np.testing.assert_allclose(value, folded(model, table.filter(pa.array(np.arange(12) != 4)), "new"))


def test_a_user_with_one_level_only_stays_finite_and_is_drawn_to_it() -> None:
    model = trained("item")
    before = predicted(model, table_of(["new"], [100], [5]), pairs_of("new", *ITEMS))
    history = table_of(["new"] * 12, ITEMS, [5.0] * 12)

    found = predicted(model, history, pairs_of("new", *ITEMS), keep_own=True)

    assert np.isfinite([row["probabilities"] for row in found]).all()
    for few, many in zip(before, found, strict=True):
        assert many["prediction"] > few["prediction"]


def test_every_user_is_folded_in_as_if_alone() -> None:
    model = trained("item")
    history = pa.concat_tables(
        [table_of(["a"] * 12, ITEMS, LIKES_EVEN), table_of(["b"] * 2, [100, 101], [1, 2])]
    )
    history = with_rating(history, "u00", 100, 1)

    for user in ("a", "b", "u00"):
        alone = history.filter(pa.array([name == user for name in history["user"].to_pylist()]))
        together = [row for row in _asked_all(model, history) if row["user"] == user]
        assert [row["prediction"] for row in together] == pytest.approx(
            [row["prediction"] for row in _asked_all(model, alone) if row["user"] == user], abs=1e-6
        )


def _asked_all(model: Rbm, history: pa.Table) -> list[dict]:
    return predicted(model, history, pa.concat_tables([pairs_of(user, *ITEMS) for user in ("a", "b", "u00")]))


@settings(max_examples=40, deadline=None)
@given(
    rated=st.dictionaries(st.sampled_from([*ITEMS, 999]), st.integers(1, 5), min_size=1), seed=st.integers(0)
)
def test_the_order_of_ratings_plays_no_part(rated: dict[int, int], seed: int) -> None:
    model = trained("item")
    table = table_of(["new"] * len(rated), list(rated), list(rated.values()))

    value = folded(model, shuffled(table, seed), "new")

    np.testing.assert_allclose(value, folded(model, table, "new"), atol=1e-6)


def test_the_hidden_units_of_the_twin_are_those_that_the_model_keeps() -> None:
    model = trained("item")

    hidden, _ = DenseModel(model, ratings()).item_rows()

    assert model.states is not None
    kept = reference.sigmoid(model.states.activation[:, :HIDDEN].astype(np.float64))
    np.testing.assert_allclose(hidden, kept, atol=1e-5)

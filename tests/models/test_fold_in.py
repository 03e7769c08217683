"""Folding users into a model of items: the regression that the formulas ask for, solved near its optimum."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbmcli.data.ids import IdIndex
from rbmcli.data.ratings import CompressedRows
from rbmcli.kernels.arrays import Parameters
from rbmcli.kernels.folding import STEPS
from rbmcli.models.also_rated import for_asked
from rbmcli.models.day_bias import days_of
from rbmcli.models.fold_in import BIAS_PENALTY, WEIGHT_PENALTY, fold_in_users
from rbmcli.models.histories import Histories
from rbmcli.models.rbm import Rbm
from rbmcli.models.rbm_predictor import RbmPredictor
from tests import reference
from tests.models.dense import DenseModel, Pairs
from tests.reference_folding import Regression
from tests.small_ratings import (
    FORMS,
    HIDDEN,
    dated,
    pairs_of,
    predicted,
    ratings,
    rows_of,
    shuffled,
    table_of,
    trained,
    with_rating,
)

ITEMS = list(range(100, 112))
LIKES_EVEN = [5.0 if item % 2 == 0 else 1.0 for item in ITEMS]


def histories_of(model: Rbm, table: pa.Table, user: str) -> Histories:
    """Return the history of one user."""
    level = model.levels.assign(table["rating"].to_numpy())
    day = days_of(table["timestamp"]) if model.settings.day_bias else None
    return Histories.build(model, IdIndex.of(pa.array([user])), table["user"], table["item"], level, day)


def folded(
    model: Rbm, table: pa.Table, user: str, left_out: int = -1, also_rated: Pairs = ()
) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights and visible biases that a user is folded in with, (S, C) and (K,)."""
    form, histories = model.form, histories_of(model, table, user)
    place = Parameters.zeros(1, len(model.levels), form)
    states = RbmPredictor(model, histories, also_rated=_rows_of_items(model, histories, also_rated))._states
    fold_in_users(model, states, histories, np.array([0]), np.array([left_out]), place, np.array([0]))
    width = form.factors or form.hidden
    assert not place.weights[0, :, width:].any()
    return place.weights[0, :, :width], place.visible_bias[0]


def _rows_of_items(model: Rbm, histories: Histories, also_rated: Pairs) -> CompressedRows:
    users, items = [user for user, _ in also_rated], [item for _, item in also_rated]
    pairs = pa.table({"user": pa.array(users, pa.string()), "item": pa.array(items, pa.int64())})
    return for_asked(model, histories.users, ratings(), pairs)


def centre_of(model: Rbm, user: str) -> tuple[np.ndarray, np.ndarray]:
    """Return where folding in starts: a user's trained parameters, or the mean of all users'."""
    known, dense = model.user_ids.values.to_pylist(), DenseModel(model, ratings()).model
    columns = np.arange(len(known)) if user not in known else np.array([known.index(user)])
    return dense.weights[columns].mean(axis=0), dense.visible_bias[columns].mean(axis=0)


def regression_of(model: Rbm, table: pa.Table, user: str, also_rated: Pairs = ()) -> Regression:
    """Return the regression of a user's ratings on the trained rows, from a dense twin of these.

    Logits are linear in the hidden means, or in B times them where weights are factored. The pull is on W;
    a step of A_c in the direction of one of the orthonormal levels moves W by as much as B_c is long.
    """
    dense = DenseModel(model, ratings(), also_rated)
    features, bias = dense.item_rows()
    pull = np.full(HIDDEN, WEIGHT_PENALTY)
    if model.form.factors:
        factors = dense.model.factors
        features, pull = features @ factors.T, WEIGHT_PENALTY * (factors**2).sum(axis=1)
    items = model.item_ids.values.to_pylist()
    rated = [(items.index(row["item"]), row["rating"]) for row in table.to_pylist() if row["user"] == user]
    rows = np.array([row for row, _ in rated], int)
    offset = np.zeros((len(rows), len(bias[0])))
    if model.settings.day_bias:
        mine = [row for row in table.to_pylist() if row["user"] == user]
        offset = np.array(
            [dense.day_bias(table, user, row["item"], row["timestamp"] // 86_400) for row in mine]
        )
    basis = dense.model.basis
    functions, levels = basis.shape[1], len(basis)
    # Any orthonormal functions of the level may stand after those that have weights.
    rotation = np.hstack([basis, np.linalg.qr(np.hstack([basis, np.eye(levels)]))[0][:, functions:levels]])
    weights, visible_bias = centre_of(model, user)
    centre = np.zeros((levels, features.shape[1] + 1))
    centre[:functions, :-1], centre[:, -1] = weights, visible_bias @ rotation
    return Regression(
        np.hstack([features[rows], np.ones((len(rows), 1))]),
        bias[rows] + offset,
        np.array([int(rating) - 1 for _, rating in rated], int),
        np.append(pull, BIAS_PENALTY),
        centre,
        rotation,
        functions,
    )


def parameters_of(problem: Regression, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return weights and visible biases from what a regression calls its parameters."""
    assert problem.rotation is not None
    return value[: problem.functions, :-1], problem.rotation @ value[:, -1]


def value_of(problem: Regression, weights: np.ndarray, visible_bias: np.ndarray) -> np.ndarray:
    """Return the same the other way round."""
    assert problem.rotation is not None
    value = np.zeros_like(problem.centre)
    value[: problem.functions, :-1], value[:, -1] = weights, visible_bias.astype(float) @ problem.rotation
    return value


@pytest.mark.parametrize("user", ["new", "u00"])
@pytest.mark.parametrize("changes", FORMS.values(), ids=FORMS)
def test_the_parameters_are_those_of_the_regression_that_the_formulas_ask_for(
    user: str, changes: dict
) -> None:
    model = trained("item", **changes)
    table = table_of([user] * 12, ITEMS, LIKES_EVEN)

    weights, visible_bias = folded(model, table, user)

    problem = regression_of(model, table, user)
    expected = parameters_of(problem, problem.after(STEPS))
    np.testing.assert_allclose(weights, expected[0], atol=2e-5)
    np.testing.assert_allclose(visible_bias, expected[1], atol=2e-5)


@pytest.mark.parametrize("changes", [FORMS["plain"], FORMS["gaussian"]], ids=["binary", "gaussian"])
def test_pairs_of_unknown_rating_are_in_the_rows_that_a_user_is_fitted_to(changes: dict) -> None:
    model = trained("item", **changes)
    table = table_of(["new"] * 12, ITEMS, LIKES_EVEN)
    rated = {(user, item) for user, item, _ in rows_of(ratings())}
    also = [(f"u{n:02d}", item) for n in range(30) for item in ITEMS if (f"u{n:02d}", item) not in rated][::2]

    weights, visible_bias = folded(model, table, "new", also_rated=also)

    problem = regression_of(model, table, "new", also)
    expected = parameters_of(problem, problem.after(STEPS))
    np.testing.assert_allclose(weights, expected[0], atol=2e-5)
    np.testing.assert_allclose(visible_bias, expected[1], atol=2e-5)
    assert np.abs(weights - folded(model, table, "new")[0]).max() > 1e-3


@pytest.mark.parametrize("user", ["new", "u00"])
def test_the_bias_of_each_rating_s_day_is_known_to_the_regression(user: str) -> None:
    model = trained("item", dated(ratings()), day_bias=True)
    table = dated(table_of([user] * 12, ITEMS, LIKES_EVEN))

    weights, visible_bias = folded(model, table, user)

    problem = regression_of(model, table, user)
    expected = parameters_of(problem, problem.after(STEPS))
    np.testing.assert_allclose(weights, expected[0], atol=5e-5)
    np.testing.assert_allclose(visible_bias, expected[1], atol=5e-5)
    undated = regression_of(model, dated(table, days=1000), user)
    assert np.abs(visible_bias - parameters_of(undated, undated.after(STEPS))[1]).max() > 1e-2


@pytest.mark.parametrize("user", ["new", "u00"])
@pytest.mark.parametrize("count", [1, 3, 12])
@pytest.mark.parametrize("form", ["plain", "sharing levels"])
def test_the_penalised_likelihood_is_as_good_as_at_its_optimum(user: str, count: int, form: str) -> None:
    model = trained("item", **FORMS[form])
    table = table_of([user] * count, ITEMS[:count], LIKES_EVEN[:count])
    problem = regression_of(model, table, user)
    optimum = problem.after(5000)

    value = value_of(problem, *folded(model, table, user))

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

    for found, centre in zip(folded(model, table, user), centre_of(model, user), strict=True):
        np.testing.assert_allclose(found, centre, atol=1e-6)


def test_a_rating_left_out_is_as_if_it_were_not_there() -> None:
    model = trained("item")
    table = table_of(["new"] * 12, ITEMS, LIKES_EVEN)

    values = folded(model, table, "new", left_out=4)

    without = folded(model, table.filter(pa.array(np.arange(12) != 4)), "new")
    for value, expected in zip(values, without, strict=True):
        np.testing.assert_allclose(value, expected)


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

    values = folded(model, shuffled(table, seed), "new")

    for value, expected in zip(values, folded(model, table, "new"), strict=True):
        np.testing.assert_allclose(value, expected, atol=1e-6)


@pytest.mark.parametrize("changes", FORMS.values(), ids=FORMS)
def test_the_hidden_units_of_the_twin_are_those_that_the_model_keeps(changes: dict) -> None:
    model = trained("item", **changes)

    hidden, _ = DenseModel(model, ratings()).item_rows()

    assert model.states is not None
    kept = model.states.activation[:, :HIDDEN].astype(np.float64)
    kept = kept if model.form.gaussian else reference.sigmoid(kept)
    np.testing.assert_allclose(hidden, kept, atol=2e-5)

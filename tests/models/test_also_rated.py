"""Pairs that are known to have been rated, the rating unknown: which count, and what they change."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbmcli.data.ids import IdIndex
from rbmcli.data.ratings import CompressedRows
from rbmcli.kernels.arrays import UNKNOWN
from rbmcli.models.also_rated import beyond_ratings, for_asked
from rbmcli.models.histories import Histories
from rbmcli.models.rbm import Rbm
from rbmcli.models.rbm_predictor import RbmPredictor
from rbmcli.models.states import row_states
from tests import reference
from tests.models.dense import DenseModel, Pairs
from tests.small_ratings import FORMS, HIDDEN, ratings, rows_of, table_of, trained, with_rating

BOTH = pytest.mark.parametrize("by", ["user", "item"])
ITEMS = list(range(100, 112))
EVERYONE = [f"u{number:02d}" for number in range(30)]
ROWS, COLUMNS = 6, 5
CELLS = st.tuples(st.integers(-1, ROWS - 1), st.integers(-1, COLUMNS - 1))


def pairs_in(rows: CompressedRows) -> list[tuple[int, int]]:
    """Return row and column of all that is in compressed rows, in order."""
    return list(zip(rows.row_of_each().tolist(), rows.column.tolist(), strict=True))


# Which pairs count.


@given(
    pairs=st.lists(CELLS, max_size=30),
    rated=st.sets(st.tuples(st.integers(0, ROWS - 1), st.integers(0, COLUMNS - 1))),
)
def test_pairs_beyond_ratings_are_those_that_are_known_each_once_and_have_no_rating(pairs, rated):
    row, column = (np.array([pair[side] for pair in rated], np.int32) for side in (0, 1))
    known = CompressedRows.build(row, column, np.zeros(len(rated), np.uint8), (ROWS, COLUMNS))

    found = beyond_ratings(*(np.array([pair[side] for pair in pairs], np.int32) for side in (0, 1)), known)

    expected = {(r, c) for r, c in pairs if r >= 0 and c >= 0} - rated
    assert pairs_in(found) == sorted(expected)
    assert (len(found), found.columns) == (ROWS, COLUMNS)
    assert (found.level == UNKNOWN).all()


def test_pairs_beyond_no_rows_and_columns_are_none():
    nothing, none = np.empty(0, np.int32), np.array([-1, -1], np.int32)
    rated = CompressedRows.build(nothing, nothing, np.empty(0, np.uint8), (0, 0))

    assert pairs_in(beyond_ratings(none, none, rated)) == []


def asked_by(
    model: Rbm, history: pa.Table, pairs: Pairs, users: list[str]
) -> tuple[Histories, CompressedRows]:
    """Return the histories of users who ask, and of pairs those that count."""
    level = model.levels.assign(history["rating"].to_numpy())
    index = IdIndex.of(pa.array(users, pa.string()))
    histories = Histories.build(model, index, history["user"], history["item"], level)
    users, items = [user for user, _ in pairs], [item for _, item in pairs]
    asked = pa.table({"user": pa.array(users, pa.string()), "item": pa.array(items, pa.int64())})
    return histories, for_asked(model, index, history, asked)


def asked_with(model: Rbm, history: pa.Table, pairs: Pairs, users: list[str]) -> RbmPredictor:
    """Return a model that is asked by some users, with pairs of unknown rating."""
    histories, rows = asked_by(model, history, pairs, users)
    return RbmPredictor(model, histories, also_rated=rows)


def pairs_for(model: Rbm, history: pa.Table, pairs: Pairs, users: list[str]) -> set[tuple[str, int]]:
    """Return the pairs that count, as user and item."""
    histories, found = asked_by(model, history, pairs, users)
    asking, items = histories.users.values.to_pylist(), model.item_ids.values.to_pylist()
    if model.by_user:
        return {(asking[row], items[column]) for row, column in pairs_in(found)}
    trained_users = model.user_ids.values.to_pylist()
    return {(trained_users[column], items[row]) for row, column in pairs_in(found)}


HISTORY = table_of(["u00", "u00", "new"], [100, 999, 101], [5, 1, 2])
GIVEN = [
    *(("u00", 100), ("u00", 101), ("u00", 101), ("u00", 990), ("new", 101), ("new", 102)),
    *(("u05", 100), ("nobody", 100)),
]


def test_with_rows_of_users_the_pairs_of_those_who_ask_count():
    found = pairs_for(trained("user"), HISTORY, GIVEN, ["u00", "new"])

    # (u00, 100) and (new, 101) are rated, item 990 is unknown, and u05 does not ask.
    assert found == {("u00", 101), ("new", 102)}


def test_with_rows_of_items_the_pairs_of_all_trained_users_count():
    found = pairs_for(trained("item"), HISTORY, GIVEN, ["u00", "new"])

    # A new user has no D, but everyone who has tells of an item.
    assert found == {("u00", 101), ("u05", 100)}


# What they change.


def unrated_pairs(users: list[str]) -> list[tuple[str, int]]:
    """Return every second pair of some users that has no rating."""
    rated = {(user, item) for user, item, _ in rows_of(ratings())}
    return [pair for pair in itertools.product(users, ITEMS) if pair not in rated][::2]


@pytest.mark.parametrize("form", FORMS)
def test_the_activations_of_rows_are_those_of_the_twin(form: str) -> None:
    model, table = trained("user", **FORMS[form]), ratings()
    dense, pairs = DenseModel(model, table), unrated_pairs(["u00", "u01"])
    predictor = asked_with(model, table, pairs, ["u00", "u01"])

    states = predictor._states

    for place, user in enumerate(["u00", "u01"]):
        visible = dense.visible([(item, rating) for u, item, rating in rows_of(table) if u == user])
        known = dense.known_to_be_rated(visible, {item for u, item in pairs if u == user})
        expected = reference.activation(dense.model, visible[None], known[None])[0]
        np.testing.assert_allclose(states.activation[place, :HIDDEN], expected, atol=2e-5)
        # Only a rating counts for the row bias.
        assert states.counts[place].sum() == visible.sum()


@BOTH
@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_predictions_agree_with_the_dense_twin(by: str, exact: bool, form: str) -> None:
    model, table = trained(by, **FORMS[form]), ratings()
    pairs = [*unrated_pairs(["u00", "u07", "u12"]), *[(u, i) for u, i, _ in rows_of(table)]]
    predictor = asked_with(model, table, pairs, EVERYONE)
    predictor.exact = exact
    asked = list(itertools.product([0, 7], range(12)))
    user, item = (np.array([pair[side] for pair in asked], np.int32) for side in (0, 1))
    own = predictor.histories.own_level(
        user, predictor.histories.items.lookup(pa.array([ITEMS[i] for i in item]))
    )

    found, _ = predictor.probabilities(user, item, own)

    dense = DenseModel(model, table, pairs)
    expected = [dense.score_pair(table, EVERYONE[u], ITEMS[i], exact=exact) for u, i in asked]
    np.testing.assert_allclose(found, expected, atol=2e-5)


@BOTH
def test_they_change_predictions_of_a_conditional_model_and_of_no_other(by: str) -> None:
    pairs = unrated_pairs(EVERYONE)
    changed = {}
    for conditional in (True, False):
        model = trained(by, conditional=conditional)
        user, item = np.zeros(12, np.int32), np.arange(12, dtype=np.int32)
        own = np.full(12, UNKNOWN, np.uint8)
        with_pairs, without = (
            asked_with(model, ratings(), given_pairs, ["u00"]).probabilities(user, item, own)[0]
            for given_pairs in (pairs, [])
        )
        changed[conditional] = float(np.abs(with_pairs - without).max())

    assert changed[True] > 1e-3
    assert changed[False] == 0.0


def test_asking_leaves_the_rows_of_a_model_of_items_as_they_are() -> None:
    model = trained("item")
    assert model.states is not None
    before = model.states.activation.copy()

    predictor = asked_with(model, ratings(), unrated_pairs(["u00", "u01"]), ["u00"])

    np.testing.assert_array_equal(model.states.activation, before)
    assert (predictor._states.activation != before).any()


@BOTH
def test_a_pair_with_a_rating_in_the_history_adds_nothing(by: str) -> None:
    model = trained(by)
    history = with_rating(ratings(), "new", 100, 5)
    rated = [(user, item) for user, item, _ in rows_of(history)]

    with_pairs, without = (
        asked_with(model, history, given_pairs, [*EVERYONE, "new"])._states.activation
        for given_pairs in (rated, [])
    )

    np.testing.assert_array_equal(with_pairs, without)


def test_states_of_rows_take_pairs_in_compressed_rows() -> None:
    model = trained("user")
    ratings_of_one = CompressedRows.build(np.array([0]), np.array([3]), np.array([1], np.uint8), (2, 12))
    pairs = CompressedRows.build(np.array([0, 1]), np.array([4, 5]), np.array([255, 255], np.uint8), (2, 12))

    plain, more = (
        row_states(
            ratings_of_one, model.parameters, model.column_prior, model.row_smoothing, model.form, besides
        )
        for besides in (None, pairs)
    )

    np.testing.assert_allclose(
        more.activation - plain.activation, model.parameters.conditional[[4, 5]], atol=1e-6
    )
    for array, expected in zip(more.tallies, plain.tallies, strict=True):
        np.testing.assert_array_equal(array, expected)

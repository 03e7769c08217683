"""Histories in the terms of a model: who is known, what is known, and whether it is what was trained on."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbmcli.data.hashing import hash_ids
from rbmcli.data.ids import IdIndex
from rbmcli.kernels.scoring import NOT_OWN
from rbmcli.models.histories import Histories, hash_ratings
from rbmcli.models.rbm import Rbm
from tests.small_ratings import (
    ratings,
    rows_of,
    shuffled,
    table_of,
    trained,
    with_rating,
    without,
)

BOTH = pytest.mark.parametrize("by", ["user", "item"])


def histories_of(model: Rbm, table: pa.Table, users: list[str] | None = None) -> Histories:
    """Return the histories of some users, by default of all in the table."""
    index = IdIndex.of(table["user"] if users is None else pa.array(users, pa.string()))
    level = model.levels.assign(table["rating"].to_numpy())
    return Histories.build(model, index, table["user"], table["item"], level)


def is_as_trained(model: Rbm, table: pa.Table, user: str) -> bool:
    return bool(histories_of(model, table, [user]).as_trained[0])


@BOTH
def test_ratings_as_trained_are_recognised_in_any_order(by: str) -> None:
    histories = histories_of(trained(by), shuffled(ratings()))

    assert histories.as_trained.all()
    assert (histories.model_user == np.arange(30)).all()


@BOTH
def test_one_rating_more_or_less_or_at_another_level_is_noticed(by: str) -> None:
    table, model = ratings(), trained(by)
    user, item, rating = rows_of(table)[0]

    assert is_as_trained(model, table, user)
    assert not is_as_trained(model, without(table, user, item), user)
    assert not is_as_trained(model, with_rating(table, user, 999, 3), user)
    assert not is_as_trained(model, with_rating(table, user, item, rating % 5 + 1), user)
    assert not is_as_trained(model, without(table, user), user)


@BOTH
def test_the_ratings_of_one_user_under_the_name_of_another_are_not_as_trained(by: str) -> None:
    table, model = ratings(), trained(by)
    theirs = [(item, rating) for user, item, rating in rows_of(table) if user == "u00"]
    renamed = table_of(["u01"] * len(theirs), *map(list, zip(*theirs, strict=True)))

    last = [(item, rating) for user, item, rating in rows_of(ratings()) if user == "u29"]
    unknown = table_of(["new"] * len(last), *map(list, zip(*last, strict=True)))

    assert not is_as_trained(model, renamed, "u01")
    assert not is_as_trained(model, unknown, "new")
    assert not is_as_trained(model, table_of(["new"], [100], [1]), "new")


@BOTH
def test_ratings_of_users_not_asked_for_play_no_part(by: str) -> None:
    histories = histories_of(trained(by), ratings(), ["u05", "nobody"])

    own = [row for row in rows_of(ratings()) if row[0] == "u05"]
    assert histories.users.values.to_pylist() == ["nobody", "u05"]
    assert histories.model_user.tolist() == [-1, 5]
    assert histories.count.sum(axis=1).tolist() == [0, len(own)]
    assert histories.items.values.to_pylist() == sorted(item for _, item, _ in own)


@BOTH
def test_items_that_the_model_does_not_know_are_counted_but_not_among_the_known(by: str) -> None:
    histories = histories_of(trained(by), table_of(["x", "x", "y"], [999, 103, 998], [1, 2, 5]))

    known = histories.known()
    assert histories.count.tolist() == [[1, 1, 0, 0, 0], [0, 0, 0, 0, 1]]
    assert histories.model_item.tolist() == [3, -1, -1]
    assert (known.start.tolist(), known.column.tolist(), known.level.tolist()) == ([0, 1, 1], [3], [1])


def test_the_own_level_of_a_pair_is_that_of_its_rating_if_there_is_one() -> None:
    histories = histories_of(trained("user"), table_of(["x", "x", "y"], [999, 103, 999], [1, 2, 5]))

    # Items are 103 and 999; -1 is an item that nobody has rated.
    levels = histories.own_level(np.array([0, 0, 0, 1, 1]), np.array([0, 1, -1, 0, 1], np.int32))
    assert levels.tolist() == [1, 0, NOT_OWN, NOT_OWN, 4]


def test_no_users_and_no_ratings_are_no_trouble() -> None:
    model = trained("item")

    nobody = histories_of(model, ratings(), [])
    silent = histories_of(model, ratings().slice(0, 0), ["u00"])

    assert (len(nobody.users), nobody.known().n_ratings, nobody.count.shape) == (0, 0, (0, 5))
    assert silent.own_level(np.array([0]), np.array([-1], np.int32)).tolist() == [NOT_OWN]
    assert not silent.as_trained.any()


RATED = st.dictionaries(st.integers(-(2**63), 2**63 - 1), st.integers(0, 11), max_size=6)


@settings(max_examples=100, deadline=None)
@given(one=RATED, other=RATED, order=st.randoms(use_true_random=False))
def test_the_hash_is_equal_for_equal_ratings_in_any_order_and_for_no_others(one, other, order) -> None:
    mixed = list(one.items())
    order.shuffle(mixed)

    hashes = [_hash_of(list(one.items())), _hash_of(mixed), _hash_of(list(other.items()))]

    assert hashes[0] == hashes[1]
    assert (hashes[0] == hashes[2]) == (one == other)


def _hash_of(rated: list[tuple[int, int]]) -> int:
    items = hash_ids(pa.array([row[0] for row in rated], pa.int64()))
    levels = np.array([row[1] for row in rated], np.uint8)
    return int(hash_ratings(np.zeros(len(rated), np.int32), items, levels, 1)[0])

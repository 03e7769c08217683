"""The most popular items that a user has not rated: by hand, and as a walk down the order finds them."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rbmcli.models.popular import most_popular


def rows(users: list[int], rated: list[tuple[int, int]], top: int) -> list[tuple[int, int, int]]:
    """Return user, rank and item of each row."""
    user, item = np.array(rated, np.int32).reshape(-1, 2).T
    found = most_popular(np.array(users, np.int32), user, item, top)
    return list(zip(found.user.tolist(), found.rank.tolist(), found.item.tolist(), strict=True))


def naive(users: list[int], rated: list[tuple[int, int]], top: int) -> list[tuple[int, int, int]]:
    """Walk down the order for each user by itself."""
    items = [item for _, item in rated]
    order = sorted(set(items), key=lambda item: (-items.count(item), item))
    return [
        (user, rank, item)
        for user in users
        for rank, item in enumerate([item for item in order if (user, item) not in rated][:top], 1)
    ]


def test_a_small_case_worked_out_by_hand() -> None:
    # Item 5 has three ratings, 2 and 7 have two, 1 has one; 0, 3, 4 and 6 have none.
    rated = [(0, 5), (1, 5), (2, 5), (1, 7), (0, 7), (2, 2), (3, 2), (2, 1)]

    assert rows([0, 2, 3, 9], rated, 2) == [
        *[(0, 1, 2), (0, 2, 1)],
        *[(2, 1, 7)],
        *[(3, 1, 5), (3, 2, 7)],
        *[(9, 1, 5), (9, 2, 2)],
    ]


def test_who_has_rated_everything_has_no_list() -> None:
    assert rows([0, 1], [(0, 3), (0, 4), (1, 4)], 5) == [(1, 1, 3)]


def test_nobody_asked_for_leaves_no_lists() -> None:
    assert rows([], [(0, 3)], 5) == []


@settings(max_examples=300, deadline=None)
@given(
    rated=st.sets(st.tuples(st.integers(0, 6), st.integers(0, 9)), min_size=1),
    users=st.sets(st.integers(0, 8)),
    top=st.integers(1, 12),
    seed=st.integers(0, 2**32 - 1),
)
def test_lists_are_those_of_a_plain_walk_and_hold_nothing_that_is_rated(
    rated: set[tuple[int, int]], users: set[int], top: int, seed: int
) -> None:
    in_any_order = [tuple(pair) for pair in np.random.default_rng(seed).permutation(sorted(rated)).tolist()]

    found = rows(sorted(users), in_any_order, top)

    assert found == naive(sorted(users), in_any_order, top)
    assert not rated & {(user, item) for user, _, item in found}

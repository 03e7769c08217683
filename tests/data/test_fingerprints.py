"""A fingerprint depends on the ratings and on nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbmcli.data.fingerprints import ratings_fingerprint, run_fingerprint
from rbmcli.data.levels import Levels

LEVELS = Levels(np.array([1, 2, 3], np.float32))


def table(rows: list[tuple[Any, Any, float]]) -> pa.Table:
    users, items, ratings = zip(*rows, strict=True)
    return pa.table({"user": list(users), "item": list(items), "rating": pa.array(ratings, pa.float32())})


IDS = st.integers(0, 5) | st.integers(-(2**63), 2**63 - 1)


@settings(max_examples=50, deadline=None)
@given(
    rows=st.lists(st.tuples(IDS, IDS, st.sampled_from([1.0, 2.0, 3.0])), min_size=1, max_size=12),
    as_text=st.booleans(),
    data=st.data(),
)
def test_order_and_chunks_make_no_difference(
    rows: list[tuple[int, int, float]], as_text: bool, data: st.DataObject
) -> None:
    if as_text:
        rows = [(str(user), f"é{item}", rating) for user, item, rating in rows]  # type: ignore[misc]
    shuffled = data.draw(st.permutations(rows))
    cut = data.draw(st.integers(0, len(rows)))
    chunked = pa.concat_tables([table(shuffled).slice(0, cut), table(shuffled).slice(cut)])

    assert ratings_fingerprint(chunked, LEVELS) == ratings_fingerprint(table(rows), LEVELS)
    assert run_fingerprint(chunked, {}) == run_fingerprint(table(rows), {})


@pytest.mark.parametrize(
    "other",
    [
        [(1, 2, 3.0)],
        [(1, 2, 3.0), (1, 3, 2.0)],
        [(1, 2, 3.0), (2, 3, 1.0)],
        [(1, 2, 3.0), (1, 4, 1.0)],
        [("1", "2", 3.0), ("1", "3", 1.0)],
    ],
)
def test_another_user_item_level_or_type_makes_another_fingerprint(
    other: list[tuple[Any, Any, float]],
) -> None:
    rows = [(1, 2, 3.0), (1, 3, 1.0)]

    assert ratings_fingerprint(table(other), LEVELS) != ratings_fingerprint(table(rows), LEVELS)
    assert run_fingerprint(table(other), {}) != run_fingerprint(table(rows), {})


def test_texts_are_told_apart_by_where_they_end() -> None:
    one, other = table([("ab", "c", 1.0), ("d", "e", 1.0)]), table([("a", "c", 1.0), ("bd", "e", 1.0)])

    assert ratings_fingerprint(one, LEVELS) != ratings_fingerprint(other, LEVELS)


def test_levels_count_and_not_the_ratings_that_stand_on_them() -> None:
    exact, near = table([(1, 2, 3.0)]), table([(1, 2, 3.00001)])

    assert ratings_fingerprint(exact, LEVELS) == ratings_fingerprint(near, LEVELS)
    assert run_fingerprint(exact, {}) != run_fingerprint(near, {})


def test_the_settings_of_a_run_are_part_of_its_fingerprint() -> None:
    ratings = table([(1, 2, 3.0)])

    assert run_fingerprint(ratings, {"seed": 1}) != run_fingerprint(ratings, {"seed": 2})

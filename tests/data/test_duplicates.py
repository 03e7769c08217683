"""Several ratings of one item by one user are refused, or become one by the policy."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbmcli.data.duplicates import resolve_duplicates
from rbmcli.data.levels import Levels
from rbmcli.errors import DataError

# Users 1 and 2 rate item 7; the first of user 1 is the latest.
TIMES = [30, 10, 20, 5]


def table(ratings: list[float], timestamps: list[int] | None = None) -> pa.Table:
    columns: dict[str, Any] = {
        "user": [1, 2, 1, 1][: len(ratings)],
        "item": [7] * len(ratings),
        "rating": pa.array(ratings, pa.float32()),
    }
    if timestamps:
        columns["timestamp"] = timestamps
    return pa.table(columns)


def resolved(source: pa.Table, policy: str, levels: Levels | None = None) -> list[tuple[int, float]]:
    kept, _ = resolve_duplicates(source, policy, levels, "r.csv")
    return list(zip(kept["user"].to_pylist(), kept["rating"].to_pylist(), strict=True))


def test_without_duplicates_the_table_is_left_alone() -> None:
    source = table([1.0, 2.0])

    assert resolve_duplicates(source, "error", None, "r.csv") == (source, 0)


def test_an_error_names_the_first_pair_and_the_way_out() -> None:
    with pytest.raises(DataError) as caught:
        resolve_duplicates(table([1.0, 2.0, 3.0, 4.0]), "error", None, "r.csv")

    assert "r.csv: user 1 rated item 7 more than once, in the ratings 1 and 3; 2 such repeats" in (
        caught.value.message
    )
    assert "--duplicates last" in caught.value.hint


@pytest.mark.parametrize(
    ("policy", "timestamps", "expected"),
    [
        ("first", None, [(1, 1.0), (2, 2.0)]),
        ("last", None, [(2, 2.0), (1, 4.0)]),
        ("first", TIMES, [(2, 2.0), (1, 4.0)]),
        ("last", TIMES, [(1, 1.0), (2, 2.0)]),
    ],
)
def test_first_and_last_go_by_time_and_else_by_row(
    policy: str, timestamps: list[int] | None, expected: list[tuple[int, float]]
) -> None:
    assert resolved(table([1.0, 2.0, 3.0, 4.0], timestamps), policy) == expected


def test_equal_times_go_by_row() -> None:
    assert resolved(table([1.0, 2.0, 3.0], [5, 5, 5]), "last") == [(2, 2.0), (1, 3.0)]


def test_the_mean_is_put_on_the_nearest_rating_that_occurs() -> None:
    assert resolved(table([1.0, 2.0, 4.0, 5.0]), "mean") == [(2, 2.0), (1, 4.0)]


def test_the_mean_is_put_on_the_nearest_known_level() -> None:
    levels = Levels(np.array([1, 2, 3, 4, 5], np.float32))

    assert resolved(table([1.0, 2.0, 4.0, 4.0]), "mean", levels) == [(2, 2.0), (1, 3.0)]


def test_the_mean_of_a_continuous_scale_stays_as_it_is() -> None:
    others = pa.table(
        {"user": np.arange(10, 40), "item": np.arange(30), "rating": np.linspace(0, 1, 30, dtype=np.float32)}
    )
    source = pa.concat_tables([table([1.0, 2.0, 4.0, 4.0]), others])

    assert resolved(source, "mean")[:2] == [(2, 2.0), (1, 3.0)]


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 3), st.sampled_from("xyz"), st.integers(0, 9)), min_size=1),
    policy=st.sampled_from(["first", "last"]),
)
def test_each_pair_is_kept_once_with_the_rating_of_its_policy(
    rows: list[tuple[int, str, int]], policy: str
) -> None:
    groups = defaultdict(list)
    for user, item, rating in rows:
        groups[user, item].append(rating)
    users, items, ratings = zip(*rows, strict=True)
    source = pa.table({"user": users, "item": items, "rating": pa.array(ratings, pa.float32())})

    kept, dropped = resolve_duplicates(source, policy, None, "r.csv")

    found = {(row["user"], row["item"]): row["rating"] for row in kept.to_pylist()}
    assert found == {pair: group[0 if policy == "first" else -1] for pair, group in groups.items()}
    assert kept.num_rows == len(groups)
    assert dropped == len(rows) - len(groups)

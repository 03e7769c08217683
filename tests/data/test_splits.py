"""The splits are functions of the ratings alone, and what they promise holds for any ratings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbmcli.config import PrepareSettings
from rbmcli.data.filtering import well_rated_items, well_rated_rows
from rbmcli.data.ids import IdIndex
from rbmcli.data.ordering import PairCodes
from rbmcli.data.splits import (
    PARTS,
    check_splittable,
    draw_folds,
    find_time_cuts,
    split_by_time,
    split_leave_last,
    split_random,
)
from rbmcli.errors import DataError

PAIRS = st.lists(st.tuples(st.integers(-9, 9), st.integers(0, 30)), min_size=1, max_size=40, unique=True)
SECONDS = st.integers(0, 5) | st.sampled_from([-(2**63), -1, 2**16, 2**16 + 1, 2**40, 2**63 - 1])
LIMITS = settings(max_examples=60, deadline=None)


def codes_of(pairs: list[tuple[Any, Any]]) -> PairCodes:
    users, items = zip(*pairs, strict=True)
    return PairCodes.of(pa.table({"user": list(users), "item": list(items)}))


def random_parts(pairs: list[tuple[Any, Any]], **options: Any) -> dict[tuple[Any, Any], str]:
    parts = split_random(codes_of(pairs), PrepareSettings(**options))
    return {pair: PARTS[part] for pair, part in zip(pairs, parts, strict=True)}


@LIMITS
@given(pairs=PAIRS, others=PAIRS, seed=st.integers(0, 2**63 - 1))
def test_a_rating_falls_on_the_same_side_whatever_else_is_there(
    pairs: list[tuple[int, int]], others: list[tuple[int, int]], seed: int
) -> None:
    options = {"seed": seed, "valid_fraction": 0.3, "test_fraction": 0.3}
    together = list(dict.fromkeys([*others, *reversed(pairs)]))

    alone, among = random_parts(pairs, **options), random_parts(together, **options)

    assert all(among[pair] == part for pair, part in alone.items())


@LIMITS
@given(pairs=PAIRS)
def test_an_id_falls_on_the_same_side_as_a_number_and_as_text(pairs: list[tuple[int, int]]) -> None:
    options = {"valid_fraction": 0.3, "test_fraction": 0.3}
    texts = [(str(user), str(item)) for user, item in pairs]
    mixed = [*texts, ("not a number", "007")]

    numbers = list(random_parts(pairs, **options).values())

    assert list(random_parts(texts, **options).values()) == numbers
    assert list(random_parts(mixed, **options).values())[:-1] == numbers


@pytest.mark.parametrize("text", ["--5", "-", "", "²", "9" * 5000, "-9223372036854775809"])
def test_ids_that_look_like_integers_but_are_none_are_split_too(text: str) -> None:
    assert random_parts([(text, "a"), ("b", text)]).keys() == {(text, "a"), ("b", text)}


def test_the_shares_are_those_asked_for() -> None:
    pairs = [(user, item) for user in range(200) for item in range(200)]

    parts = split_random(codes_of(pairs), PrepareSettings(valid_fraction=0.2, test_fraction=0.05))

    # Four standard deviations of a binomial share.
    shares = np.bincount(parts, minlength=3) / len(pairs)
    assert shares == pytest.approx([0.75, 0.2, 0.05], abs=0.009)


def test_users_and_items_are_told_apart() -> None:
    pairs = [(user, item) for user in range(60) for item in range(60)]

    parts = split_random(codes_of(pairs), PrepareSettings(valid_fraction=0.0, test_fraction=0.5))

    square = parts.reshape(60, 60)
    assert np.mean(square == square.T) == pytest.approx(0.5, abs=0.06)


def test_the_seed_changes_the_split() -> None:
    pairs = [(user, item) for user in range(50) for item in range(50)]

    first = split_random(codes_of(pairs), PrepareSettings(test_fraction=0.5, seed=1))
    second = split_random(codes_of(pairs), PrepareSettings(test_fraction=0.5, seed=2))

    assert np.mean(first == second) < 0.6


def test_the_split_is_the_one_of_earlier_versions() -> None:
    pairs = [(1, 1), (1, 2), (2, 1), (2, 2), (-5, 3), (3, 10**12)]
    texts = [("a", "x"), ("a", "y"), ("b", "x"), ("é", "007")]

    parts = [
        list(random_parts(each, seed=7, valid_fraction=0.3, test_fraction=0.3).values())
        for each in (pairs, texts)
    ]

    # A change here moves ratings between training and test in files that users have.
    assert parts == [["valid", "test", "valid", "test", "train", "test"], ["test", "valid", "train", "train"]]


def folds_of(pairs: list[tuple[Any, Any]], folds: int, seed: int) -> dict[tuple[Any, Any], int]:
    return dict(zip(pairs, draw_folds(codes_of(pairs), folds, seed).tolist(), strict=True))


@LIMITS
@given(pairs=PAIRS, data=st.data(), seed=st.integers(0, 2**63 - 1))
def test_folds_are_of_equal_size_and_the_order_of_rows_makes_no_difference(
    pairs: list[tuple[int, int]], data: st.DataObject, seed: int
) -> None:
    folds = data.draw(st.integers(1, len(pairs)))

    drawn = folds_of(pairs, folds, seed)

    sizes = np.bincount(list(drawn.values()), minlength=folds)
    assert len(sizes) == folds
    assert sizes.max() - sizes.min() <= 1
    assert folds_of(data.draw(st.permutations(pairs)), folds, seed) == drawn


def test_folds_are_drawn_by_the_seed_and_not_as_prepare_splits() -> None:
    pairs = [(user, item) for user in range(50) for item in range(50)]

    first, second = (np.array(list(folds_of(pairs, 2, seed).values())) for seed in (1, 2))
    prepared = split_random(codes_of(pairs), PrepareSettings(test_fraction=0.5, valid_fraction=0, seed=1))

    assert np.mean(first == second) == pytest.approx(0.5, abs=0.04)
    assert np.mean((first == 0) == (prepared == 2)) == pytest.approx(0.5, abs=0.04)


def test_a_fold_is_drawn_from_all_users_and_items_alike() -> None:
    pairs = [(user, item) for user in range(60) for item in range(60)]

    inside = draw_folds(codes_of(pairs), 2, 0).reshape(60, 60)

    # Five standard deviations of the share among 60.
    assert np.abs(inside.mean(axis=0) - 0.5).max() < 0.33
    assert np.abs(inside.mean(axis=1) - 0.5).max() < 0.33
    assert np.mean(inside == inside.T) == pytest.approx(0.5, abs=0.06)


def test_few_ratings_change_their_fold_where_a_few_are_new() -> None:
    pairs = [(user, item) for user in range(50) for item in range(40)]
    before = folds_of(pairs, 5, 3)

    after = folds_of([*pairs, *((99, item) for item in range(10))], 5, 3)

    assert np.mean([after[pair] != fold for pair, fold in before.items()]) < 0.02


def test_the_folds_are_those_of_earlier_versions() -> None:
    pairs = [(1, 1), (1, 2), (2, 1), (2, 2), (-5, 3), (3, 10**12)]

    # A change here moves ratings to other folds, so that figures of two versions are not of the same folds.
    assert list(folds_of(pairs, 3, 7).values()) == [1, 0, 1, 2, 0, 2]


@LIMITS
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40
    ),
    n=st.integers(1, 3),
)
def test_the_last_ratings_of_each_user_are_left_out(rows: list[tuple[int, int, int]], n: int) -> None:
    ratings = {(user, item): time for user, item, time in rows}
    times = np.array(list(ratings.values()))

    parts = split_leave_last(
        codes_of(list(ratings)), times, PrepareSettings(split="leave-last", leave_last=n)
    )

    for user in {user for user, _ in ratings}:
        own = sorted(
            (time, item, part)
            for ((who, item), time), part in zip(ratings.items(), parts, strict=True)
            if who == user
        )
        in_order = [part for _, _, part in own]
        if len(own) <= 2 * n:
            assert in_order == [0] * len(own)
        else:
            assert in_order == [0] * (len(own) - 2 * n) + [1] * n + [2] * n


def test_a_fraction_of_zero_leaves_its_part_out_of_leave_last() -> None:
    pairs = [(1, item) for item in range(5)]

    parts = split_leave_last(
        codes_of(pairs), np.arange(5), PrepareSettings(split="leave-last", valid_fraction=0)
    )

    assert parts.tolist() == [0, 0, 0, 0, 2]


@LIMITS
@given(pairs=PAIRS.map(sorted), data=st.data())
def test_the_time_split_cuts_all_ratings_in_order(pairs: list[tuple[int, int]], data: st.DataObject) -> None:
    times = data.draw(st.lists(SECONDS, min_size=len(pairs), max_size=len(pairs)))

    table = pa.table(
        {
            "user": [user for user, _ in pairs],
            "item": [f"i{item:02}" for _, item in pairs],
            "timestamp": pa.array(times, pa.int64()),
        }
    )
    pieces = [table.slice(0, 7), table.slice(7)]
    given_settings = PrepareSettings(split="time", valid_fraction=0.2, test_fraction=0.3)

    cuts = find_time_cuts(lambda names: [each.select(names) for each in pieces], len(pairs), given_settings)
    parts = np.concatenate([split_by_time(each, cuts) for each in pieces])

    in_order = [
        part
        for _, _, _, part in sorted((t, i, u, p) for (u, i), t, p in zip(pairs, times, parts, strict=True))
    ]
    assert in_order == sorted(in_order)
    assert in_order.count(2) == round(0.3 * len(pairs))
    assert in_order.count(1) == round(0.2 * len(pairs))


@pytest.mark.parametrize("split", ["leave-last", "time"])
def test_a_split_by_time_needs_timestamps(split: str) -> None:
    with pytest.raises(DataError, match=f"expected one for --split {split}") as caught:
        check_splittable(pa.schema({"user": pa.int64()}), PrepareSettings(split=split), "r.csv")

    assert "--timestamp-column" in caught.value.hint


@LIMITS
@given(pairs=PAIRS.map(sorted), min_user=st.integers(1, 4), min_item=st.integers(1, 4))
def test_the_filter_keeps_the_largest_set_in_which_all_have_enough(
    pairs: list[tuple[int, int]], min_user: int, min_item: int
) -> None:
    expected = set(pairs)
    while True:
        users = [user for user, _ in expected]
        items = [item for _, item in expected]
        rare = {(u, i) for u, i in expected if users.count(u) < min_user or items.count(i) < min_item}
        if not rare:
            break
        expected.discard(min(rare))

    table = pa.table({"user": [user for user, _ in pairs], "item": [item for _, item in pairs]})
    middle = [user for user, _ in pairs].index(pairs[len(pairs) // 2][0])
    pieces = [table.slice(0, middle), table.slice(middle)]
    staying = well_rated_items(lambda: pieces, IdIndex.of(table["item"]), min_user, min_item)
    kept = np.concatenate([well_rated_rows(each, staying, min_user) for each in pieces])

    assert {pair for pair, stays in zip(pairs, kept, strict=True) if stays} == expected

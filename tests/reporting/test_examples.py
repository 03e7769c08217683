"""Examples are drawn by a rule, from users with few ratings to users with many, and explained exactly."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import rbmcli
from rbmcli.config import ExplainSettings, InputSettings, ReportSettings
from rbmcli.data.intake import read_ratings
from rbmcli.progress import SILENT
from rbmcli.reporting.examples import (
    SHOWN,
    Examples,
    draw_users,
    find_examples,
    read_recommendations,
)
from tests.reporting.small_report import given

COUNTS = np.array([5, 1, 9, 2, 8, 3, 7, 4, 6])


def found(lists: pa.Table | None = None, by: str = "item", **settings: int) -> Examples:
    whole = given(by)
    chosen = ReportSettings(resamples=0, **settings)
    return find_examples(whole.model, read_ratings(whole.history), lists, chosen, InputSettings(), SILENT)


@pytest.mark.parametrize("seed", range(5))
def test_one_user_is_drawn_from_each_third_by_the_number_of_ratings(seed: int) -> None:
    drawn = draw_users(np.arange(9), COUNTS, 3, seed)

    few, some, many = COUNTS[drawn]
    assert few in {1, 2, 3}
    assert some in {4, 5, 6}
    assert many in {7, 8, 9}


def test_equal_seeds_draw_equal_users_and_all_are_drawn_by_some_seed() -> None:
    drawn = [tuple(draw_users(np.arange(9), COUNTS, 3, seed)) for seed in range(60)]

    assert drawn == [tuple(draw_users(np.arange(9), COUNTS, 3, seed)) for seed in range(60)]
    assert {user for users in drawn for user in users} == set(range(9))


@pytest.mark.parametrize(("wanted", "expected"), [(0, []), (1, 1), (9, 9), (20, 9)])
def test_no_more_users_are_drawn_than_there_are(wanted: int, expected: object) -> None:
    drawn = draw_users(np.arange(9), COUNTS, wanted, 0)

    assert len(set(drawn)) == len(drawn) == (expected or 0)


@pytest.mark.parametrize("by", ["user", "item"])
def test_what_is_told_of_a_user_is_what_recommend_and_explain_say(by: str) -> None:
    whole = given(by)
    best = rbmcli.recommend(whole.model, whole.history, settings=rbmcli.RecommendSettings(top=SHOWN))
    lists = best.table.to_pylist()

    for example in found(by=by).users:
        rated = [row["rating"] for row in whole.history.to_pylist() if row["user"] == example.user]
        assert example.n_ratings == len(rated)
        assert example.mean == pytest.approx(np.mean(rated))
        assert [rating for _, rating in example.liked] == sorted(rated, reverse=True)[:SHOWN]
        own = [row for row in lists if row["user"] == example.user]
        assert [entry.item for entry in example.items] == [row["item"] for row in own]
        for entry, row in zip(example.items, own, strict=True):
            assert entry.prediction == pytest.approx(row["score"], abs=1e-5)
            why = rbmcli.explain(
                whole.model, whole.history, example.user, entry.item, settings=ExplainSettings(top=100)
            ).table.to_pylist()
            changes = [row["change"] for row in why]
            ups = sorted((change for change in changes if change >= 0.0005), reverse=True)[:2]
            downs = sorted(change for change in changes if change <= -0.0005)[:2]
            assert [push.change for push in entry.up] == pytest.approx(ups)
            assert [push.change for push in entry.down] == pytest.approx(downs)


def test_lists_that_are_given_are_shown_in_the_order_of_their_ranks() -> None:
    user = given().history["user"][0].as_py()
    items = given().model.item_ids.values.to_pylist()[:3]
    lists = pa.table({"user": [user] * 3, "rank": [3, 1, 2], "item": items})

    read = read_recommendations(lists, given().model, InputSettings(), SILENT)
    examples = found(read)

    assert [example.user for example in examples.users] == [user]
    assert examples.drawn_from == 1
    assert examples.given
    assert [entry.item for entry in examples.users[0].items] == [items[1], items[2], items[0]]


def test_users_of_lists_without_ratings_are_no_examples() -> None:
    lists = pa.table({"user": ["nobody"], "item": [given().model.item_ids.values[0].as_py()]})

    assert found(lists).users == []

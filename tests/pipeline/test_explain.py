"""`explain`: what a prediction starts from, and the changes by rated items, as predict tells them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa
import pytest

import rbmcli
from rbmcli.config import ExplainSettings
from rbmcli.errors import MismatchError
from rbmcli.models.rbm import Rbm
from rbmcli.models.similarity import similarities
from rbmcli.pipeline.explain import ExplainResult, explain
from tests.recorder import Recorder
from tests.small_ratings import (
    dated,
    pairs_of,
    predicted,
    ratings,
    rows_of,
    table_of,
    tastes,
    trained,
    with_rating,
    without,
)

BOTH = pytest.mark.parametrize("by", ["user", "item"])
ALL = ExplainSettings(top=1000)
USER, NEW_ITEM, RATED = "u07", 103, 105


def score(model: Rbm, history: pa.Table, user: str, item: int) -> float:
    (row,) = predicted(model, history, pairs_of(user, item))
    return float(np.dot(row["probabilities"], model.levels.values))


def changes_of(found: ExplainResult) -> dict[int, float]:
    return dict(zip(found.table["item"].to_pylist(), found.table["change"].to_pylist(), strict=True))


def unrated(user: str, table: pa.Table) -> int:
    rated = {item for name, item, _ in rows_of(table) if name == user}
    return next(item for item in range(100, 112) if item not in rated)


@BOTH
@pytest.mark.parametrize("user", [USER, "somebody new"])
@pytest.mark.parametrize("is_rated", [False, True])
def test_changes_are_differences_of_predictions_with_and_without_the_rating(
    by: str, user: str, is_rated: bool
) -> None:
    model = trained(by)
    rows = [(user, item, rating) for name, item, rating in rows_of(ratings()) if name == USER]
    history = pa.concat_tables([without(ratings(), user), table_of(*map(list, zip(*rows, strict=True)))])
    item = rows[0][1] if is_rated else unrated(USER, ratings())

    found = explain(model, history, user, item, settings=ALL)

    (row,) = predicted(model, history, pairs_of(user, item))
    assert (found.prediction, found.source) == (pytest.approx(row["prediction"], abs=1e-6), row["source"])
    assert found.probabilities == pytest.approx(row["probabilities"], abs=1e-7)
    changes = changes_of(found)
    assert set(changes) == {other for _, other, _ in rows if other != item}
    for other, change in changes.items():
        alone = score(model, without(history, user, other), user, item)
        assert change == pytest.approx(found.whole - alone, abs=1e-6)
    if by == "user" or user != USER:
        assert found.whole == pytest.approx(found.prediction, abs=1e-6)


@BOTH
def test_an_own_rating_of_the_item_changes_nothing_and_is_told(by: str) -> None:
    model, told = trained(by), Recorder()
    history = with_rating(without(ratings(), "new"), "new", 101, 5)
    history = with_rating(history, "new", 102, 1)

    alone = explain(model, history, "new", RATED)
    beside = explain(model, with_rating(history, "new", RATED, 4), "new", RATED, progress=told)

    assert (alone.own_rating, beside.own_rating) == (None, 4)
    assert (alone.n_history, beside.n_history) == (2, 2)
    assert beside.prediction == pytest.approx(alone.prediction, abs=1e-6)
    assert changes_of(beside) == pytest.approx(changes_of(alone), abs=1e-6)
    assert beside.start["row_bias"] == pytest.approx(alone.start["row_bias"], abs=1e-6)
    assert any("rated the item" in line for line in told.told)


@BOTH
def test_what_the_same_users_like_pushes_up_more_than_the_rest_and_down_where_it_was_not_liked(
    by: str,
) -> None:
    model = trained(by, tastes())
    likes = table_of(["new"] * 4, [100, 102, 104, 101], [5, 5, 1, 5])

    found = changes_of(explain(model, likes, "new", 110, settings=ALL))

    assert found[100] > 0 > found[104]
    assert found[102] > 2 * found[101]


@BOTH
def test_the_largest_changes_come_first_and_no_more_than_wanted(by: str) -> None:
    every = explain(trained(by), ratings(), USER, NEW_ITEM, settings=ALL)

    some = explain(trained(by), ratings(), USER, NEW_ITEM, settings=ExplainSettings(top=3))

    sizes = np.abs(every.table["change"].to_numpy())
    assert list(sizes) == sorted(sizes, reverse=True)
    assert some.table.equals(every.table.slice(0, 3))
    assert some.n_considered == every.n_considered == every.table.num_rows


@BOTH
def test_of_a_long_history_the_ratings_of_the_items_most_like_or_unlike_are_tried(by: str) -> None:
    model, told = trained(by), Recorder()
    settings = ExplainSettings(top=1000, consider=2)

    found = explain(model, ratings(), USER, NEW_ITEM, settings=settings, progress=told)

    every = changes_of(explain(model, ratings(), USER, NEW_ITEM, settings=ALL))
    alike = np.abs(similarities(model, NEW_ITEM - 100))
    most = sorted(every, key=lambda item: -alike[item - 100])[:2]
    assert changes_of(found) == {item: pytest.approx(every[item], abs=1e-9) for item in most}
    assert (found.n_considered, found.n_known) == (2, len(every))
    assert any("--consider" in line for line in told.told)


def test_the_start_goes_from_all_ratings_to_the_base_rates_with_the_row_bias() -> None:
    model = trained("user")
    position = NEW_ITEM - 100

    found = explain(model, ratings(), USER, NEW_ITEM)

    assert found.start["all"] == pytest.approx(list(model.global_prior))
    assert found.start["item"] == pytest.approx(list(model.column_prior[position]))
    assert found.expected()["item"] == pytest.approx(model.column_prior[position] @ model.levels.values)
    assert all(sum(rates) == pytest.approx(1, abs=1e-5) for rates in found.start.values())


@BOTH
@pytest.mark.parametrize("is_rated", [False, True])
def test_a_model_without_weights_predicts_what_it_starts_from(by: str, is_rated: bool) -> None:
    """Its visible biases are those of the base rates, so that all there is besides is the row bias."""
    trained_model = trained(by, conditional=False)
    parameters = trained_model.parameters.copy()
    parameters.weights[:] = 0
    parameters.visible_bias[:] = np.log(trained_model.column_prior)
    model = dataclasses.replace(trained_model, parameters=parameters)
    rated = [item for name, item, _ in rows_of(ratings()) if name == USER]
    item = rated[1] if is_rated else unrated(USER, ratings())

    found = explain(model, ratings(), USER, item)

    assert found.source == "model"
    assert found.probabilities == pytest.approx(found.start["row_bias"], abs=1e-5)


def test_titles_stand_beside_the_rated_items() -> None:
    catalogue = pa.table({"item": [103, 105], "title": ["Three", "Five"]})

    found = explain(trained("user"), ratings(), USER, NEW_ITEM, items=catalogue, settings=ALL)

    assert found.title == "Three"
    titles = dict(zip(found.table["item"].to_pylist(), found.table["title"].to_pylist(), strict=True))
    assert {item: title for item, title in titles.items() if title} in ({105: "Five"}, {})


@BOTH
def test_a_history_of_unknown_items_is_explained_by_base_rates(by: str) -> None:
    told = Recorder()

    found = explain(trained(by), table_of(["new"], [999], [5]), "new", 103, progress=told)

    assert found.table.num_rows == 0
    assert (found.n_history, found.n_known) == (1, 0)
    assert found.source == ("visible_prior" if by == "user" else "row_prior")
    assert any("none of the items" in line for line in told.warnings)


def test_a_model_with_the_bias_of_a_day_says_that_it_is_left_out() -> None:
    told = Recorder()
    model = trained("user", dated(ratings()), day_bias=True)

    explain(model, dated(ratings()), USER, NEW_ITEM, progress=told)

    assert any("bias of a day" in line for line in told.warnings)


@BOTH
@pytest.mark.parametrize(
    ("user", "item", "words", "hint"),
    [
        ("u07", 99, "item '99' is none of the 12 items", "such as '100'"),
        ("nobody", 103, "user 'nobody' has no ratings there", "name a file that holds"),
        ("u29", 103, "user 'u29' has no ratings there", "was trained on ratings of that user"),
    ],
)
def test_an_unknown_user_or_item_ends_with_what_to_do(
    by: str, user: str, item: int, words: str, hint: str
) -> None:
    history = without(ratings(), "u29")

    with pytest.raises(MismatchError, match=words) as caught:
        explain(trained(by), history, user, item)

    assert hint in caught.value.hint


def test_the_result_is_plain_values_for_json() -> None:
    found = explain(trained("user"), ratings(), USER, NEW_ITEM).as_dict()

    assert (found["user"], found["item"], found["rows"]) == (USER, NEW_ITEM, "user")
    assert set(found["ratings"][0]) == {"item", "rating", "without", "change"}
    assert set(found["expected"]) == {"all", "item", "user", "row_bias"}


def test_settings_are_checked() -> None:
    with pytest.raises(rbmcli.RbmcliError, match="--consider 0 is outside"):
        ExplainSettings(consider=0)

"""A model applied to histories: against a dense twin, and against histories with the asked rating deleted."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbmcli.models.predictor import SOURCE_NAMES, Source
from rbmcli.models.rbm import Rbm
from tests.models.dense import DenseModel, column_rates, smoothed
from tests.small_ratings import (
    FORMS,
    pairs_of,
    predicted,
    ratings,
    rows_of,
    shuffled,
    table_of,
    trained,
    with_rating,
    without,
)

BOTH = pytest.mark.parametrize("by", ["user", "item"])
ITEMS = list(range(100, 112))


def probabilities(model: Rbm, history: pa.Table, pairs: pa.Table, **options: object) -> np.ndarray:
    return np.array([row["probabilities"] for row in predicted(model, history, pairs, **options)])


def sources(model: Rbm, history: pa.Table, pairs: pa.Table, **options: object) -> list[str]:
    return [row["source"] for row in predicted(model, history, pairs, **options)]


def counts_of(table: pa.Table, side: str, name: object) -> np.ndarray:
    mine = [row[2] for row in rows_of(table) if row[0 if side == "user" else 1] == name]
    return np.bincount(np.array(mine, int) - 1, minlength=5)


@BOTH
@pytest.mark.parametrize("inference", ["mean-field", "exact"])
@pytest.mark.parametrize("changes", [*FORMS.values(), {"row_bias": False}], ids=[*FORMS, "without row bias"])
def test_predictions_agree_with_the_dense_twin(by: str, inference: str, changes: dict) -> None:
    table = ratings()
    model = trained(by, **changes)
    dense = DenseModel(model, table)
    pairs = [(user, item) for user in ("u00", "u07", "u29") for item in ITEMS]
    asked = table_of(*map(list, zip(*pairs, strict=True)), [0] * len(pairs)).select(["user", "item"])

    found = probabilities(model, table, asked, inference=inference)

    expected = [dense.score_pair(table, *pair, exact=inference == "exact") for pair in pairs]
    np.testing.assert_allclose(found, expected, atol=2e-5)


@BOTH
def test_keeping_the_own_rating_predicts_from_all_of_the_row(by: str) -> None:
    table, model = ratings(), trained(by)
    dense = DenseModel(model, table)
    user, item, _ = rows_of(table)[0]

    left_out = probabilities(model, table, pairs_of(user, item))[0]
    kept = probabilities(model, table, pairs_of(user, item), keep_own=True)[0]

    expected = dense.score_pair(table, user, item, exact=False, leave_out=False)
    np.testing.assert_allclose(kept, expected, atol=2e-5)
    assert np.abs(kept - left_out).max() > 1e-3


@BOTH
def test_a_model_predicts_as_it_was_trained_to_unless_told_otherwise(by: str) -> None:
    table, asked = ratings(), pairs_of("u03", *ITEMS)
    mean_field, exact = trained(by), trained(by, inference="exact")

    assert (probabilities(exact, table, asked) == probabilities(exact, table, asked, inference="exact")).all()
    assert (
        probabilities(mean_field, table, asked)
        == probabilities(mean_field, table, asked, inference="mean-field")
    ).all()
    assert (
        probabilities(exact, table, asked) != probabilities(exact, table, asked, inference="mean-field")
    ).any()


# Where a prediction comes from.


@BOTH
def test_a_history_as_trained_is_served_by_the_model_and_any_other_is_folded_in(by: str) -> None:
    table, model = ratings(), trained(by)
    user, item, rating = rows_of(table)[0]
    asked = pairs_of(user, *ITEMS)

    assert set(sources(model, shuffled(table), asked)) == {"model"}
    for changed in (
        without(table, user, item),
        with_rating(table, user, 999, 2),
        with_rating(table, user, item, rating % 5 + 1),
    ):
        assert set(sources(model, changed, asked)) == {"folded_in"}


def test_with_rows_of_users_every_source_has_its_probabilities() -> None:
    table, model = ratings(), trained("user")
    history = pa.concat_tables([table, table_of(["odd", "odd"], [998, 999], [5, 4])])
    asked = table_of(
        ["u00", "odd", "odd", "nobody", "u00", "nobody"], [100, 100, 998, 100, 990, 990], [0] * 6
    ).select(["user", "item"])

    found = predicted(model, history, asked)

    assert [row["source"] for row in found] == [
        "model",
        "visible_prior",
        "row_prior",
        "visible_prior",
        "row_prior",
        "global_prior",
    ]
    of_item = column_rates(model, table)[100]
    # Of the stranger's two ratings the one asked for is left out.
    of_stranger = smoothed(np.array([0, 0, 0, 1, 0]), model)
    of_user = smoothed(counts_of(table, "user", "u00"), model)
    expected = [of_item, of_stranger, of_item, of_user, model.global_prior]
    np.testing.assert_allclose([row["probabilities"] for row in found[1:]], expected, atol=1e-6)


def test_with_rows_of_items_every_source_has_its_probabilities() -> None:
    table, model = ratings(), trained("item")
    history = pa.concat_tables([table, table_of(["odd", "odd"], [998, 999], [5, 4])])
    asked = table_of(
        ["u00", "odd", "odd", "nobody", "u00", "nobody"], [100, 100, 998, 100, 990, 990], [0] * 6
    ).select(["user", "item"])

    found = predicted(model, history, asked)

    assert [row["source"] for row in found] == [
        "model",
        "row_prior",
        "visible_prior",
        "row_prior",
        "visible_prior",
        "global_prior",
    ]
    of_item = smoothed(counts_of(table, "item", 100), model)
    of_stranger = smoothed(np.array([0, 0, 0, 1, 0]), model)
    of_user = column_rates(model, table)["u00"]
    expected = [of_item, of_stranger, of_item, of_user, model.global_prior]
    np.testing.assert_allclose([row["probabilities"] for row in found[1:]], expected, atol=1e-6)


def test_with_rows_of_items_a_trained_user_without_a_history_is_served_as_trained() -> None:
    table, model = ratings(), trained("item")
    silent = without(table, "u00")
    asked = pairs_of("u00", 100, 990)

    assert sources(model, silent, asked) == ["model", "visible_prior"]
    np.testing.assert_array_equal(
        probabilities(model, silent, asked), probabilities(model, table, asked, keep_own=True)
    )


def test_with_rows_of_users_a_trained_user_without_a_history_gets_the_rates_of_the_item() -> None:
    model = trained("user")

    assert sources(model, without(ratings(), "u00"), pairs_of("u00", 100, 990)) == [
        "visible_prior",
        "global_prior",
    ]


@BOTH
def test_whoever_has_rated_one_known_item_only_is_told_by_base_rates_when_asked_for_it(by: str) -> None:
    model = trained(by)
    history = table_of(["new", "new"], [100, 999], [5, 1])

    found = predicted(model, history, pairs_of("new", 100, 101))

    # Without the pair itself, only the rating of an unknown item is left.
    assert [row["source"] for row in found] == [
        "visible_prior" if by == "user" else "row_prior",
        "folded_in",
    ]


def test_names_of_sources_are_those_of_the_contract() -> None:
    assert SOURCE_NAMES == ("model", "folded_in", "visible_prior", "row_prior", "global_prior")
    assert [SOURCE_NAMES[source] for source in Source] == list(SOURCE_NAMES)


# Leaving a pair of the history out.


@pytest.mark.parametrize("user", ["u00", "u11"])
def test_with_rows_of_users_a_pair_is_predicted_as_if_its_rating_were_deleted(user: str) -> None:
    table, model = ratings(), trained("user")
    for item in [row[1] for row in rows_of(table) if row[0] == user]:
        left_out = probabilities(model, table, pairs_of(user, item))
        deleted = probabilities(model, without(table, user, item), pairs_of(user, item))
        np.testing.assert_allclose(left_out, deleted, atol=1e-5)


def test_with_rows_of_items_a_new_user_is_folded_in_without_the_pair_asked_for() -> None:
    table = ratings()
    model = trained("item", without(table, "u00"))
    for item in [row[1] for row in rows_of(table) if row[0] == "u00"]:
        left_out = predicted(model, table, pairs_of("u00", item))
        deleted = predicted(model, without(table, "u00", item), pairs_of("u00", item))
        kept = predicted(model, table, pairs_of("u00", item), keep_own=True)
        assert left_out[0]["source"] == deleted[0]["source"] == "folded_in"
        np.testing.assert_allclose(left_out[0]["probabilities"], deleted[0]["probabilities"], atol=1e-5)
        assert np.abs(np.subtract(kept[0]["probabilities"], deleted[0]["probabilities"])).max() > 1e-3


def test_with_rows_of_items_a_rating_made_after_training_plays_no_part_in_its_own_prediction() -> None:
    table, model = ratings(), trained("item")
    rated = {row[1] for row in rows_of(table) if row[0] == "u00"}
    for item in sorted(set(ITEMS) - rated):
        # The history without the new rating is the one trained on: its centre is where folding in starts.
        changed = without(table, "u00", min(rated))
        before = probabilities(model, changed, pairs_of("u00", item))
        after = probabilities(model, with_rating(changed, "u00", item, 5), pairs_of("u00", item))
        np.testing.assert_allclose(after, before, atol=1e-5)


@BOTH
def test_a_rare_level_given_after_training_leaves_predictions_finite(by: str) -> None:
    # All ratings of item 100 are 5: taking a 1 out that it never had would leave less than none.
    table = with_rating(ratings(), "u00", 101, 2)
    columns = [list(column) for column in zip(*rows_of(table), strict=True)]
    columns[2] = [5.0 if item == 100 else rating for item, rating in zip(*columns[1:], strict=True)]
    model = trained(by, without(table_of(*columns), "u00", 100), row_bias_strength=0.01)

    history = with_rating(table_of(*columns), "u00", 100, 1)
    found = predicted(model, history, pairs_of("u00", 100))

    assert np.isfinite(found[0]["prediction"])


@BOTH
def test_pairs_asked_together_are_predicted_as_if_asked_alone(by: str) -> None:
    table, model = ratings(), trained(by)
    # A known user, one with a rating too many, a new one, and one without a history.
    history = with_rating(table, "u01", 999, 3)
    history = pa.concat_tables([history, table_of(["new"] * 3, [100, 104, 999], [5, 1, 2])])
    pairs = [(user, item) for user in ("u00", "u01", "new", "none") for item in (100, 104, 105, 999)]
    asked = table_of(*map(list, zip(*pairs, strict=True)), [0] * len(pairs)).select(["user", "item"])

    together = probabilities(model, history, shuffled(asked))

    alone = [
        probabilities(model, history, pairs_of(row["user"], row["item"]), allow_unknown=True)[0]
        for row in shuffled(asked).to_pylist()
    ]
    np.testing.assert_allclose(together, alone, atol=1e-6)


USERS = st.sampled_from(["u00", "u01", "u02", "new", "newer"])
SOME_ITEMS = st.sampled_from([100, 101, 102, 103, 990, 991])
HISTORY = st.dictionaries(st.tuples(USERS, SOME_ITEMS), st.integers(1, 5), max_size=12)
PAIRS = st.lists(st.tuples(USERS, SOME_ITEMS), max_size=8)


@settings(max_examples=120, deadline=None)
@given(by=st.sampled_from(["user", "item"]), history=HISTORY, pairs=PAIRS, keep_own=st.booleans())
def test_every_pair_gets_a_prediction_on_the_scale_whatever_is_known(by, history, pairs, keep_own) -> None:
    given_ratings = pa.table(
        {
            "user": pa.array([user for user, _ in history], pa.string()),
            "item": pa.array([item for _, item in history], pa.int64()),
            "rating": pa.array(list(history.values()), pa.float32()),
        }
    )
    asked = pa.table(
        {
            "user": pa.array([user for user, _ in pairs], pa.string()),
            "item": pa.array([item for _, item in pairs], pa.int64()),
        }
    )

    found = predicted(trained(by), given_ratings, asked, allow_unknown=True, keep_own=keep_own)

    assert [(row["user"], row["item"]) for row in found] == pairs
    for row in found:
        assert 1 <= row["prediction"] <= 5
        assert row["source"] in SOURCE_NAMES
        assert sum(row["probabilities"]) == pytest.approx(1, abs=1e-5)
        assert row["prediction"] == pytest.approx(np.dot(row["probabilities"], range(1, 6)), abs=1e-4)

"""The two sides of a model: whichever of users and items are its rows, either can be asked for by name."""

from __future__ import annotations

import numpy as np
import pytest

from tests.small_ratings import FORMS, HIDDEN, ratings, trained

BOTH = pytest.mark.parametrize("by", ["user", "item"])


@BOTH
def test_users_and_items_are_found_on_whichever_side_they_are(by: str) -> None:
    model = trained(by)

    assert model.by_user == (by == "user")
    assert model.user_ids.values.to_pylist() == sorted(set(ratings()["user"].to_pylist()))
    assert model.item_ids.values.to_pylist() == sorted(set(ratings()["item"].to_pylist()))
    assert (model.row_ids is model.user_ids) == (by == "user")


@BOTH
def test_ratings_of_items_are_counted_on_whichever_side_they_are(by: str) -> None:
    items = np.array(ratings()["item"])

    assert trained(by).item_ratings.tolist() == np.bincount(items - 100).tolist()


@BOTH
def test_counts_are_smoothed_as_the_settings_say(by: str) -> None:
    model = trained(by, row_bias_strength=7.0, prior_strength=3.0, tilt_strength=2.0)

    assert (model.row_smoothing.strength, model.column_smoothing.strength) == (7.0, 3.0)
    assert model.row_smoothing.tilt_strength == model.column_smoothing.tilt_strength == 2.0


@BOTH
def test_the_strength_of_the_row_bias_is_0_for_a_model_without(by: str) -> None:
    model = trained(by, row_bias=False, row_bias_strength=7.0)

    assert model.row_smoothing.strength == 0.0
    assert model.column_smoothing.strength > 0.0


@BOTH
@pytest.mark.parametrize("changes", FORMS.values(), ids=FORMS)
def test_the_form_of_a_model_is_the_one_its_settings_ask_for(by: str, changes: dict) -> None:
    model = trained(by, **changes)

    assert model.form.hidden == HIDDEN
    assert model.form.factors == changes.get("factors", 0)
    assert model.form.gaussian == (changes.get("hidden_units") == "gaussian")
    assert model.form.conditional == changes.get("conditional", True)
    assert model.form.shared == ("level_functions" in changes)
    assert model.form.basis.shape == (5, changes.get("level_functions", 5))

"""The two sides of a model: whichever of users and items are its rows, either can be asked for by name."""

from __future__ import annotations

import numpy as np
import pytest

from tests.small_ratings import ratings, trained

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
def test_the_strength_of_the_row_bias_is_0_for_a_model_without(by: str) -> None:
    assert trained(by, row_bias_strength=7.0).row_bias_strength == 7.0
    assert trained(by, row_bias=False, row_bias_strength=7.0).row_bias_strength == 0.0

"""Neighbours are the items that a model holds alike: symmetric, of length 1, and not of form or padding."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa
import pytest

from rbmcli.models.rbm import Rbm
from rbmcli.models.similarity import SUPPORT_STRENGTH, item_vectors, nearest, similarities
from tests.small_ratings import FORMS, rows_of, table_of, tastes, trained

ALL_FORMS = pytest.mark.parametrize("changes", FORMS.values(), ids=FORMS)
BOTH = pytest.mark.parametrize("by", ["user", "item"])


def all_similarities(model: Rbm) -> np.ndarray:
    return np.array([similarities(model, item) for item in range(len(model.item_ids))])


@BOTH
@ALL_FORMS
def test_similarity_is_the_same_whichever_item_is_asked_for(by: str, changes: dict) -> None:
    found = all_similarities(trained(by, **changes))

    np.testing.assert_array_equal(found, found.T)
    assert np.abs(found).max() <= 1


@BOTH
def test_an_item_is_as_alike_to_itself_as_its_ratings_allow(by: str) -> None:
    model = trained(by)

    itself = np.diag(all_similarities(model))

    ratings = model.item_ratings
    np.testing.assert_allclose(itself, ratings / (ratings + SUPPORT_STRENGTH), rtol=1e-12)


@BOTH
@ALL_FORMS
def test_vectors_are_cosines_of_the_weights_by_level_less_their_mean(by: str, changes: dict) -> None:
    model = trained(by, **changes)
    parameters, hidden = model.parameters, model.form.hidden
    if by == "user":
        weights = parameters.weights.astype(np.float64)
        by_level = np.einsum("ks,isc->ikc", model.form.basis.astype(np.float64), weights)
        if model.form.factors:
            by_level = by_level @ parameters.factors
        held = np.concatenate([by_level, parameters.conditional[:, None]], axis=1)[:, :, :hidden]
        held = held.reshape(len(held), -1)
    else:
        added = model.states.activation.astype(np.float64) - parameters.hidden_bias
        held = added[:, :hidden] / model.row_ratings[:, None]
    held = held - held.mean(axis=0)
    expected = held @ held.T / np.outer(*[np.linalg.norm(held, axis=1)] * 2)

    vectors = item_vectors(model)

    np.testing.assert_allclose(vectors @ vectors.T, expected, atol=1e-5)


@BOTH
def test_the_neighbours_are_in_order_without_the_item_and_those_of_few_ratings(by: str) -> None:
    model = trained(by)
    support = int(np.sort(model.item_ratings)[3])

    found, alike = nearest(model, 0, top=100, min_support=support)

    assert sorted(found) == [item for item in np.flatnonzero(model.item_ratings >= support) if item]
    assert list(alike) == sorted(alike, reverse=True)
    assert len(nearest(model, 0, 3, 0)[0]) == 3


@BOTH
def test_an_item_with_the_ratings_of_another_is_its_nearest(by: str) -> None:
    rows = rows_of(tastes())
    rows += [(user, 900, rating) for user, item, rating in rows if item == 105]
    model = trained(by, table_of(*map(list, zip(*rows, strict=True))), epochs=60)
    twins = model.item_ids.lookup(pa.array([105, 900]))

    for one, other in (twins, twins[::-1]):
        assert nearest(model, one, 1, 0)[0].tolist() == [other]


@BOTH
def test_items_that_the_same_users_like_are_nearer_than_others(by: str) -> None:
    model = trained(by, tastes())

    found = all_similarities(model)

    odd = np.asarray(model.item_ids.values) % 2
    alike = odd[:, None] == odd
    np.fill_diagonal(alike, False)
    assert found[alike].mean() > 0.1 > -0.05 > found[odd[:, None] != odd].mean()


def test_an_item_that_the_model_holds_nothing_of_is_alike_to_none() -> None:
    model = trained("user")
    parameters = model.parameters.copy()
    parameters.weights[:] = 0
    parameters.conditional[:] = 0

    found = similarities(dataclasses.replace(model, parameters=parameters), 2)

    np.testing.assert_array_equal(found, 0)

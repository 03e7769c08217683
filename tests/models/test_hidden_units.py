"""What hidden units respond to is what their parameters say, of every form and both kinds of rows."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from rbmcli.kernels.arrays import Parameters
from rbmcli.models.hidden_units import MOST_ALIKE, strongest_units
from rbmcli.models.rbm import Rbm
from rbmcli.models.similarity import SUPPORT_STRENGTH
from tests.small_ratings import FORMS, HIDDEN, tastes, trained

ALL_FORMS = pytest.mark.parametrize("changes", FORMS.values(), ids=FORMS)
BOTH = pytest.mark.parametrize("by", ["user", "item"])


def weights_by_level(model: Rbm) -> np.ndarray:
    """Return W_ij^k, (columns, K, F)."""
    weights = model.parameters.weights.astype(np.float64)
    if model.form.factors:
        weights = weights @ model.parameters.factors.astype(np.float64)
    return np.einsum("ks,nsf->nkf", model.form.basis, weights)[:, :, :HIDDEN]


def with_parameters(model: Rbm, **changed: np.ndarray) -> Rbm:
    return dataclasses.replace(model, parameters=model.parameters._replace(**changed))


@BOTH
@ALL_FORMS
def test_each_unit_is_told_with_items_at_two_ends_in_order(by: str, changes: dict) -> None:
    model = trained(by, **changes)

    units = strongest_units(model, HIDDEN, 3, 0)

    assert units
    assert len({unit.unit for unit in units}) == len(units)
    strengths = [unit.strength for unit in units]
    assert strengths == sorted(strengths, reverse=True)
    for unit in units:
        assert not set(unit.high) & set(unit.low)
        assert len(unit.high) == len(unit.low) == 3
        assert list(unit.high_response) == sorted(unit.high_response, reverse=True)
        assert list(unit.low_response) == sorted(unit.low_response)
        assert unit.high_response[-1] >= unit.low_response[-1]


@ALL_FORMS
def test_with_rows_of_users_a_response_is_the_slope_of_the_weights_over_the_scale(changes: dict) -> None:
    model = trained("user", **changes)
    values, weights = model.levels.values.astype(float), weights_by_level(model)
    # The straight line through the weights of all levels, by least squares, from the first level to the last.
    slopes = np.polynomial.polynomial.polyfit(values, weights.transpose(1, 0, 2).reshape(5, -1), 1)[1]
    effect = (4 * slopes).reshape(len(weights), HIDDEN)
    support = model.item_ratings / (model.item_ratings + SUPPORT_STRENGTH)
    expected = effect * np.sqrt(support)[:, None]

    for unit in strongest_units(model, HIDDEN, 2, 0):
        np.testing.assert_allclose(unit.high_response, expected[unit.high, unit.unit], rtol=1e-5)
        assert unit.high_response[0] == pytest.approx(expected[:, unit.unit].max(), rel=1e-5)


@pytest.mark.parametrize("units", ["binary", "gaussian"])
def test_with_rows_of_items_a_response_is_the_state_of_the_unit(units: str) -> None:
    rate = 0.1 if units == "gaussian" else 0.3
    model = trained("item", hidden_units=units, learning_rate=rate)
    assert model.states is not None
    activation = model.states.activation[:, :HIDDEN].astype(float)
    state = activation if units == "gaussian" else 1 / (1 + np.exp(-activation))

    for unit in strongest_units(model, HIDDEN, 2, 0):
        np.testing.assert_allclose(unit.low_response, state[unit.low, unit.unit], rtol=1e-9)
        assert unit.low_response[0] == state[:, unit.unit].min()


@BOTH
def test_the_strongest_unit_tells_opposite_tastes_apart(by: str) -> None:
    model = trained(by, tastes())
    ids = np.array(model.item_ids.values.to_pylist())

    strongest = strongest_units(model, 1, 5, 0)[0]

    parities = set(ids[strongest.high] % 2), set(ids[strongest.low] % 2)
    assert parities in (({0}, {1}), ({1}, {0}))


@BOTH
def test_units_that_respond_alike_are_told_of_once(by: str) -> None:
    model = trained(by)
    parameters: Parameters = model.parameters
    weights = parameters.weights.copy()
    weights[:, :, 1], weights[:, :, 2] = weights[:, :, 0], -weights[:, :, 0]
    states = model.states
    if states is not None:
        activation = states.activation.copy()
        activation[:, 1], activation[:, 2] = activation[:, 0], -activation[:, 0]
        states = states._replace(activation=activation)
    alike = dataclasses.replace(with_parameters(model, weights=weights), states=states)

    found = {unit.unit for unit in strongest_units(alike, HIDDEN, 3, 0)}

    assert len(found & {0, 1, 2}) <= 1
    assert 0 < MOST_ALIKE < 1


@BOTH
def test_a_unit_that_does_nothing_is_not_told_of(by: str) -> None:
    model = trained(by)
    weights = model.parameters.weights.copy()
    weights[:, :, 1:] = 0

    found = strongest_units(with_parameters(model, weights=weights), HIDDEN, 3, 0)

    assert {unit.unit for unit in found} <= {0}


@BOTH
def test_items_with_few_ratings_are_left_out(by: str) -> None:
    model = trained(by)
    fewest = int(np.median(model.item_ratings))

    for unit in strongest_units(model, 3, 4, fewest):
        assert (model.item_ratings[[*unit.high, *unit.low]] >= fewest).all()
    assert strongest_units(model, 3, 4, 10_000) == []

"""What the hidden units of a model respond to: items at the two ends of each unit.

With rows of users an item is a column. What it tells a unit is how much more its highest level adds to the
pre-activation than its lowest, along the straight line that is nearest to the weights of all levels,

    e_ij = (v_K - v_1) sum_k (v_k - v) W_ij^k / sum_k (v_k - v)^2,

v_k being the value of level k and v their mean; held back by sqrt(n_i / (n_i + s)) where the item has few
ratings, as in `rbmcli.models.similarity`. With rows of items an item is a case: what stands for it is the
stored probability p(h_j = 1 | its ratings), or the mean of a normal unit.

How strong a unit is goes by how far it moves predictions. Both ways that has the root mean square of e over
the columns as a factor, each as often as it was rated; with rows of items the standard deviation of the
unit over the items is the other one. With rows of users no states are stored, and the first stands alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rbmcli.models.layers import decoded_means
from rbmcli.models.rbm import Rbm
from rbmcli.models.similarity import SUPPORT_STRENGTH

MOST_ALIKE = 0.5
"""Correlation over items, of either sign, above which the weaker of two units is not told of."""


@dataclass(frozen=True)
class UnitResponse:
    """A hidden unit and the items at its two ends.

    Attributes
    ----------
    unit : int
        Its number, from 0.
    strength : float
        How far it moves predictions, in comparison with other units.
    high, low : ndarray of int64
        The items with the highest and the lowest responses, the outermost first.
    high_response, low_response : ndarray of float64
        Their responses: e of above, or with rows of items the probability or the mean.
    """

    unit: int
    strength: float
    high: np.ndarray
    low: np.ndarray
    high_response: np.ndarray
    low_response: np.ndarray


def strongest_units(model: Rbm, units: int, top: int, min_support: int) -> list[UnitResponse]:
    """Return the strongest units that are not much like one another, the strongest first.

    Parameters
    ----------
    model : Rbm
        The model.
    units : int
        How many, at most.
    top : int
        Items at each end, at most; no item is at both.
    min_support : int
        Ratings in training that an item must have.
    """
    known = np.flatnonzero(model.item_ratings >= min_support)
    if len(known) < 2:
        return []
    response, strength = _responses(model)
    response = response[known]
    chosen: list[int] = []
    shapes = _standardised(response)
    for unit in np.argsort(-strength, kind="stable"):
        if len(chosen) == units:
            break
        # einsum, since the libraries behind @ may sum in another order with other numbers of threads.
        alike = np.abs(np.einsum("ic,i->c", shapes[:, chosen], shapes[:, unit]))
        if strength[unit] > 0 and shapes[:, unit].any() and not (alike > MOST_ALIKE).any():
            chosen.append(int(unit))
    count = min(top, len(known) // 2)
    return [_ends(unit, float(strength[unit]), response[:, unit], known, count) for unit in chosen]


def _ends(unit: int, strength: float, response: np.ndarray, known: np.ndarray, count: int) -> UnitResponse:
    order = np.argsort(-response, kind="stable")
    high, low = order[:count], order[::-1][:count]
    return UnitResponse(unit, strength, known[high], known[low], response[high], response[low])


def _responses(model: Rbm) -> tuple[np.ndarray, np.ndarray]:
    """Return the response of each unit to each item, float64 (items, F), and the strength of each, (F,)."""
    hidden, effect = model.form.hidden, _effects(model)
    moved = np.sqrt(np.average(effect**2, axis=0, weights=np.maximum(model.column_ratings, 1)))
    if model.by_user:
        support = model.item_ratings / (model.item_ratings + SUPPORT_STRENGTH)
        return effect * np.sqrt(support)[:, None], moved
    assert model.states is not None
    activation = model.states.activation[:, :hidden].astype(np.float64)
    if len(model.form.upper):
        state = decoded_means(model.states.activation, model.parameters, model.form).astype(np.float64)
        return state, moved * state.std(axis=0)
    state = activation if model.form.gaussian else 1 / (1 + np.exp(-np.clip(activation, -60, 60)))
    return state, moved * state.std(axis=0)


def _effects(model: Rbm) -> np.ndarray:
    """Return e of each column and unit, float64 (columns, F)."""
    values = model.levels.values.astype(np.float64)
    centred = values - values.mean()
    slope = (values[-1] - values[0]) * centred / np.sum(centred**2)
    weights = model.parameters.weights.astype(np.float64)
    if model.form.factors:
        weights = np.einsum("nsc,cf->nsf", weights, model.parameters.factors.astype(np.float64))
    of_functions = np.einsum("k,ks->s", slope, model.form.basis.astype(np.float64))
    effect: np.ndarray = np.einsum("s,nsf->nf", of_functions, weights)[:, : model.form.hidden]
    return effect


def _standardised(response: np.ndarray) -> np.ndarray:
    """Return columns of mean 0 and length 1; zeros where a column is constant."""
    centred = response - response.mean(axis=0)
    length = np.linalg.norm(centred, axis=0)
    return centred / np.where(length > 1e-9, length, np.inf)

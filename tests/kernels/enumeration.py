"""Exact answers for RBMs so small that every state can be visited, from the energy function alone.

A row with the rated columns r is an RBM over visible states v (one level for each shown column) and
hidden states h with

    E(v, h) = - sum_ik v_i^k (b_i^k + b_u^k) - sum_j h_j (b_j + sum_i r_i D_ij) - sum_ijk v_i^k W_ij^k h_j

and p(v, h) = exp(-E(v, h)) / Z; where hidden units are normal, sum_j h_j^2 / 2 is added to E. Visited
states are V = K^shown visible and H hidden ones: all 2^F of binary units, or a grid over normal ones, fine
and wide enough for sums over it to be integrals to more than ten digits. Scores ask for p(v) alone, in
which normal units are integrated in closed form, any number of them.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from tests.reference import Model, Slopes

_GRID = 0.25
_MARGIN = 8.0


@dataclass(frozen=True)
class Row:
    """One row of ratings.

    Attributes
    ----------
    visible : ndarray of float64, shape (N, K)
        Its levels, one-hot.
    rated : ndarray of float64, shape (N,)
        r: the columns of those, and others that are known to be rated.
    bias : ndarray of float64, shape (K,) or (N, K)
        b_u^k, or it and the offset of each column.
    """

    visible: np.ndarray
    rated: np.ndarray
    bias: np.ndarray


@dataclass(frozen=True)
class States:
    """All states of one row.

    Attributes
    ----------
    visible : ndarray of float64, shape (V, N, K)
        Visible states, one-hot; zeros for columns that are not shown.
    hidden : ndarray of float64, shape (H, F)
        Hidden states.
    rated : ndarray of float64, shape (N,)
        r.
    joint : ndarray of float64, shape (V, H)
        p(v, h).
    """

    visible: np.ndarray
    hidden: np.ndarray
    rated: np.ndarray
    joint: np.ndarray

    @property
    def marginal(self) -> np.ndarray:
        """p(v), shape (V,)."""
        return self.joint.sum(axis=1)

    @property
    def hidden_given_visible(self) -> np.ndarray:
        """p(h | v), shape (V, H)."""
        return self.joint / self.joint.sum(axis=1, keepdims=True)

    @property
    def visible_given_hidden(self) -> np.ndarray:
        """p(v | h), shape (V, H)."""
        return self.joint / self.joint.sum(axis=0, keepdims=True)

    def place_of(self, visible: np.ndarray) -> int:
        """Return which visible state one of shape (N, K) is."""
        return int(np.flatnonzero((self.visible == visible).all(axis=(1, 2)))[0])

    def moments(self, distribution: np.ndarray) -> Slopes:
        """Return the expectations of v_i^k h_j, r_i h_j, v_i^k and h_j under a distribution (V, H)."""
        by_visible = distribution @ self.hidden
        hidden = by_visible.sum(axis=0)
        return Slopes(
            np.einsum("vj,vik->ikj", by_visible, self.visible),
            np.outer(self.rated, hidden),
            np.einsum("v,vik->ik", distribution.sum(axis=1), self.visible),
            hidden,
        )


def enumerated(model: Model, row: Row, shown: np.ndarray | None = None) -> States:
    """Visit all states of a row.

    Parameters
    ----------
    model : Model
        Parameters.
    row : Row
        The row, of which r and the bias count.
    shown : ndarray of bool, shape (N,), optional
        Columns that have a visible state, by default those that have a level in the row.
    """
    visible = _visible_states(model, row, shown)
    field, negative_energy = _without_hidden(model, row, visible)
    hidden = _hidden_states(model, field)
    negative_energy = negative_energy[:, None] + field @ hidden.T
    if model.form.gaussian:
        negative_energy -= 0.5 * (hidden**2).sum(axis=1)
    odds = np.exp(negative_energy - negative_energy.max())
    return States(visible, hidden, row.rated, odds / odds.sum())


def marginal(model: Model, row: Row, shown: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return all visible states of a row, (V, N, K), and p(v), (V,); arguments as in `enumerated`.

    Where hidden units are normal, with a_j what stands before h_j in -E: the integral of exp(a_j h - h^2 / 2)
    is exp(a_j^2 / 2) times what is the same for all states.
    """
    if not model.form.gaussian:
        states = enumerated(model, row, shown)
        return states.visible, states.marginal
    visible = _visible_states(model, row, shown)
    field, negative_energy = _without_hidden(model, row, visible)
    logarithm = negative_energy + 0.5 * (field**2).sum(axis=1)
    odds = np.exp(logarithm - logarithm.max())
    return visible, odds / odds.sum()


def _visible_states(model: Model, row: Row, shown: np.ndarray | None) -> np.ndarray:
    """Return all visible states, (V, N, K)."""
    columns, levels = model.visible_bias.shape
    places = np.flatnonzero(row.visible.any(axis=1) if shown is None else shown)
    visible = np.zeros((levels ** len(places), columns, levels))
    for state, chosen in enumerate(itertools.product(range(levels), repeat=len(places))):
        visible[state, places, list(chosen)] = 1.0
    return visible


def _without_hidden(model: Model, row: Row, visible: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what stands before each h_j in -E of visible states, (V, F), and the part without h, (V,)."""
    from_levels = np.einsum("vik,ikj->vj", visible, model.full_weights)
    field = model.hidden_bias + row.rated @ model.conditional + from_levels
    return field, np.einsum("vik,ik->v", visible, model.visible_bias + row.bias)


def _hidden_states(model: Model, field: np.ndarray) -> np.ndarray:
    """Return the hidden states to visit, (H, F); `field`, (V, F), is where normal units have their means."""
    if not model.form.gaussian:
        return np.array(list(itertools.product((0.0, 1.0), repeat=field.shape[1])))
    axes = [np.arange(unit.min() - _MARGIN, unit.max() + _MARGIN, _GRID) for unit in field.T]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, field.shape[1])


def log_likelihood(model: Model, row: Row) -> float:
    """Return log p(v | r) of a row."""
    states = enumerated(model, row)
    return float(np.log(states.marginal[states.place_of(row.visible)]))


def likelihood_gradient(model: Model, row: Row) -> Model:
    """Return the gradient of log p(v | r): moments with v held fast, less moments of the model."""
    states = enumerated(model, row)
    return model.gradient(states.moments(_held(states, row)).minus(states.moments(states.joint)))


def gibbs_transition(states: States) -> np.ndarray:
    """Return p(v' | v) = sum_h p(h | v) p(v' | h), shape (V, V): one step of the Gibbs chain."""
    return states.hidden_given_visible @ states.visible_given_hidden.T


def after_steps(states: States, row: Row, steps: int) -> np.ndarray:
    """Return the distribution over visible states, (V,), after Gibbs steps from a row."""
    return np.linalg.matrix_power(gibbs_transition(states), steps)[states.place_of(row.visible)]


def expected_divergence_gradient(model: Model, row: Row, steps: int) -> Model:
    """Return the expectation of the CD-T gradient of a row over all Gibbs chains of T steps from it."""
    states = enumerated(model, row)
    chain = after_steps(states, row, steps)[:, None] * states.hidden_given_visible
    return model.gradient(states.moments(_held(states, row)).minus(states.moments(chain)))


def level_given_others(model: Model, row: Row, column: int) -> np.ndarray:
    """Return p(v_i^k = 1 | the other visibles), shape (K,), for a column i without a level in the row.

    The asked column is shown, so that it has a level; it is in r only if the row says so.
    """
    shown = row.visible.any(axis=1)
    shown[column] = True
    visible, probability = marginal(model, row, shown)
    others = np.arange(len(shown)) != column
    agreeing = (visible[:, others] == row.visible[others]).all(axis=(1, 2))
    mass = probability[agreeing]
    return mass @ visible[agreeing][:, column] / mass.sum()


def _held(states: States, row: Row) -> np.ndarray:
    """Return the distribution (V, H) with the visible state held at a row."""
    held = np.zeros_like(states.joint)
    place = states.place_of(row.visible)
    held[place] = states.hidden_given_visible[place]
    return held

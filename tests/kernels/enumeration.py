"""Exact answers for RBMs so small that every state can be visited, from the energy function alone.

A row with the rated columns r is an RBM over visible states v (one level for each shown column) and
hidden states h with

    E(v, h) = - sum_ik v_i^k (b_i^k + b_u^k) - sum_j h_j (b_j + sum_i r_i D_ij) - sum_ijk v_i^k W_ij^k h_j

and p(v, h) = exp(-E(v, h)) / Z. Visited states are V = K^shown visible and H = 2^F hidden ones. Where
nothing else is said the shown columns are the rated ones.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from tests.reference import Model


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
    def hidden_given_visible(self) -> np.ndarray:
        """p(h | v), shape (V, H)."""
        return self.joint / self.joint.sum(axis=1, keepdims=True)

    @property
    def visible_given_hidden(self) -> np.ndarray:
        """p(v | h), shape (V, H)."""
        return self.joint / self.joint.sum(axis=0, keepdims=True)

    def place_of(self, row: np.ndarray) -> int:
        """Return which visible state a row, shape (N, K), is in."""
        return int(np.flatnonzero((self.visible == row).all(axis=(1, 2)))[0])

    def moments(self, distribution: np.ndarray) -> Model:
        """Return the expectations of v_i^k h_j, r_i h_j, v_i^k and h_j under a distribution (V, H)."""
        hidden = distribution.sum(axis=0) @ self.hidden
        return Model(
            np.einsum("vh,vik,hj->ikj", distribution, self.visible, self.hidden),
            np.outer(self.rated, hidden),
            np.einsum("vh,vik->ik", distribution, self.visible),
            hidden,
        )


def enumerated(model: Model, rated: np.ndarray, bias: np.ndarray, shown: np.ndarray | None = None) -> States:
    """Visit all states of a row.

    Parameters
    ----------
    model : Model
        Parameters.
    rated : ndarray of bool, shape (N,)
        r.
    bias : ndarray of float64, shape (K,)
        b_u^k.
    shown : ndarray of bool, shape (N,), optional
        Columns that have a visible state, by default the rated ones.
    """
    columns, levels = model.visible_bias.shape
    places = np.flatnonzero(rated if shown is None else shown)
    visible = np.zeros((levels ** len(places), columns, levels))
    for state, chosen in enumerate(itertools.product(range(levels), repeat=len(places))):
        visible[state, places, list(chosen)] = 1.0
    hidden = np.array(list(itertools.product((0.0, 1.0), repeat=len(model.hidden_bias))))
    r = rated.astype(np.float64)
    negative_energy = (
        np.einsum("vik,ik->v", visible, model.visible_bias + bias)[:, None]
        + (hidden @ (model.hidden_bias + r @ model.conditional))[None, :]
        + np.einsum("vik,ikj,hj->vh", visible, model.weights, hidden)
    )
    odds = np.exp(negative_energy - negative_energy.max())
    return States(visible, hidden, r, odds / odds.sum())


def log_likelihood(model: Model, row: np.ndarray, bias: np.ndarray) -> float:
    """Return log p(v | r) of a row, shape (N, K)."""
    states = enumerated(model, row.any(axis=1), bias)
    return float(np.log(states.joint[states.place_of(row)].sum()))


def likelihood_gradient(model: Model, row: np.ndarray, bias: np.ndarray) -> Model:
    """Return the gradient of log p(v | r): moments with v held fast, less moments of the model."""
    states = enumerated(model, row.any(axis=1), bias)
    return states.moments(_held(states, row)).minus(states.moments(states.joint))


def gibbs_transition(states: States) -> np.ndarray:
    """Return p(v' | v) = sum_h p(h | v) p(v' | h), shape (V, V): one step of the Gibbs chain."""
    return states.hidden_given_visible @ states.visible_given_hidden.T


def expected_divergence_gradient(model: Model, row: np.ndarray, bias: np.ndarray, steps: int) -> Model:
    """Return the expectation of the CD-T gradient of a row over all Gibbs chains of T steps from it."""
    states = enumerated(model, row.any(axis=1), bias)
    after = np.linalg.matrix_power(gibbs_transition(states), steps)[states.place_of(row)]
    chain = after[:, None] * states.hidden_given_visible
    return states.moments(_held(states, row)).minus(states.moments(chain))


def level_given_others(model: Model, history: np.ndarray, column: int, bias: np.ndarray) -> np.ndarray:
    """Return p(v_i^k = 1 | the other visibles), shape (K,), for an unrated column i of a row (N, K).

    The asked column is shown, so that it has a level, but not rated: it is not in r.
    """
    rated = history.any(axis=1)
    shown = rated.copy()
    shown[column] = True
    states = enumerated(model, rated, bias, shown)
    others = np.arange(len(history)) != column
    agreeing = (states.visible[:, others] == history[others]).all(axis=(1, 2))
    mass = states.joint[agreeing].sum(axis=1)
    return mass @ states.visible[agreeing][:, column] / mass.sum()


def _held(states: States, row: np.ndarray) -> np.ndarray:
    """Return the distribution (V, H) with the visible state held at a row."""
    held = np.zeros_like(states.joint)
    place = states.place_of(row)
    held[place] = states.hidden_given_visible[place]
    return held

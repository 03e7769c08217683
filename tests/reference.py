"""The oracle: a plain NumPy twin of every kernel, in float64, straight from the formulas.

Tests compare the kernels with it; nothing else uses it. Ratings are dense one-hot visibles here,

    v : float64 (R, N, K), v[u, i, k] = 1 where row u rated column i at level k, else 0,

so r_ui = sum_k v[u, i, k] tells which columns were rated. There is no padding, no mini-batch order, no
chunk: what the kernels do to be fast is not repeated, only what they compute.

Source: Salakhutdinov, Mnih, Hinton (2007), "Restricted Boltzmann Machines for Collaborative Filtering".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rbmcli.data.ratings import CompressedRows
from rbmcli.kernels.arrays import Parameters

_ALL_BITS = (1 << 64) - 1


@dataclass(frozen=True)
class Model:
    """One value for each parameter of an RBM: the parameters, a gradient of them, or their velocity.

    Attributes
    ----------
    weights : ndarray of float64, shape (N, K, F)
        W_ij^k.
    conditional : ndarray of float64, shape (N, F)
        D_ij.
    visible_bias : ndarray of float64, shape (N, K)
        b_i^k.
    hidden_bias : ndarray of float64, shape (F,)
        b_j.
    """

    weights: np.ndarray
    conditional: np.ndarray
    visible_bias: np.ndarray
    hidden_bias: np.ndarray

    @classmethod
    def of(cls, parameters: Parameters, hidden: int) -> Model:
        """Return the first `hidden` units of the kernels' padded arrays, in float64."""
        return cls(
            parameters.weights[:, :, :hidden].astype(np.float64),
            parameters.conditional[:, :hidden].astype(np.float64),
            parameters.visible_bias.astype(np.float64),
            parameters.hidden_bias[:hidden].astype(np.float64),
        )

    def arrays(self) -> tuple[np.ndarray, ...]:
        """Return the four arrays."""
        return self.weights, self.conditional, self.visible_bias, self.hidden_bias

    def flat(self) -> np.ndarray:
        """Return all numbers in one array, weights first."""
        return np.concatenate([array.ravel() for array in self.arrays()])

    def minus(self, other: Model) -> Model:
        """Return the differences."""
        return Model(*(a - b for a, b in zip(self.arrays(), other.arrays(), strict=True)))


@dataclass(frozen=True)
class Chain:
    """Gibbs chains: their steps T, whether visibles are sampled or mean field, the key of their numbers."""

    steps: int
    sampled: bool
    key: int


@dataclass(frozen=True)
class UpdateRule:
    """How a gradient moves the parameters: learning rate, momentum, weight decay, whether D is learned."""

    rate: float
    momentum: float
    decay: float
    conditional: bool


def one_hot(ratings: CompressedRows, levels: int) -> np.ndarray:
    """Return compressed rows as dense visibles, float64 (R, N, K)."""
    visible = np.zeros((len(ratings), ratings.columns, levels))
    visible[ratings.row_of_each(), ratings.column, ratings.level] = 1.0
    return visible


# Random numbers: those of the kernels, in Python's unbounded integers.


def derive(key: int, counter: int) -> int:
    """Return output number `counter` of the generator SplitMix64 started at `key`."""
    state = (key + (counter + 1) * 0x9E3779B97F4A7C15) & _ALL_BITS
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _ALL_BITS
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _ALL_BITS
    return state ^ (state >> 31)


def uniform(key: int, counter: int) -> float:
    """Return the first 24 bits of `derive` as a fraction in [0, 1)."""
    return (derive(key, counter) >> 40) / 2**24


# The two passes.


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-x)); tanh does not overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * x))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return exp(logits), normalised over the last axis."""
    odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return odds / odds.sum(axis=-1, keepdims=True)


def activation(model: Model, visible: np.ndarray, rated: np.ndarray) -> np.ndarray:
    """Return a_uj = b_j + sum_ik v_ui^k W_ij^k + sum_i r_ui D_ij, shape (R, F).

    `visible` may hold probabilities in the place of ones; `rated` is r, shape (R, N).
    """
    from_levels = np.einsum("uik,ikj->uj", visible, model.weights)
    return model.hidden_bias + from_levels + rated @ model.conditional


def reconstruction(model: Model, hidden: np.ndarray, row_bias: np.ndarray) -> np.ndarray:
    """Return p(v_ui^k = 1 | h) = softmax_k(b_i^k + b_u^k + sum_j W_ij^k h_uj), shape (R, N, K)."""
    from_hidden = np.einsum("uj,ikj->uik", hidden, model.weights)
    return softmax(model.visible_bias + row_bias[:, None, :] + from_hidden)


# Contrastive divergence.


def sample_hidden(probability: np.ndarray, rows: np.ndarray, key: int) -> np.ndarray:
    """Return states h_uj = 1 where the number of (key, row, unit) is below p(h_uj = 1)."""
    state = np.zeros_like(probability)
    for u, row in enumerate(rows):
        row_key = derive(key, int(row))
        for j in range(probability.shape[1]):
            state[u, j] = uniform(row_key, j) < probability[u, j]
    return state


def sample_levels(probability: np.ndarray, rated: np.ndarray, rows: np.ndarray, key: int) -> np.ndarray:
    """Return one-hot levels of the rated columns, by inversion of the number of (key, row, column)."""
    state = np.zeros_like(probability)
    for u, i in np.argwhere(rated > 0):
        number = uniform(derive(key, int(rows[u])), int(i))
        passed = np.cumsum(probability[u, i, :-1]) <= number
        state[u, i, np.count_nonzero(passed)] = 1.0
    return state


def mean_statistics(visible: np.ndarray, rated: np.ndarray, hidden: np.ndarray) -> Model:
    """Return the means over rows of what each parameter is multiplied by in -E(v, h).

    They are v_i^k h_j for W_ij^k, r_i h_j for D_ij, v_i^k for b_i^k and h_j for b_j.
    """
    rows = len(visible)
    return Model(
        np.einsum("uik,uj->ikj", visible, hidden) / rows,
        np.einsum("ui,uj->ij", rated, hidden) / rows,
        visible.mean(axis=0),
        hidden.mean(axis=0),
    )


def contrastive_gradient(
    model: Model, visible: np.ndarray, row_bias: np.ndarray, rows: np.ndarray, chain: Chain
) -> tuple[Model, float]:
    """Return <.>_data - <.>_T, means over rows, and the loss of the first reconstruction.

    Parameters
    ----------
    model : Model
        Parameters.
    visible : ndarray of float64, shape (B, N, K)
        The rows of the mini-batch.
    row_bias : ndarray of float64, shape (B, K)
        b_u^k of each.
    rows : ndarray of int, shape (B,)
        Indices of the rows in the training set, which their random numbers depend on.
    chain : Chain
        The Gibbs chains.

    Returns
    -------
    Model
        The gradient.
    float
        Sum of -log p(v_ui^k = 1 | h) over the ratings, in nats.
    """
    rated = visible.sum(axis=2)
    data = sigmoid(activation(model, visible, rated))
    hidden, shown, loss = data, visible, 0.0
    for step in range(chain.steps):
        state = sample_hidden(hidden, rows, derive(chain.key, 2 * step))
        shown = reconstruction(model, state, row_bias) * rated[:, :, None]
        if step == 0:
            loss = -np.log(shown[visible > 0]).sum()
        if chain.sampled:
            shown = sample_levels(shown, rated, rows, derive(chain.key, 2 * step + 1))
        hidden = sigmoid(activation(model, shown, rated))
    return mean_statistics(visible, rated, data).minus(mean_statistics(shown, rated, hidden)), float(loss)


def updated(
    model: Model, velocity: Model, gradient: Model, rated: np.ndarray, rule: UpdateRule
) -> tuple[Model, Model]:
    """Return parameters and velocity after M <- momentum M + rate (g - decay W), W <- W + M.

    The update is lazy: columns that no row of the mini-batch rated, `rated` (B, N), keep both as they
    are. Biases do not decay. Hidden biases belong to all rows and always move.
    """
    touched = rated.any(axis=0)
    decays = (rule.decay, rule.decay, 0.0, 0.0)
    moves = (touched, touched & rule.conditional, touched, np.ones(len(model.hidden_bias), bool))
    values, speeds = [], []
    for value, speed, slope, decay, move in zip(
        model.arrays(), velocity.arrays(), gradient.arrays(), decays, moves, strict=True
    ):
        moved = rule.momentum * speed + rule.rate * (slope - decay * value)
        along = move.reshape(-1, *[1] * (value.ndim - 1))
        speeds.append(np.where(along, moved, speed))
        values.append(np.where(along, value + moved, value))
    return Model(*values), Model(*speeds)


# Scoring.


def row_bias(visible: np.ndarray, column_prior: np.ndarray, strength: float) -> np.ndarray:
    """Return b_u^k = log((n_u^k + s p_u^k) / (sum_i r_ui p_i^k + s p_u^k)), shape (R, K).

    n_u^k counts the row's ratings at level k, p_u^k is the mean of its columns' base rates p_i^k, and
    s is `strength`. A row without ratings, or a strength of 0, has no bias.
    """
    bias = np.zeros((len(visible), visible.shape[2]))
    for u, row in enumerate(visible):
        rated = row.sum(axis=1) > 0
        if strength > 0 and rated.any():
            mean = column_prior[rated].mean(axis=0)
            observed, expected = row.sum(axis=0), column_prior[rated].sum(axis=0)
            bias[u] = np.log((observed + strength * mean) / (expected + strength * mean))
    return bias


def mean_field_score(model: Model, history: np.ndarray, column: int, bias: np.ndarray) -> np.ndarray:
    """Return the level probabilities of one column, shape (K,), with h = sigma(a).

    Parameters
    ----------
    model : Model
        Parameters.
    history : ndarray of float64, shape (N, K)
        One row of visibles; the asked rating is not in it, or is to play a part.
    column : int
        The asked column.
    bias : ndarray of float64, shape (K,)
        Row bias of that history.
    """
    hidden = sigmoid(activation(model, history[None], history.sum(axis=1)[None]))
    return reconstruction(model, hidden, bias[None])[0, column]


def exact_score(model: Model, history: np.ndarray, column: int, bias: np.ndarray) -> np.ndarray:
    """Return the level probabilities of one column, shape (K,), with the hidden units summed out.

    score_k = exp(b_i^k + b_u^k) prod_j (1 + exp(a_j + W_ij^k)); arguments as in `mean_field_score`.
    """
    a = activation(model, history[None], history.sum(axis=1)[None])[0]
    factors = np.logaddexp(0.0, a + model.weights[column])
    return softmax(model.visible_bias[column] + bias + factors.sum(axis=1))


# Folding in.


@dataclass(frozen=True)
class Regression:
    """The penalised softmax regression that a visible group is folded in by.

    Attributes
    ----------
    features : ndarray of float64, shape (n, P)
        Hidden units x of the rows that the group rated, and a last one that is always 1.
    offset : ndarray of float64, shape (n, K)
        Row bias of those rows.
    level : ndarray of int, shape (n,)
        The ratings.
    penalty : ndarray of float64, shape (P,)
        Strength of the pull to the centre, of each feature.
    centre : ndarray of float64, shape (K, P)
        Parameters of a group without ratings.
    """

    features: np.ndarray
    offset: np.ndarray
    level: np.ndarray
    penalty: np.ndarray
    centre: np.ndarray

    def loss(self, value: np.ndarray) -> float:
        """Return the loss at some parameters, shape (K, P).

        -sum_e log softmax(offset_e + value x_e)_level(e) + sum_kj penalty_j (value - centre)_kj^2 / 2.
        """
        share = softmax(self.offset + self.features @ value.T)
        misfit = -np.log(share[np.arange(len(self.level)), self.level]).sum()
        return float(misfit + 0.5 * (self.penalty * (value - self.centre) ** 2).sum())

    def slope(self, value: np.ndarray) -> np.ndarray:
        """Return the gradient of the loss, shape (K, P)."""
        share = softmax(self.offset + self.features @ value.T)
        observed = np.eye(len(self.centre))[self.level]
        return (share - observed).T @ self.features + self.penalty * (value - self.centre)

    def after(self, steps: int) -> np.ndarray:
        """Return the parameters after Newton steps from the centre with X'X / 2 + penalty for the Hessian."""
        bound = 0.5 * self.features.T @ self.features + np.diag(self.penalty)
        value = self.centre.copy()
        for _ in range(steps):
            value = value - np.linalg.solve(bound, self.slope(value).T).T
        return value

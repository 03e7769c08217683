"""The oracle: a plain NumPy twin of every kernel, in float64, straight from the formulas.

Tests compare the kernels with it; nothing else uses it. This page has what a machine computes: the two
passes, base rates, the row bias and scores. How it learns stands in tests/reference_training.py, how a
group is folded in in tests/reference_folding.py. Ratings are dense one-hot visibles here,

    v : float64 (R, N, K), v[u, i, k] = 1 where row u rated column i at level k, else 0,

and r : float64 (R, N) tells which columns are known to have been rated, at whatever level. Weights of any
form are multiplied out to W_ij^k. There is no padding, no mini-batch order, no chunk: what the kernels do
to be fast is not repeated, only what they compute.

Source: Salakhutdinov, Mnih, Hinton (2007), "Restricted Boltzmann Machines for Collaborative Filtering".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from rbmcli.data.ratings import CompressedRows
from rbmcli.kernels.arrays import Form, Parameters
from rbmcli.kernels.row_bias import Smoothing

_ALL_BITS = (1 << 64) - 1


class Slopes(NamedTuple):
    """One value for each parameter of a plain form: the slopes of something by W, D, b_i and b_j.

    Attributes
    ----------
    weights : ndarray of float64, shape (N, K, F)
        By W_ij^k.
    conditional : ndarray of float64, shape (N, F)
        By D_ij.
    visible_bias : ndarray of float64, shape (N, K)
        By b_i^k.
    hidden_bias : ndarray of float64, shape (F,)
        By b_j.
    """

    weights: np.ndarray
    conditional: np.ndarray
    visible_bias: np.ndarray
    hidden_bias: np.ndarray

    def minus(self, other: Slopes) -> Slopes:
        """Return the differences."""
        return Slopes(*(a - b for a, b in zip(self, other, strict=True)))


@dataclass(frozen=True)
class Model:
    """One value for each parameter of an RBM: the parameters, a gradient of them, or their velocity.

    Attributes
    ----------
    form : Form
        What kind of machine it is.
    weights : ndarray of float64, shape (N, S, C)
        U_ic^s, with C the factors, or the hidden units where weights are not factored.
    conditional : ndarray of float64, shape (N, F)
        D_ij.
    visible_bias : ndarray of float64, shape (N, K)
        b_i^k.
    hidden_bias : ndarray of float64, shape (F,)
        b_j.
    factors : ndarray of float64, shape (C, F)
        B_cj; no rows where weights are not factored.
    upper_weights, decoding_weights : ndarray of float64, shape (L, A, G)
    upper_bias, decoding_bias : ndarray of float64, shapes (L, A) and (L, G)
        X, Y, c and d of the L upper layers, the shorter ones filled up with zeros.
    """

    form: Form
    weights: np.ndarray
    conditional: np.ndarray
    visible_bias: np.ndarray
    hidden_bias: np.ndarray
    factors: np.ndarray
    upper_weights: np.ndarray
    decoding_weights: np.ndarray
    upper_bias: np.ndarray
    decoding_bias: np.ndarray

    @classmethod
    def of(cls, parameters: Parameters, form: Form) -> Model:
        """Return the kernels' arrays without their padding, in float64."""
        hidden, factors = form.hidden, form.factors
        widths = [hidden, *form.upper]
        above, below = max(widths[1:], default=0), max(widths[:-1], default=0)
        unpadded = (
            parameters.weights[:, :, : factors or hidden],
            parameters.conditional[:, :hidden],
            parameters.visible_bias,
            parameters.hidden_bias[:hidden],
            parameters.factors[:factors, :hidden],
            parameters.upper_weights[:, :above, :below],
            parameters.decoding_weights[:, :above, :below],
            parameters.upper_bias[:, :above],
            parameters.decoding_bias[:, :below],
        )
        return cls(form, *(array.astype(np.float64) for array in unpadded))

    @property
    def basis(self) -> np.ndarray:
        """phi_s(k), shape (K, S)."""
        return self.form.basis.astype(np.float64)

    @property
    def full_weights(self) -> np.ndarray:
        """W_ij^k = sum_s phi_s(k) sum_c U_ic^s B_cj, shape (N, K, F)."""
        by_level = np.einsum("ks,isc->ikc", self.basis, self.weights)
        return by_level @ self.factors if self.form.factors else by_level

    def gradient(self, slopes: Slopes) -> Model:
        """Return the slopes by the parameters of the form, from those by W, by the chain rule.

        Those by upper layers are 0.
        """
        by_inner, by_factors = slopes.weights, np.zeros_like(self.factors)
        if self.form.factors:
            by_inner = slopes.weights @ self.factors.T
            by_level = np.einsum("ks,isc->ikc", self.basis, self.weights)
            by_factors = np.einsum("ikc,ikj->cj", by_level, slopes.weights)
        return Model(
            self.form,
            np.einsum("ks,ikc->isc", self.basis, by_inner),
            slopes.conditional if self.form.conditional else np.zeros_like(self.conditional),
            slopes.visible_bias,
            slopes.hidden_bias,
            by_factors,
            *(np.zeros_like(array) for array in self.arrays()[5:]),
        )

    def arrays(self) -> tuple[np.ndarray, ...]:
        """Return the arrays, in the order of `Parameters`."""
        return (
            self.weights,
            self.conditional,
            self.visible_bias,
            self.hidden_bias,
            self.factors,
            self.upper_weights,
            self.decoding_weights,
            self.upper_bias,
            self.decoding_bias,
        )

    def flat(self) -> np.ndarray:
        """Return all numbers in one array, weights first."""
        return np.concatenate([array.ravel() for array in self.arrays()])


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


def normal(key: int, counter: int) -> float:
    """Return the first of the two normal numbers that Box and Muller make of a pair of uniform ones."""
    radius = math.sqrt(-2.0 * math.log1p(-uniform(key, 2 * counter)))
    return radius * math.cos(2.0 * math.pi * uniform(key, 2 * counter + 1))


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
    from_levels = np.einsum("uik,ikj->uj", visible, model.full_weights)
    return model.hidden_bias + from_levels + rated @ model.conditional


def hidden_mean(model: Model, visible: np.ndarray, rated: np.ndarray) -> np.ndarray:
    """Return E[h | v, r], shape (R, F): sigma(a), or a itself where h_j ~ N(a_j, 1)."""
    a = activation(model, visible, rated)
    return a if model.form.gaussian else sigmoid(a)


def reconstruction(
    model: Model, hidden: np.ndarray, row_bias: np.ndarray, offset: np.ndarray | float = 0.0
) -> np.ndarray:
    """Return p(v_ui^k = 1 | h) = softmax_k(b_i^k + b_u^k + o_ui^k + sum_j W_ij^k h_uj), shape (R, N, K)."""
    from_hidden = np.einsum("uj,ikj->uik", hidden, model.full_weights)
    return softmax(model.visible_bias + row_bias[:, None, :] + offset + from_hidden)


# Upper layers.


@dataclass(frozen=True)
class Pass:
    """The layers of rows, each (R, its units), the first one first: on the way up, and on the way down."""

    up: list[np.ndarray]
    down: list[np.ndarray]


class Layer(NamedTuple):
    """An upper layer: X and Y, (its units, units below), and its two biases c and d."""

    weights: np.ndarray
    decoding: np.ndarray
    bias: np.ndarray
    below_bias: np.ndarray


def layers_of(model: Model) -> list[Layer]:
    """Return the upper layers, without what fills up the shorter ones."""
    widths = [model.form.hidden, *model.form.upper]
    return [
        Layer(
            model.upper_weights[at, :above, :below],
            model.decoding_weights[at, :above, :below],
            model.upper_bias[at, :above],
            model.decoding_bias[at, :below],
        )
        for at, (below, above) in enumerate(pairwise(widths))
    ]


def passed(model: Model, activation: np.ndarray) -> Pass:
    """Return all layers given the pre-activations of the first, (R, F).

    h_l+1 = sigma(c_l + X_l h_l) up, and down h_l' = sigma(a_l + d_l + Y_l^T h_l+1').
    """
    inputs, up = [activation], [sigmoid(activation)]
    for layer in layers_of(model):
        inputs.append(layer.bias + up[-1] @ layer.weights.T)
        up.append(sigmoid(inputs[-1]))
    down = [up[-1]]
    for at, layer in reversed(list(enumerate(layers_of(model)))):
        down.insert(0, sigmoid(inputs[at] + layer.below_bias + down[0] @ layer.decoding))
    return Pass(up, down)


def decoded_mean(model: Model, visible: np.ndarray, rated: np.ndarray) -> np.ndarray:
    """Return what columns meet of rows, (R, F): the first layer, after all layers."""
    if not len(model.form.upper):
        return hidden_mean(model, visible, rated)
    return passed(model, activation(model, visible, rated)).down[0]


# Base rates and the row bias.


def tilted(count: np.ndarray, expected: np.ndarray, smoothing: Smoothing) -> tuple[np.ndarray, float]:
    """Return q_t^k ~ p^k exp(t x^k), shape (K,), and the t in [-8, 8] that it is at.

    That is where sum_k (n^k + l p^k) log q_t^k is largest, with rates p and l the strength of the tilt. Its
    slope falls with t, so that halving the interval finds it.
    """
    values = smoothing.values.astype(np.float64)
    together = count + smoothing.tilt_strength * expected / expected.sum()

    def rates(t: float) -> np.ndarray:
        return softmax(np.log(expected) + t * values)

    low, high = -8.0, 8.0
    for _ in range(60):
        t = 0.5 * (low + high)
        slope = together @ values - together.sum() * (rates(t) @ values)
        low, high = (t, high) if slope > 0 else (low, t)
    return rates(low), low


def variance(rates: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the variance of values, (K,), under each of rates that sum to 1, (..., K)."""
    from_mean = values - (rates @ values)[..., None]
    return (rates * from_mean**2).sum(axis=-1)


def smoothed(counts: np.ndarray, prior: np.ndarray, smoothing: Smoothing) -> np.ndarray:
    """Return (n^k + s q^k) / (n + s), q tilted from the rates g, shape (n, K)."""
    started = np.array([tilted(count, prior, smoothing)[0] for count in counts])
    whole = counts.sum(axis=1, keepdims=True) + smoothing.strength
    return (counts + smoothing.strength * started) / whole


def base_rates(
    visible: np.ndarray, prior: np.ndarray, of_columns: Smoothing, of_rows: Smoothing
) -> np.ndarray:
    """Return p_i^k ~ g^k exp(b_i^k) of the columns of rows (R, N, K), shape (N, K).

    b_i is the bias of a column among rows with rates ~ g^k exp(b_u^k), where b_u is the bias of the row among
    columns with rates from counts alone.
    """
    first = smoothed(visible.sum(axis=0), prior, of_columns)
    of_row = softmax(np.log(prior) + row_bias(visible, first, of_rows))
    return softmax(np.log(prior) + row_bias(visible.transpose(1, 0, 2), of_row, of_columns))


def row_bias(visible: np.ndarray, column_prior: np.ndarray, smoothing: Smoothing) -> np.ndarray:
    """Return b_u^k = log((n_u^k + s q_u^k) / (sum_i v_ui p_i^k + s p_u^k)) + (w - 1) t x^k, shape (R, K).

    n_u^k counts the row's ratings at level k, p_u^k is the mean of its columns' base rates p_i^k, q_u is p_u
    tilted towards the counts by t, and s is the strength. w is the variance of x under p_u by the mean of its
    variances under the p_i, from 1 to 4. A row without ratings, or a strength of 0, has no bias.
    """
    values = smoothing.values.astype(np.float64)
    bias, strength = np.zeros((len(visible), visible.shape[2])), smoothing.strength
    for u, row in enumerate(visible):
        rated = row.sum(axis=1) > 0
        if strength > 0 and rated.any():
            mean, observed = column_prior[rated].mean(axis=0), row.sum(axis=0)
            expected = column_prior[rated].sum(axis=0) + strength * mean
            rates, t = tilted(observed, mean, smoothing)
            wider = np.clip(variance(mean, values) / variance(column_prior[rated], values).mean(), 1.0, 4.0)
            bias[u] = np.log((observed + strength * rates) / expected) + (wider - 1.0) * t * values
    return bias


def day_bias(
    visible: np.ndarray, day: np.ndarray, item_prior: np.ndarray, of_user: Smoothing, of_day: Smoothing
) -> np.ndarray:
    """Return what the ratings of one day add to what is expected of a user, shape (K,).

    It is the row bias of the ratings of the day, were the base rates of each of its items those of the mean
    item of the day, shifted by the user's own bias: e^k ~ sum_i p_i^k exp(b_u^k). As wide as these rates are
    by the rates of one item, so wide is e.

    Parameters
    ----------
    visible : ndarray of float64, shape (N, K)
        All ratings of the user.
    day : ndarray of bool, shape (N,)
        Which of them are of the day.
    item_prior : ndarray of float64, shape (N, K)
        p_i^k.
    of_user, of_day : Smoothing
        What both biases are made by.
    """
    values, counts = of_day.values.astype(np.float64), visible[day].sum(axis=0)
    if counts.sum() == 0:
        return np.zeros(len(counts))
    prior = item_prior[day & (visible.sum(axis=1) > 0)]
    mean = prior.mean(axis=0)
    expected = softmax(np.log(mean) + row_bias(visible[None], item_prior, of_user)[0])
    rates, t = tilted(counts, expected, of_day)
    wider = np.clip(variance(mean, values) / variance(prior, values).mean(), 1.0, 4.0)
    ratio = (counts + of_day.strength * rates) / ((counts.sum() + of_day.strength) * expected)
    return np.log(ratio) + (wider - 1.0) * t * values


# Scoring.


def mean_field_score(
    model: Model, history: np.ndarray, column: int, bias: np.ndarray, rated: np.ndarray | None = None
) -> np.ndarray:
    """Return the level probabilities of one column, shape (K,), with the hidden units at their means.

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
    rated : ndarray of float64, shape (N,), optional
        r, by default the columns in the history.
    """
    r = history.sum(axis=1) if rated is None else rated
    hidden = decoded_mean(model, history[None], r[None])
    return reconstruction(model, hidden, bias[None])[0, column]


def exact_score(
    model: Model, history: np.ndarray, column: int, bias: np.ndarray, rated: np.ndarray | None = None
) -> np.ndarray:
    """Return the level probabilities of one column, shape (K,), with the hidden units summed out.

    score_k = exp(b_i^k + b_u^k) prod_j (1 + exp(a_j + W_ij^k)), or, where hidden units are normal,
    exp(b_i^k + b_u^k + sum_j (a_j + W_ij^k)^2 / 2); arguments as in `mean_field_score`.
    """
    r = history.sum(axis=1) if rated is None else rated
    a = activation(model, history[None], r[None])[0] + model.full_weights[column]
    free = 0.5 * a**2 if model.form.gaussian else np.logaddexp(0.0, a)
    return softmax(model.visible_bias[column] + bias + free.sum(axis=1))


def best_of_rows(scores: np.ndarray, top: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the columns, -1 where there are no more, and the scores of the best of each row, (R, top)."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :top]
    best = np.take_along_axis(scores, order, axis=1)
    return np.where(np.isfinite(best), order, -1), best

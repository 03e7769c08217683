"""Level probabilities of asked pairs, given the hidden pre-activations of their rows.

Source: Salakhutdinov, Mnih, Hinton (2007), section 2.2; the leave-one-out form, for a pair whose rating
is among those of its row, takes the pair's own terms out of the pre-activation and of the row bias.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange

from rbmcli.kernels.arithmetic import exponential
from rbmcli.kernels.arrays import Parameters
from rbmcli.kernels.groups import (
    add_conditional,
    add_groups,
    group_products,
)
from rbmcli.kernels.jit import inner_kernel, parallel_kernel
from rbmcli.kernels.level_shares import over_levels, to_shares
from rbmcli.kernels.row_bias import Tallies, row_bias, tally_row, variance
from rbmcli.kernels.rows import activate_from_levels, squash, through_factors, to_features
from rbmcli.kernels.upper import pass_layers

NOT_OWN = 255
"""Own level of a pair whose rating is not among those of its row."""

_PRODUCT_TERMS = 64


class RowStates(NamedTuple):
    """What the ratings of each row come down to.

    Attributes
    ----------
    activation : float32 (R, W)
        Pre-activations a_j = b_j + sum_i W_ij^{k(i)} + D_ij.
    counts, base, spread : float32 (R, K), (R, K), (R,)
        What the row bias is computed from, see `rbmcli.kernels.row_bias.Tallies`.
    """

    activation: np.ndarray
    counts: np.ndarray
    base: np.ndarray
    spread: np.ndarray

    @property
    def tallies(self) -> Tallies:
        """What the row bias is computed from, by itself."""
        return Tallies(self.counts, self.base, self.spread)


class Asked(NamedTuple):
    """Pairs by row: those of row r are from start[r] to start[r + 1].

    Attributes
    ----------
    start : int64 (R + 1,)
        First pair of each row.
    column : int32 (pairs,)
        Column of each pair.
    own : uint8 (pairs,)
        Level of the pair where its rating is among those of its row and is to be left out, or `NOT_OWN`.
    offset : float32 (pairs, K), or (0, K) where there are none
        What is known to be added to the logits of each pair.
    """

    start: np.ndarray
    column: np.ndarray
    own: np.ndarray
    offset: np.ndarray


@parallel_kernel
def activate_rows(start, column, level, parameters, column_prior, values, form, states):
    """Fill the states of rows from their ratings.

    Parameters
    ----------
    start, column, level : int64 (R + 1,), int32 (ratings,), uint8 (ratings,)
        The ratings in compressed rows.
    parameters : Parameters
        The model.
    column_prior : float32 (N, K)
        p_i^k, the smoothed base rates of each column.
    values : float32 (K,)
        x^k, the standardised values of the levels.
    form : Form
        What kind of machine the model is.
    states : RowStates
        Overwritten.
    """
    sums = np.empty((states.activation.shape[0], parameters.factors.shape[0]), np.float32)
    for row in prange(start.shape[0] - 1):
        span = (start[row], start[row + 1], start[row + 1])
        activate_from_levels(parameters, form, column, level, span, row, sums, states.activation)
        tally_row(row, span, column, level, column_prior, values, states)


@parallel_kernel
def activate_also_rated(start, column, parameters, states):
    """Add to the activations the D of columns that are known to have been rated, in compressed rows."""
    for row in prange(start.shape[0] - 1):
        add_conditional(parameters.conditional, column, start[row], start[row + 1], states.activation, row)


@inner_kernel
def _whole_group(parameters, form, column, group):
    """group[k, j] = W_ij^k of one column, whatever the form: sum_s phi_s(k) sum_c A_ic^s B_cj."""
    weights, factors = parameters.weights, parameters.factors
    for k in range(group.shape[0]):
        for j in range(group.shape[1]):
            group[k, j] = np.float32(0.0)
        for s in range(weights.shape[1]):
            share = form.basis[k, s]
            if share == np.float32(0.0):
                continue
            if form.factors > 0:
                for c in range(form.factors):
                    scaled = share * weights[column, s, c]
                    for j in range(group.shape[1]):
                        group[k, j] += scaled * factors[c, j]
            else:
                for j in range(group.shape[1]):
                    group[k, j] += share * weights[column, s, j]


@inner_kernel
def _free_energy_logits(group, activation, form, logits):
    """logits[k, 0] = sum over hidden units of the logarithm of what each sums, or integrates, to.

    Binary: log(1 + exp(a_j + W_qj^k)) = max(x, 0) + log(1 + e^-|x|), the logarithm of 64 factors at once.
    Normal: (a_j + W_qj^k)^2 / 2, less a_j^2 / 2, which is the same for all levels.
    """
    for k in range(group.shape[0]):
        total = 0.0
        for first in range(0, form.hidden, _PRODUCT_TERMS):
            last = min(first + _PRODUCT_TERMS, form.hidden)
            product, linear = np.float32(1.0), np.float32(0.0)
            if form.gaussian:
                for j in range(first, last):
                    linear += group[k, j] * (activation[0, j] + np.float32(0.5) * group[k, j])
            else:
                for j in range(first, last):
                    x = activation[0, j] + group[k, j]
                    linear += max(x, np.float32(0.0))
                    product *= np.float32(1.0) + exponential(-abs(x))
            total += linear + np.log(product)
        logits[k, 0] = np.float32(total)


@inner_kernel
def _leave_out(asked, pair, parameters, column_prior, values, form, state):
    """Take the terms of a pair's own rating out of the state of its row; return its part of the spread."""
    activation, count, base, own_sums, own_activation = state
    column, own = asked.column[pair], asked.own[pair]
    own_activation[:] = np.float32(0.0)
    own_sums[:] = np.float32(0.0)
    total = own_sums if form.factors > 0 else own_activation
    add_groups(parameters.weights, form, asked.column, asked.own, pair, pair + 1, total, 0)
    through_factors(parameters, form, 0, own_sums, own_activation)
    if form.conditional:
        add_conditional(parameters.conditional, asked.column, pair, pair + 1, own_activation, 0)
    for j in range(activation.shape[1]):
        activation[0, j] -= own_activation[0, j]
    count[own] -= np.float32(1.0)
    for k in range(base.shape[0]):
        base[k] -= column_prior[column, k]
    return variance(column_prior[column], values)


@inner_kernel
def _score_row(row, asked, states, parameters, column_prior, form, smoothing, exact, probability):
    levels, width = probability.shape[1], states.activation.shape[1]
    inner = parameters.weights.shape[2]
    # The second row of what is multiplied is empty: recommending multiplies two rows at a time, and sums of
    # one by itself would be added up in another order.
    activation, hidden = np.empty((1, width), np.float32), np.zeros((2, width), np.float32)
    factored = np.zeros((2, inner), np.float32)
    layers, units = form.upper.shape[0], parameters.upper_bias.shape[1]
    passed = np.zeros((2, width if layers > 0 else 0), np.float32)
    up, down = np.empty((layers, 1, units), np.float32), np.empty((layers, 1, units), np.float32)
    decoded = passed if layers > 0 else hidden
    features = factored if form.factors > 0 else decoded
    products = np.empty((form.basis.shape[1], 2), np.float32)
    logits, total = np.empty((levels, 2), np.float32), np.empty((2, 1), np.float32)
    group = np.empty((levels if exact else 0, width), np.float32)
    count, base = np.empty(levels, np.float32), np.empty(levels, np.float32)
    bias, tilted = np.empty((1, levels), np.float32), np.empty(levels)
    own_sums, own_activation = np.empty((1, inner), np.float32), np.empty((1, width), np.float32)
    fresh = False
    for pair in range(asked.start[row], asked.start[row + 1]):
        column, own = asked.column[pair], asked.own[pair]
        if own != NOT_OWN or not fresh:
            # The state of the whole row serves all its pairs, until one has to be left out of it.
            for j in range(width):
                activation[0, j] = states.activation[row, j]
            for k in range(levels):
                count[k], base[k] = states.counts[row, k], states.base[row, k]
            spread = np.float64(states.spread[row])
            if own != NOT_OWN:
                state = (activation, count, base, own_sums, own_activation)
                spread -= _leave_out(asked, pair, parameters, column_prior, smoothing.values, form, state)
            row_bias(count, base, spread, smoothing, tilted, bias[0])
            for j in range(width):
                hidden[0, j] = activation[0, j]
            squash(hidden, 0, form)
            if layers > 0:
                for j in range(form.hidden):
                    passed[0, j] = activation[0, j]
                pass_layers(parameters, form, 0, hidden, passed, up, down)
            to_features(parameters, form, decoded, 0, features)
            fresh = own == NOT_OWN
        if exact:
            _whole_group(parameters, form, column, group)
            _free_energy_logits(group, activation, form, logits)
        elif form.shared:
            group_products(parameters.weights, column, features, 0, 1, products, 0)
            over_levels(form.basis, products, logits, 1)
        else:
            group_products(parameters.weights, column, features, 0, 1, logits, 0)
        if asked.offset.shape[0] > 0:
            for k in range(levels):
                logits[k, 0] += asked.offset[pair, k]
        to_shares(logits, parameters.visible_bias, column, bias, total, 1)
        for k in range(levels):
            probability[pair, k] = logits[k, 0]


@parallel_kernel
def score_pairs(asked, states, parameters, column_prior, form, smoothing, exact, probability):
    """Fill the level probabilities of asked pairs.

    Mean field: h = sigma(a), then softmax_k(b_i^k + b_u^k + sum_j W_ij^k h_j). Exact: the hidden units
    summed out, softmax_k(b_i^k + b_u^k + sum_j log(1 + exp(a_j + W_ij^k))), which is
    p(v_i^k = 1 | the other visibles of the row). With normal hidden units h = a in mean field, and
    (a_j + W_ij^k)^2 / 2 in place of the logarithm. With upper layers, in mean field alone, h_1' of
    `rbmcli.kernels.upper` is in the place of h.

    Parameters
    ----------
    asked : Asked
        The pairs, by row.
    states : RowStates
        The rows.
    parameters : Parameters
        The model; its columns may go on past those trained, with ones folded in.
    column_prior : float32 (N, K)
        p_i^k, the smoothed base rates of each column.
    form : Form
        What kind of machine the model is.
    smoothing : Smoothing
        What the row bias is made by.
    exact : bool
        Exact or mean field.
    probability : float32 (pairs, K)
        Overwritten.
    """
    for row in prange(asked.start.shape[0] - 1):
        _score_row(row, asked, states, parameters, column_prior, form, smoothing, exact, probability)


def empty_states(rows: int, parameters: Parameters) -> RowStates:
    """Return the states of rows without ratings: the hidden biases, no counts."""
    tallies = Tallies.zeros(rows, parameters.visible_bias.shape[1])
    return RowStates(np.tile(parameters.hidden_bias, (rows, 1)), *tallies)

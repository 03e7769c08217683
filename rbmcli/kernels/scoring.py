"""Level probabilities of asked pairs, given the hidden pre-activations of their rows.

Source: Salakhutdinov, Mnih, Hinton (2007), section 2.2; the leave-one-out form, for a pair whose rating
is among those of its row, takes the pair's own terms out of the pre-activation and of the row bias.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange

from rbmcli.kernels.arithmetic import exponential, sigmoid
from rbmcli.kernels.arrays import Parameters
from rbmcli.kernels.groups import group_logits, softmax_block
from rbmcli.kernels.jit import kernel, parallel_kernel

NOT_OWN = 255
"""Own level of a pair whose rating is not among those of its row."""

_PRODUCT_TERMS = 64


class RowStates(NamedTuple):
    """What the ratings of each row come down to.

    Attributes
    ----------
    activation : float32 (R, W)
        Pre-activations a_j = b_j + sum_i W_ij^{k(i)} + D_ij.
    counts : float32 (R, K)
        n_u^k, the row's ratings at each level.
    base : float32 (R, K)
        Sum over the row's ratings of their columns' base rates p_i^k.
    """

    activation: np.ndarray
    counts: np.ndarray
    base: np.ndarray


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
    """

    start: np.ndarray
    column: np.ndarray
    own: np.ndarray


@parallel_kernel
def activate_rows(start, column, level, parameters, column_prior, states):
    """Fill the states of rows from their ratings.

    Parameters
    ----------
    start, column, level : int64 (R + 1,), int32 (ratings,), uint8 (ratings,)
        The ratings in compressed rows.
    parameters : Parameters
        The model.
    column_prior : float32 (N, K)
        p_i^k, the smoothed base rates of each column.
    states : RowStates
        Overwritten.
    """
    for row in prange(start.shape[0] - 1):
        _activate_row(row, start, column, level, parameters, column_prior, states)


@kernel
def _activate_row(row, start, column, level, parameters, column_prior, states):
    for j in range(states.activation.shape[1]):
        states.activation[row, j] = parameters.hidden_bias[j]
    for k in range(states.counts.shape[1]):
        states.counts[row, k] = np.float32(0.0)
        states.base[row, k] = np.float32(0.0)
    for e in range(start[row], start[row + 1]):
        i, observed = column[e], level[e]
        states.counts[row, observed] += np.float32(1.0)
        for k in range(states.base.shape[1]):
            states.base[row, k] += column_prior[i, k]
        for j in range(states.activation.shape[1]):
            states.activation[row, j] += parameters.weights[i, observed, j] + parameters.conditional[i, j]


@kernel
def row_bias(count, base, strength, bias):
    """b_u^k = log((n_u^k + s p_u^k) / (sum_i p_i^k + s p_u^k)), p_u^k = sum_i p_i^k / n_u.

    Parameters
    ----------
    count, base : float32 (K,)
        n_u^k and sum_i p_i^k.
    strength : float
        s; 0 leaves the bias out, and so does a row without ratings.
    bias : float32 (K,)
        Overwritten.
    """
    total = np.float32(0.0)
    for k in range(count.shape[0]):
        total += count[k]
    for k in range(count.shape[0]):
        if strength > 0.0 and total > np.float32(0.5) and base[k] > np.float32(0.0):
            pull = np.float32(strength) * base[k] / total
            bias[k] = np.log((count[k] + pull) / (base[k] + pull))
        else:
            bias[k] = np.float32(0.0)


@parallel_kernel
def row_biases(states, strength, bias):
    """Fill bias, float32 (R, K), with the row bias of every row."""
    for row in prange(bias.shape[0]):
        row_bias(states.counts[row], states.base[row], strength, bias[row])


@kernel
def _free_energy_logits(weights, column, activation, hidden, logits):
    """logits[k, 0] = sum_j log(1 + exp(a_j + W_qj^k)), the hidden units summed out exactly.

    log(1 + e^x) = max(x, 0) + log(1 + e^-|x|), and the logarithm of 64 such factors at once.
    """
    for k in range(weights.shape[1]):
        total = 0.0
        for first in range(0, hidden, _PRODUCT_TERMS):
            product, linear = np.float32(1.0), np.float32(0.0)
            for j in range(first, min(first + _PRODUCT_TERMS, hidden)):
                x = activation[0, j] + weights[column, k, j]
                linear += max(x, np.float32(0.0))
                product *= np.float32(1.0) + exponential(-abs(x))
            total += linear + np.log(product)
        logits[k, 0] = np.float32(total)


@kernel
def _score_row(row, asked, states, parameters, column_prior, hidden, strength, exact, probability):
    levels, width = states.counts.shape[1], states.activation.shape[1]
    activation, state = np.empty((1, width), np.float32), np.empty((1, width), np.float32)
    logits = np.empty((levels, 1), np.float32)
    count, base, bias = (
        np.empty(levels, np.float32),
        np.empty(levels, np.float32),
        np.empty(levels, np.float32),
    )
    fresh = False
    for pair in range(asked.start[row], asked.start[row + 1]):
        column, own = asked.column[pair], asked.own[pair]
        if own != NOT_OWN or not fresh:
            # The state of the whole row serves all its pairs, until one has to be left out of it.
            for j in range(width):
                activation[0, j] = states.activation[row, j]
            for k in range(levels):
                count[k], base[k] = states.counts[row, k], states.base[row, k]
            if own != NOT_OWN:
                for j in range(width):
                    activation[0, j] -= parameters.weights[column, own, j] + parameters.conditional[column, j]
                count[own] -= np.float32(1.0)
                for k in range(levels):
                    base[k] -= column_prior[column, k]
            row_bias(count, base, strength, bias)
            for j in range(hidden):
                state[0, j] = sigmoid(activation[0, j])
            for j in range(hidden, width):
                state[0, j] = np.float32(0.0)
            fresh = own == NOT_OWN
        if exact:
            _free_energy_logits(parameters.weights, column, activation, hidden, logits)
        else:
            group_logits(parameters.weights, column, state, 0, logits, 0)
        for k in range(levels):
            logits[k, 0] += parameters.visible_bias[column, k] + bias[k]
        softmax_block(logits, 1)
        for k in range(levels):
            probability[pair, k] = logits[k, 0]


@parallel_kernel
def score_pairs(asked, states, parameters, column_prior, hidden, strength, exact, probability):
    """Fill the level probabilities of asked pairs.

    Mean field: h = sigma(a), then softmax_k(b_i^k + b_u^k + sum_j W_ij^k h_j). Exact: the hidden units
    summed out, softmax_k(b_i^k + b_u^k + sum_j log(1 + exp(a_j + W_ij^k))), which is
    p(v_i^k = 1 | the other visibles of the row).

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
    hidden : int
        F, the hidden units without padding.
    strength : float
        Strength of the row bias; 0 for a model without.
    exact : bool
        Exact or mean field.
    probability : float32 (pairs, K)
        Overwritten.
    """
    for row in prange(asked.start.shape[0] - 1):
        _score_row(row, asked, states, parameters, column_prior, hidden, strength, exact, probability)


def empty_states(rows: int, parameters: Parameters) -> RowStates:
    """Return the states of rows without ratings: the hidden biases, no counts."""
    levels = parameters.visible_bias.shape[1]
    return RowStates(
        np.tile(parameters.hidden_bias, (rows, 1)),
        np.zeros((rows, levels), np.float32),
        np.zeros((rows, levels), np.float32),
    )

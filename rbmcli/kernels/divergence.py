"""Contrastive divergence: one call is one mini-batch, and every loop is over observed ratings only.

Each phase is one of three walks, none of which races:

- by row: a thread owns a row and computes its hidden units;
- by column: a thread owns a visible group: it reconstructs the group's entries and updates its parameters;
- by blocks of rows, for the hidden biases that all rows share: blocks are summed in order.

Sums over a row or a column are made by one thread in the order of the ratings, and random numbers come
from counters, so that the result has the same bits at any number of threads.

Source: Salakhutdinov, Mnih, Hinton (2007), equations 1, 2 and 6, and for D equation 10; with the row
bias of rbmcli.models.row_bias added to the visible logits.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from rbmcli.kernels.arithmetic import derive, sigmoid, uniform
from rbmcli.kernels.groups import add_expected_group, choose_level, group_logits, softmax_block
from rbmcli.kernels.jit import kernel, parallel_kernel, strict_kernel

_HIDDEN_BLOCK = 64
_ENTRY_BLOCK = 64
_SMALLEST = np.float32(1e-30)


@kernel
def _squash(activation, row, hidden):
    """Replace the pre-activations of a row by probabilities, and the padding by 0."""
    for j in range(activation.shape[1]):
        activation[row, j] = sigmoid(activation[row, j])
    for j in range(hidden, activation.shape[1]):
        activation[row, j] = np.float32(0.0)


@kernel
def _sample_hidden(probability, state, row, hidden, key):
    for j in range(hidden):
        state[row, j] = np.float32(1.0) if uniform(key, j) < probability[row, j] else np.float32(0.0)


@kernel
def _hidden_from_levels(batch, parameters, level, chunk, hidden, probability):
    """p(h_j = 1 | v, r) = sigma(b_j + sum_i W_ij^{k(i)} + D_ij) for the rows of a chunk."""
    weights, conditional, hidden_bias = parameters.weights, parameters.conditional, parameters.hidden_bias
    for row in range(batch.row_chunk[chunk], batch.row_chunk[chunk + 1]):
        for j in range(hidden_bias.shape[0]):
            probability[row, j] = hidden_bias[j]
        for e in range(batch.row_start[row], batch.row_start[row + 1]):
            column, k = batch.column[e], level[e]
            for j in range(hidden_bias.shape[0]):
                probability[row, j] += weights[column, k, j] + conditional[column, j]
        _squash(probability, row, hidden)


@kernel
def _hidden_from_probabilities(batch, parameters, share, chunk, hidden, probability):
    """p(h_j = 1 | p, r) = sigma(b_j + sum_ik p_i^k W_ij^k + D_ij) for the rows of a chunk."""
    weights, conditional, hidden_bias = parameters.weights, parameters.conditional, parameters.hidden_bias
    for row in range(batch.row_chunk[chunk], batch.row_chunk[chunk + 1]):
        for j in range(hidden_bias.shape[0]):
            probability[row, j] = hidden_bias[j]
        for e in range(batch.row_start[row], batch.row_start[row + 1]):
            column = batch.column[e]
            for j in range(hidden_bias.shape[0]):
                probability[row, j] += conditional[column, j]
            add_expected_group(weights, column, share, e, probability, row)
        _squash(probability, row, hidden)


@kernel
def _sample_chunk(batch, probability, chunk, hidden, state, key):
    """h_j ~ p(h_j = 1) for the rows of a chunk."""
    for row in range(batch.row_chunk[chunk], batch.row_chunk[chunk + 1]):
        _sample_hidden(probability, state, row, hidden, derive(key, batch.rows[row]))


@kernel
def _reconstruct(batch, parameters, row_bias, scratch, chunk, key, sampled):
    """p(v_i^k = 1 | h) = softmax_k(b_i^k + b_u^k + sum_j W_ij^k h_j) for the columns of a chunk."""
    bias, levels = parameters.visible_bias, parameters.visible_bias.shape[1]
    block = np.empty((levels, _ENTRY_BLOCK), np.float32)
    loss = 0.0
    for c in range(batch.column_chunk[chunk], batch.column_chunk[chunk + 1]):
        column = batch.columns[c]
        for first in range(batch.column_start[c], batch.column_start[c + 1], _ENTRY_BLOCK):
            count = min(_ENTRY_BLOCK, batch.column_start[c + 1] - first)
            for place in range(count):
                row = batch.entry_row[first + place]
                group_logits(parameters.weights, column, scratch.sampled_hidden, row, block, place)
                for k in range(levels):
                    block[k, place] += bias[column, k] + row_bias[batch.rows[row], k]
            softmax_block(block, count)
            for place in range(count):
                e = batch.entry[first + place]
                loss -= np.log(max(block[batch.level[e], place], _SMALLEST))
                if sampled:
                    number = uniform(derive(key, batch.rows[batch.entry_row[first + place]]), column)
                    scratch.sampled_level[e] = choose_level(block, place, number)
                else:
                    for k in range(levels):
                        scratch.reconstruction[e, k] = block[k, place]
    scratch.loss[chunk] = loss


@kernel
def _add_sampled_gradient(batch, scratch, first, last, gradient, bias_gradient):
    """g^k += sum over the entries of [v^k h]_data - [v^k h]_model, reconstructions being levels."""
    data, model = scratch.data_hidden, scratch.model_hidden
    for place in range(first, last):
        e, row = batch.entry[place], batch.entry_row[place]
        observed, drawn = batch.level[e], scratch.sampled_level[e]
        bias_gradient[observed] += np.float32(1.0)
        bias_gradient[drawn] -= np.float32(1.0)
        for j in range(gradient.shape[1]):
            gradient[observed, j] += data[row, j]
        for j in range(gradient.shape[1]):
            gradient[drawn, j] -= model[row, j]


@kernel
def _add_expected_gradient(batch, scratch, first, last, gradient, bias_gradient):
    """g^k += sum over the entries of [v^k h]_data - [v^k h]_model, reconstructions being probabilities.

    Two entries are subtracted at once, which halves the traffic of the gradient.
    """
    data, model, share = scratch.data_hidden, scratch.model_hidden, scratch.reconstruction
    levels, width = gradient.shape
    for place in range(first, last):
        observed, row = batch.level[batch.entry[place]], batch.entry_row[place]
        bias_gradient[observed] += np.float32(1.0)
        for j in range(width):
            gradient[observed, j] += data[row, j]
    paired = last - (last - first) % 2
    for place in range(first, paired, 2):
        e, row = batch.entry[place], batch.entry_row[place]
        other_e, other_row = batch.entry[place + 1], batch.entry_row[place + 1]
        for k in range(levels):
            p, q = share[e, k], share[other_e, k]
            bias_gradient[k] -= p + q
            for j in range(width):
                gradient[k, j] -= p * model[row, j] + q * model[other_row, j]
    for place in range(paired, last):
        e, row = batch.entry[place], batch.entry_row[place]
        for k in range(levels):
            p = share[e, k]
            bias_gradient[k] -= p
            for j in range(width):
                gradient[k, j] -= p * model[row, j]


@strict_kernel
def _follow_gradient(value, velocity, gradient, step, momentum, shrink):
    """M <- momentum M + step g - shrink W, W <- W + M, for one row of parameters."""
    for j in range(value.shape[0]):
        speed = momentum * velocity[j] + step * gradient[j] - shrink * value[j]
        velocity[j] = speed
        value[j] += speed


@kernel
def _update_columns(batch, parameters, velocity, scratch, chunk, sampled, settings):
    """M <- momentum M + rate (g - decay W), W <- W + M for the columns of a chunk.

    g_ij^k = (sum over rows of [v_i^k h_j]_data - [v_i^k h_j]_model) / B; the gradient of D_ij is that
    sum over k, because exactly one level of a rated column is on.
    """
    rate, momentum, decay, use_conditional = settings
    levels, width = parameters.weights.shape[1], parameters.weights.shape[2]
    step, shrink = np.float32(rate / batch.rows.shape[0]), np.float32(rate * decay)
    gradient = np.empty((levels, width), np.float32)
    bias_gradient = np.empty(levels, np.float32)
    over_levels = np.empty(width, np.float32)
    for c in range(batch.column_chunk[chunk], batch.column_chunk[chunk + 1]):
        column = batch.columns[c]
        first, last = batch.column_start[c], batch.column_start[c + 1]
        gradient[:] = np.float32(0.0)
        bias_gradient[:] = np.float32(0.0)
        if sampled:
            _add_sampled_gradient(batch, scratch, first, last, gradient, bias_gradient)
        else:
            _add_expected_gradient(batch, scratch, first, last, gradient, bias_gradient)
        if use_conditional:
            over_levels[:] = np.float32(0.0)
            for k in range(levels):
                for j in range(width):
                    over_levels[j] += gradient[k, j]
            _follow_gradient(
                parameters.conditional[column],
                velocity.conditional[column],
                over_levels,
                step,
                momentum,
                shrink,
            )
        for k in range(levels):
            _follow_gradient(
                parameters.weights[column, k],
                velocity.weights[column, k],
                gradient[k],
                step,
                momentum,
                shrink,
            )
        _follow_gradient(
            parameters.visible_bias[column],
            velocity.visible_bias[column],
            bias_gradient,
            step,
            momentum,
            np.float32(0.0),
        )


@strict_kernel
def _add_block(batch, scratch, block, blocks):
    """blocks[block, j] += sum over the rows of a block of [h_j]_data - [h_j]_model."""
    last = min((block + 1) * _HIDDEN_BLOCK, batch.rows.shape[0])
    for row in range(block * _HIDDEN_BLOCK, last):
        for j in range(blocks.shape[1]):
            blocks[block, j] += scratch.data_hidden[row, j] - scratch.model_hidden[row, j]


@strict_kernel
def _update_hidden_bias(batch, parameters, velocity, blocks, rate, momentum):
    """M <- momentum M + rate g, b <- b + M with g_j = (sum over rows of [h_j]_data - [h_j]_model) / B."""
    gradient = np.zeros(blocks.shape[1], np.float32)
    for block in range(blocks.shape[0]):
        for j in range(blocks.shape[1]):
            gradient[j] += blocks[block, j]
    step = np.float32(rate / batch.rows.shape[0])
    _follow_gradient(parameters.hidden_bias, velocity.hidden_bias, gradient, step, momentum, np.float32(0.0))


@parallel_kernel
def contrastive_divergence(
    batch, parameters, velocity, row_bias, scratch, hidden, steps, sampled, key, settings
):
    """Do one mini-batch of CD-T: Gibbs chains of T steps from the data, then one update.

    Parameters
    ----------
    batch : Batch
        The ratings.
    parameters, velocity : Parameters
        Changed in place, for the columns of the batch only (lazy momentum and decay).
    row_bias : float32 (R, K)
        b_u^k of every training row.
    scratch : Scratch
        Work memory, at least as large as the batch.
    hidden : int
        F, the hidden units without padding.
    steps : int
        T.
    sampled : bool
        Whether reconstructions are sampled levels, or (mean field) their probabilities.
    key : uint64
        Key of the random numbers of this mini-batch.
    settings : tuple of float32, float32, float32, bool
        Learning rate, momentum, weight decay; whether D is learned.

    Returns
    -------
    float
        Sum of -log p(level | h) over the batch, in nats, in the first reconstruction.
    """
    row_chunks, column_chunks = batch.row_chunk.shape[0] - 1, batch.column_chunk.shape[0] - 1
    for chunk in prange(row_chunks):
        _hidden_from_levels(batch, parameters, batch.level, chunk, hidden, scratch.data_hidden)
        _sample_chunk(batch, scratch.data_hidden, chunk, hidden, scratch.sampled_hidden, derive(key, 0))
    loss = 0.0
    for step in range(steps):
        for chunk in prange(column_chunks):
            _reconstruct(batch, parameters, row_bias, scratch, chunk, derive(key, 2 * step + 1), sampled)
        if step == 0:
            for chunk in range(column_chunks):
                loss += scratch.loss[chunk]
        for chunk in prange(row_chunks):
            if sampled:
                _hidden_from_levels(
                    batch, parameters, scratch.sampled_level, chunk, hidden, scratch.model_hidden
                )
            else:
                _hidden_from_probabilities(
                    batch, parameters, scratch.reconstruction, chunk, hidden, scratch.model_hidden
                )
            if step + 1 < steps:
                state_key = derive(key, 2 * step + 2)
                _sample_chunk(batch, scratch.model_hidden, chunk, hidden, scratch.sampled_hidden, state_key)
    for chunk in prange(column_chunks):
        _update_columns(batch, parameters, velocity, scratch, chunk, sampled, settings)
    rows = batch.rows.shape[0]
    blocks = np.zeros(
        ((rows + _HIDDEN_BLOCK - 1) // _HIDDEN_BLOCK, parameters.hidden_bias.shape[0]), np.float32
    )
    for block in prange(blocks.shape[0]):
        _add_block(batch, scratch, block, blocks)
    _update_hidden_bias(batch, parameters, velocity, blocks, settings[0], settings[1])
    return loss

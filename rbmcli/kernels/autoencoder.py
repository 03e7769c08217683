"""An autoencoder of rows: what a row's other ratings say of a rating, learned with parts of rows hidden.

Values y = r - mu - c_i are ratings less the effects of columns. A random part of a row's ratings is kept as
input. From it come the row's own effect, b = sum y / (lambda + n) over the n that are kept, and the units of
the first layer, f(beta_j + s sum_i (W_ij (y_i - b) + D_ij)), with s = 1 / sqrt(1 + n) and f(a) = sigma(a) -
1/2; further layers are dense. Units are about 0 to begin with, or each step of Adam would move all of V_i h
one way. Every rating that is hidden is to be b + e_i + V_i h, with h the last layer, and half the squared
error of that goes back. A row costs what its ratings cost, and its upper layers.

Source: S. Sedhain, A. Menon, S. Sanner, L. Xie (2015), "AutoRec: autoencoders meet collaborative filtering",
WWW; hidden inputs are those of P. Vincent et al. (2008), "Extracting and composing robust features with
denoising autoencoders", ICML; dropped units those of N. Srivastava et al. (2014), "Dropout".
"""

from __future__ import annotations

import numpy as np
from numba import prange

from rbmcli.kernels.arithmetic import derive, uniform
from rbmcli.kernels.autoencoder_rows import HALF, add_scaled, ascend, dot, scale_of
from rbmcli.kernels.jit import inner_kernel, parallel_kernel
from rbmcli.kernels.rows import row_key
from rbmcli.kernels.shared import ROWS, add_outer_of_block, add_rows_of_block, sum_blocks, sum_outer_blocks
from rbmcli.kernels.updates import adam_corrections, follow_adam

_HIDDEN, _KEPT = 0, 1

_OF_UNITS = 1 << 40
"""Stream of a row that says which units are dropped; those below say which columns are kept."""


@inner_kernel
def _descend(weights, sizes, hidden, slope, row, dropout, numbers):
    """From the derivative by the units of the last layer to those by the inputs of all."""
    left = np.float32(1.0) - dropout
    for layer in range(sizes.shape[0] - 1, -1, -1):
        for j in range(sizes[layer]):
            f = hidden[layer, row, j] * left
            slope[layer, row, j] *= (HALF * HALF - f * f) / left
        if dropout > 0:
            for j in range(sizes[layer]):
                if uniform(derive(numbers, layer), j) < dropout:
                    slope[layer, row, j] = np.float32(0.0)
        for j in range(sizes[layer], slope.shape[2]):
            slope[layer, row, j] = np.float32(0.0)
        if layer > 0:
            for i in range(sizes[layer - 1]):
                total = np.float32(0.0)
                for j in range(sizes[layer]):
                    total += weights.dense[layer - 1, i, j] * slope[layer, row, j]
                slope[layer - 1, row, i] = total


@inner_kernel
def _learn_row(batch, weights, sizes, centring, course, work, row, key):
    """Choose what a row keeps, predict what it hides, and take the error back to the first layer."""
    first, last = batch.row_start[row], batch.row_start[row + 1]
    numbers = row_key(batch, key, row)
    total, count = np.float32(0.0), 0
    for e in range(first, last):
        kept = uniform(numbers, batch.column[e]) < course.keep
        work.mark[e] = _KEPT if kept else _HIDDEN
        work.number[e] = centring.values[batch.level[e]] - centring.effect[batch.column[e]]
        if kept:
            total += work.number[e]
            count += 1
    effect, scale = total / (centring.penalty + np.float32(count)), scale_of(count)
    work.scale[row] = scale
    units = work.hidden[0]
    for j in range(units.shape[1]):
        units[row, j] = weights.hidden_bias[0, j]
    for e in range(first, last):
        if work.mark[e] == _KEPT:
            work.number[e] = scale * (work.number[e] - effect)
            add_scaled(units, row, work.number[e], weights.given, batch.column[e])
            add_scaled(units, row, scale, weights.rated, batch.column[e])
    of_units = derive(numbers, _OF_UNITS)
    ascend(weights, sizes, work.hidden, row, course.dropout, of_units)
    top = sizes.shape[0] - 1
    units, slope = work.hidden[top], work.slope[top]
    for j in range(slope.shape[1]):
        slope[row, j] = np.float32(0.0)
    loss = 0.0
    for e in range(first, last):
        if work.mark[e] == _HIDDEN:
            column = batch.column[e]
            said = effect + weights.bias[column, 0] + dot(units, row, weights.output, column)
            error = said - work.number[e]
            work.number[e] = error
            loss += 0.5 * error * error
            add_scaled(slope, row, error, weights.output, column)
    work.loss[row] = loss
    _descend(weights, sizes, work.hidden, work.slope, row, course.dropout, of_units)


@inner_kernel
def _update_columns(batch, weights, mean, square, times, top, course, work, chunk):
    """Adam's step of the columns of a chunk."""
    scale = np.float32(1.0) / np.float32(batch.rows.shape[0])
    given = np.empty((1, weights.given.shape[1]), np.float32)
    rated = np.empty((1, weights.given.shape[1]), np.float32)
    output = np.empty((1, weights.output.shape[1]), np.float32)
    bias = np.empty(1, np.float32)
    for m in range(batch.column_chunk[chunk], batch.column_chunk[chunk + 1]):
        column = batch.columns[m]
        given[:] = np.float32(0.0)
        rated[:] = np.float32(0.0)
        output[:] = np.float32(0.0)
        bias[0] = np.float32(0.0)
        for place in range(batch.column_start[m], batch.column_start[m + 1]):
            e, row = batch.entry[place], batch.entry_row[place]
            number = work.number[e]
            if work.mark[e] == _KEPT:
                share = work.scale[row]
                for j in range(given.shape[1]):
                    slope = work.slope[0, row, j]
                    given[0, j] += number * slope
                    rated[0, j] += share * slope
            else:
                bias[0] += number
                for j in range(output.shape[1]):
                    output[0, j] += number * work.hidden[top, row, j]
        times[column] += 1
        decay, rate, corrections = course.decay[column], course.rate, adam_corrections(times[column])
        follow_adam(
            weights.given, mean.given, square.given, given[0], column, scale, decay, rate, corrections
        )
        follow_adam(
            weights.rated, mean.rated, square.rated, rated[0], column, scale, decay, rate, corrections
        )
        follow_adam(
            weights.output, mean.output, square.output, output[0], column, scale, decay, rate, corrections
        )
        follow_adam(weights.bias, mean.bias, square.bias, bias, column, scale, decay, rate, corrections)


@parallel_kernel
def learn_batch(batch, weights, mean, square, times, sizes, centring, course, work, key):
    """Do one mini-batch: forward from what is kept, back from what is hidden, and Adam's step.

    Parameters
    ----------
    batch : Batch
        The ratings.
    weights : Weights
        Changed in place, for the columns of the batch only (lazy averages and decay).
    mean, square : Weights
        Adam's running averages of the gradient and of its square, changed in place.
    times : int64 (N + 1,)
        Updates so far of each column, and last of what all rows share; changed in place.
    sizes : int64 (L,)
        Units of each layer.
    centring : Centring
        What ratings are taken less of.
    course : Course
        How it is learned.
    work : Workspace
        Work memory, at least as large as the batch.
    key : uint64
        Key of the random numbers of this mini-batch.

    Returns
    -------
    loss : float
        Sum over the hidden ratings of half the squared error.
    hidden : int
        Their number.
    """
    rows, top = batch.rows.shape[0], sizes.shape[0] - 1
    for chunk in prange(batch.row_chunk.shape[0] - 1):
        for row in range(batch.row_chunk[chunk], batch.row_chunk[chunk + 1]):
            _learn_row(batch, weights, sizes, centring, course, work, row, key)
    for chunk in prange(batch.column_chunk.shape[0] - 1):
        _update_columns(batch, weights, mean, square, times, top, course, work, chunk)
    layers, width = weights.hidden_bias.shape
    blocks = (rows + ROWS - 1) // ROWS
    biases = np.zeros((layers, blocks, width), np.float32)
    dense = np.zeros((layers - 1, blocks, width, width), np.float32)
    for block in prange(blocks):
        for layer in range(layers):
            add_rows_of_block(rows, block, work.slope[layer], np.float32(1.0), biases[layer])
            if layer > 0:
                add_outer_of_block(
                    rows,
                    block,
                    work.hidden[layer - 1],
                    work.slope[layer],
                    np.float32(1.0),
                    dense[layer - 1],
                )
    times[-1] += 1
    scale, decay = np.float32(1.0) / np.float32(rows), course.decay[-1]
    corrections = adam_corrections(times[-1])
    for layer in range(layers):
        sum_blocks(biases[layer])
        follow_adam(
            weights.hidden_bias,
            mean.hidden_bias,
            square.hidden_bias,
            biases[layer, 0],
            layer,
            scale,
            np.float32(0.0),
            course.rate,
            corrections,
        )
    for layer in range(layers - 1):
        sum_outer_blocks(dense[layer])
        for i in range(width):
            follow_adam(
                weights.dense[layer],
                mean.dense[layer],
                square.dense[layer],
                dense[layer, 0, i],
                i,
                scale,
                decay,
                course.rate,
                corrections,
            )
    loss, hidden = 0.0, 0
    for row in range(rows):
        loss += work.loss[row]
    for e in range(batch.row_start[rows]):
        hidden += work.mark[e] == _HIDDEN
    return loss, hidden

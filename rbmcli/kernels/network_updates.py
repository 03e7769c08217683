"""What back-propagation does to the parameters of a mini-batch: gradients by column, and Adam's step.

A thread owns a column; what all rows share is summed over blocks of rows, in order.
"""

from __future__ import annotations

import numpy as np

from rbmcli.kernels.arrays import UNKNOWN
from rbmcli.kernels.columns import add_rows, add_rows_of_level, subtract_expected
from rbmcli.kernels.jit import inner_kernel
from rbmcli.kernels.shared import add_outer_of_block, add_rows_of_block, sum_blocks, sum_outer_blocks
from rbmcli.kernels.updates import adam_corrections, follow_adam, follow_adam_group

HIDDEN = 0
"""Mark of a rating that is hidden from the input."""


@inner_kernel
def _column_gradient(batch, form, scratch, first, last, work, gradient, bias_gradient, over):
    """g of one column, down the loss: kept ratings bring what came back to the hidden units.

    Hidden ratings bring their outcome. `over` is the slope of the loss by D, so it goes up.
    """
    projected, total, entries, rows = work
    one = np.float32(1.0)
    gradient[:] = np.float32(0.0)
    bias_gradient[:] = np.float32(0.0)
    over[:] = np.float32(0.0)
    place = first
    while place < last:
        level, count = batch.entry_level[place], 0
        while place < last and batch.entry_level[place] == level:
            # Those of an unknown level are input too, to D alone.
            rows[count] = batch.entry_row[place]
            count += scratch.entry_drawn[place] != HIDDEN
            place += 1
        if level != UNKNOWN:
            add_rows_of_level(form, scratch.model_features, rows, 0, count, -one, level, total, gradient)
        if form.conditional:
            add_rows(scratch.model_hidden, rows, 0, count, one, over, 0)
    count = 0
    for place in range(first, last):
        entries[count], rows[count] = batch.entry[place], batch.entry_row[place]
        count += scratch.entry_drawn[place] == HIDDEN
    subtract_expected(
        form, scratch.outcome, scratch.data_features, entries, rows, 0, count, projected, gradient
    )
    for n in range(count):
        for k in range(bias_gradient.shape[0]):
            bias_gradient[k] -= scratch.outcome[entries[n], k]


@inner_kernel
def update_chunk(batch, parameters, mean, square, times, column_prior, form, objective, scratch, chunk):
    """Adam's step of the columns of a chunk."""
    levels = parameters.visible_bias.shape[1]
    functions, width = parameters.weights.shape[1], parameters.weights.shape[2]
    scale = np.float32(-1.0) / np.float32(batch.rows.shape[0])
    gradient, bias_gradient = np.empty((functions, width), np.float32), np.empty((1, levels), np.float32)
    over = np.empty((1, parameters.conditional.shape[1]), np.float32)
    most = batch.rows.shape[0]
    work = (
        np.empty((2, functions), np.float32),
        np.empty((1, width), np.float32),
        np.empty(most, np.int32),
        np.empty(most, np.int32),
    )
    rate = objective.rate
    for m in range(batch.column_chunk[chunk], batch.column_chunk[chunk + 1]):
        column, first, last = batch.columns[m], batch.column_start[m], batch.column_start[m + 1]
        _column_gradient(batch, form, scratch, first, last, work, gradient, bias_gradient[0], over)
        decay = objective.decay[column]
        times[column] += 1
        corrections = adam_corrections(times[column])
        if form.conditional:
            follow_adam(
                parameters.conditional,
                mean.conditional,
                square.conditional,
                over[0],
                column,
                -scale,
                decay,
                rate,
                corrections,
            )
        if batch.entry_level[first] != UNKNOWN:
            follow_adam_group(
                parameters.weights,
                mean.weights,
                square.weights,
                gradient,
                column,
                scale,
                decay,
                rate,
                corrections,
            )
            # The penalty draws visible biases to the log base rates that they start from.
            for k in range(levels):
                bias_gradient[0, k] -= decay / scale * np.log(column_prior[column, k])
            follow_adam(
                parameters.visible_bias,
                mean.visible_bias,
                square.visible_bias,
                bias_gradient[0],
                column,
                scale,
                decay,
                rate,
                corrections,
            )


@inner_kernel
def add_block(batch, scratch, form, block, biases, factors):
    """Add what the rows of a block bring to the gradient of the hidden biases and of the factors.

    B_cj enters twice: dg_c h_j where hidden units give logits, and sum_c da_j where ratings give them.
    The former h are those after the upper layers.
    """
    rows, one = batch.rows.shape[0], np.float32(1.0)
    add_rows_of_block(rows, block, scratch.model_hidden, one, biases)
    if form.factors > 0:
        add_outer_of_block(rows, block, scratch.state_features, scratch.decoded, one, factors)
        add_outer_of_block(rows, block, scratch.data_sums, scratch.model_hidden, one, factors)


@inner_kernel
def update_shared(batch, parameters, mean, square, times, objective, biases, factors):
    """Adam's step of hidden biases and factors."""
    scale, none = np.float32(1.0) / np.float32(batch.rows.shape[0]), np.float32(0.0)
    last = times.shape[0] - 1
    times[last] += 1
    corrections = adam_corrections(times[last])
    sum_blocks(biases)
    follow_adam(
        parameters.hidden_bias.reshape(1, -1),
        mean.hidden_bias.reshape(1, -1),
        square.hidden_bias.reshape(1, -1),
        biases[0],
        0,
        scale,
        none,
        objective.rate,
        corrections,
    )
    sum_outer_blocks(factors)
    for c in range(factors.shape[1]):
        follow_adam(
            parameters.factors,
            mean.factors,
            square.factors,
            factors[0, c],
            c,
            scale,
            objective.decay[last],
            objective.rate,
            corrections,
        )

"""What contrastive divergence does to the parameters of a mini-batch: correlations by column, and momentum.

A thread owns a column; what all rows share is summed over blocks of rows, in order.
"""

from __future__ import annotations

import numpy as np

from rbmcli.kernels.arrays import UNKNOWN
from rbmcli.kernels.columns import add_rows, add_rows_of_level, subtract_drawn, subtract_expected
from rbmcli.kernels.jit import inner_kernel
from rbmcli.kernels.shared import add_outer_of_block, add_rows_of_block, sum_blocks, sum_outer_blocks
from rbmcli.kernels.updates import follow, follow_group


@inner_kernel
def _column_gradient(batch, form, rule, scratch, first, last, work, gradient, bias_gradient):
    """g = sum over the column's ratings of [v^k h]_data - [v^k h]_model, and the same of the biases."""
    projected, total = work
    one = np.float32(1.0)
    gradient[:] = np.float32(0.0)
    bias_gradient[:] = np.float32(0.0)
    place = first
    while place < last:
        level, begin = batch.entry_level[place], place
        while place < last and batch.entry_level[place] == level:
            place += 1
        add_rows_of_level(
            form, scratch.data_features, batch.entry_row, begin, place, one, level, total, gradient
        )
        bias_gradient[level] += np.float32(place - begin)
    if rule.sampled:
        drawn = scratch.entry_drawn
        subtract_drawn(form, drawn, scratch.model_features, batch.entry_row, first, last, gradient)
        for place in range(first, last):
            bias_gradient[drawn[place]] -= one
    else:
        subtract_expected(
            form,
            scratch.outcome,
            scratch.model_features,
            batch.entry,
            batch.entry_row,
            first,
            last,
            projected,
            gradient,
        )
        for place in range(first, last):
            for k in range(bias_gradient.shape[0]):
                bias_gradient[k] -= scratch.outcome[batch.entry[place], k]


@inner_kernel
def _add_over_levels(gradient, over):
    """g^k <- g^k + sum_l g^l: what weights that hold D in them follow; `over`, (1, V), is work memory.

    W^k + D moves by the gradients of both, and D's is the sum of those of W over the levels.
    """
    over[:] = np.float32(0.0)
    for s in range(gradient.shape[0]):
        for c in range(gradient.shape[1]):
            over[0, c] += gradient[s, c]
    for s in range(gradient.shape[0]):
        for c in range(gradient.shape[1]):
            gradient[s, c] += over[0, c]


@inner_kernel
def add_block(batch, scratch, form, block, biases, factors):
    """Add what the rows of a block bring to the gradient of the hidden biases and of the factors."""
    rows, one = batch.rows.shape[0], np.float32(1.0)
    add_rows_of_block(rows, block, scratch.data_hidden, one, biases)
    add_rows_of_block(rows, block, scratch.model_hidden, -one, biases)
    if form.factors > 0:
        add_outer_of_block(rows, block, scratch.data_sums, scratch.data_hidden, one, factors)
        add_outer_of_block(rows, block, scratch.model_sums, scratch.model_hidden, -one, factors)


@inner_kernel
def update_shared(batch, parameters, velocity, rule, biases, factors):
    """Follow the gradients of hidden biases and factors, summed over the blocks."""
    step = rule.rate / np.float32(batch.rows.shape[0])
    sum_blocks(biases)
    for j in range(biases.shape[1]):
        speed = rule.momentum * velocity.hidden_bias[j] + step * biases[0, j]
        velocity.hidden_bias[j] = speed
        parameters.hidden_bias[j] += speed
    sum_outer_blocks(factors)
    shrink = rule.rate * rule.decay
    for c in range(factors.shape[1]):
        follow(parameters.factors, velocity.factors, factors[0, c], c, step, rule.momentum, shrink)


@inner_kernel
def update_chunk(batch, parameters, velocity, form, rule, scratch, chunk):
    """M <- momentum M + rate (g - decay W), W <- W + M for the columns of a chunk.

    g is the gradient over the rows of the batch, divided by their number; that of D_ij is the sum over
    the rows with column i, rated or only known to be, of [h_j]_data - [h_j]_model.
    """
    levels = parameters.visible_bias.shape[1]
    functions, width = parameters.weights.shape[1], parameters.weights.shape[2]
    step = rule.rate / np.float32(batch.rows.shape[0])
    shrink = rule.rate * rule.decay
    gradient, bias_gradient = np.empty((functions, width), np.float32), np.empty(levels, np.float32)
    over = np.empty((1, parameters.conditional.shape[1]), np.float32)
    work = np.empty((2, functions), np.float32), np.empty((1, width), np.float32)
    for m in range(batch.column_chunk[chunk], batch.column_chunk[chunk + 1]):
        column, first, last = batch.columns[m], batch.column_start[m], batch.column_start[m + 1]
        if form.conditional:
            over[:] = np.float32(0.0)
            add_rows(scratch.data_hidden, batch.entry_row, first, last, np.float32(1.0), over, 0)
            add_rows(scratch.model_hidden, batch.entry_row, first, last, np.float32(-1.0), over, 0)
            follow(parameters.conditional, velocity.conditional, over[0], column, step, rule.momentum, shrink)
        while last > first and batch.entry_level[last - 1] == UNKNOWN:
            last -= 1
        if first < last:
            _column_gradient(batch, form, rule, scratch, first, last, work, gradient, bias_gradient)
            if rule.joint:
                _add_over_levels(gradient, over)
            follow_group(parameters.weights, velocity.weights, gradient, column, step, rule.momentum, shrink)
            follow(
                parameters.visible_bias,
                velocity.visible_bias,
                bias_gradient,
                column,
                step,
                rule.momentum,
                np.float32(0.0),
            )

"""The same parameters learned as a network: hidden part of a row, predicted from the rest in one pass.

A random part of each row's ratings is hidden from the input; the row bias and the hidden units come from
those that are kept, by the formulas of prediction in mean field, and give the levels of the hidden ones.
What is made small is a share of cross-entropy and the rest of squared error of the expected rating, in
units of the variance of the ratings. Its gradient goes back through the visible and the hidden layer, and
Adam follows it. The walks, and so the promise of equal bytes, are those of contrastive divergence.

Source: the objective of a network with hidden inputs is that of P. Vincent et al. (2008), "Extracting and
composing robust features with denoising autoencoders", ICML, with softmax groups as in Salakhutdinov, Mnih,
Hinton (2007); initialised by contrastive divergence as in G. Hinton, R. Salakhutdinov (2006), "Reducing the
dimensionality of data with neural networks", Science.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange

from rbmcli.kernels.arithmetic import uniform
from rbmcli.kernels.columns import BLOCK, SMALLEST, block_logits, block_memory
from rbmcli.kernels.groups import add_conditional, softmax_block
from rbmcli.kernels.jit import inner_kernel, parallel_kernel
from rbmcli.kernels.network_updates import HIDDEN, add_block, update_chunk, update_shared
from rbmcli.kernels.row_bias import Smoothing, row_bias, variance
from rbmcli.kernels.rows import activate_from_levels, add_expected, row_key, squash, to_features
from rbmcli.kernels.shared import empty_blocks
from rbmcli.kernels.updates import adam_corrections
from rbmcli.kernels.upper import pass_layers, pass_layers_back, update_unit, update_upper_biases

_KEPT, _NEITHER = 1, 2


class Objective(NamedTuple):
    """What is made small, and how.

    Attributes
    ----------
    keep : float32
        Probability that a rating is kept as input.
    squared_share : float32
        Share of squared error; the rest is cross-entropy.
    rate : float32
        Learning rate of Adam.
    decay : float32 (N + 1,)
        L2 penalty of each column, which draws its weights to 0 and its visible biases to the log base rates,
        and last of the factors and of the weights of upper layers, for one mini-batch and its mean over rows.
    strength, tilt_strength, values : float, float, float32 (K,)
        The `Smoothing` that row biases are made by; squared error is that of its values.
    """

    keep: np.float32
    squared_share: np.float32
    rate: np.float32
    decay: np.ndarray
    strength: float
    tilt_strength: float
    values: np.ndarray


@inner_kernel
def _forward_chunk(batch, parameters, column_prior, form, objective, scratch, chunk, key):
    """Choose what the rows of a chunk keep, and from it the hidden units and the row bias.

    Afterwards scratch.drawn says of every rating whether it is kept, hidden, or of no known level.
    """
    levels = form.basis.shape[0]
    count, base = np.empty(levels, np.float32), np.empty(levels, np.float32)
    tilted = np.empty(levels)
    smoothing = Smoothing(objective.strength, objective.tilt_strength, objective.values)
    for row in range(batch.row_chunk[chunk], batch.row_chunk[chunk + 1]):
        first, rated, last = batch.row_start[row], batch.row_rated[row], batch.row_start[row + 1]
        numbers = row_key(batch, key, row)
        count[:] = np.float32(0.0)
        base[:] = np.float32(0.0)
        spread = 0.0
        end = first
        for e in range(first, rated):
            column, level = batch.column[e], batch.level[e]
            kept = uniform(numbers, column) < objective.keep
            scratch.drawn[e] = _KEPT if kept else HIDDEN
            if kept:
                scratch.kept_column[end], scratch.kept_level[end] = column, level
                end += 1
                count[level] += np.float32(1.0)
                for k in range(levels):
                    base[k] += column_prior[column, k]
                spread += variance(column_prior[column], smoothing.values)
        scratch.kept_end[row] = end
        row_bias(count, base, spread, smoothing, tilted, scratch.row_bias[row])
        span = (first, end, end)
        hidden, sums = scratch.data_hidden, scratch.data_sums
        activate_from_levels(
            parameters, form, scratch.kept_column, scratch.kept_level, span, row, sums, hidden
        )
        if form.conditional:
            add_conditional(parameters.conditional, batch.column, rated, last, hidden, row)
        decoded = scratch.decoded
        if form.upper.shape[0] > 0:
            for j in range(form.hidden):
                decoded[row, j] = hidden[row, j]
        squash(hidden, row, form)
        if form.upper.shape[0] > 0:
            pass_layers(parameters, form, row, hidden, decoded, scratch.upper_hidden, scratch.upper_decoded)
        to_features(parameters, form, decoded, row, scratch.data_features)
        for e in range(rated, last):
            scratch.drawn[e] = _NEITHER


@inner_kernel
def _predict_chunk(batch, parameters, form, objective, scratch, chunk):
    """outcome = derivative of the loss by the logits, for the hidden ratings of a chunk; fills its loss.

    With cross-entropy -log p^r and squared error (m - x)^2 / 2, m = sum_k p^k x^k and x = x^r:
    d/d logit^k = (1 - s) (p^k - [k = r]) + s (m - x) p^k (x^k - m).
    """
    levels, values, share = form.basis.shape[0], objective.values, objective.squared_share
    places, products, logits, total = block_memory(form)
    loss = 0.0
    place = batch.column_start[batch.column_chunk[chunk]]
    last = batch.column_start[batch.column_chunk[chunk + 1]]
    while place < last:
        count = 0
        while place < last and count < BLOCK:
            mark = scratch.drawn[batch.entry[place]]
            scratch.entry_drawn[place] = mark
            places[count] = place
            count += mark == HIDDEN
            place += 1
        block_logits(
            batch,
            parameters,
            form,
            scratch.data_features,
            scratch.row_bias,
            places,
            count,
            products,
            logits,
        )
        softmax_block(logits, total, count)
        for n in range(count):
            e, observed = batch.entry[places[n]], batch.entry_level[places[n]]
            expected = np.float32(0.0)
            for k in range(levels):
                expected += logits[k, n] * values[k]
            error = expected - values[observed]
            for k in range(levels):
                by_level = (np.float32(1.0) - share) + share * error * (values[k] - expected)
                scratch.outcome[e, k] = logits[k, n] * by_level
            scratch.outcome[e, observed] -= np.float32(1.0) - share
            surprise = -np.log(np.float64(max(logits[observed, n], SMALLEST)))
            loss += (1.0 - share) * surprise + 0.5 * share * error * error
    scratch.loss[chunk] = loss


@inner_kernel
def _backward_chunk(batch, parameters, form, scratch, chunk):
    """model_hidden = derivative of the loss by the pre-activations of the rows of a chunk.

    dg = sum_i U_i' Phi' outcome_i over hidden ratings, dh = B' dg, da = dh h (1 - h), or da = dh of normal
    units; model_features = B da. Upper layers are passed back in between.
    """
    for row in range(batch.row_chunk[chunk], batch.row_chunk[chunk + 1]):
        slope, features = scratch.model_hidden, scratch.state_features
        for c in range(features.shape[1]):
            features[row, c] = np.float32(0.0)
        for e in range(batch.row_start[row], batch.row_rated[row]):
            if scratch.drawn[e] == HIDDEN:
                add_expected(parameters, form, batch.column, scratch.outcome, (e, e + 1), row, features)
        for j in range(slope.shape[1]):
            slope[row, j] = np.float32(0.0)
        if form.factors > 0:
            for c in range(form.factors):
                share = features[row, c]
                for j in range(form.hidden):
                    slope[row, j] += share * parameters.factors[c, j]
        else:
            for j in range(form.hidden):
                slope[row, j] = features[row, j]
        if form.upper.shape[0] > 0:
            pass_layers_back(parameters, form, row, slope, scratch)
        elif not form.gaussian:
            for j in range(form.hidden):
                h = scratch.data_hidden[row, j]
                slope[row, j] *= h * (np.float32(1.0) - h)
        to_features(parameters, form, slope, row, scratch.model_features)


@parallel_kernel
def backpropagate(batch, parameters, mean, square, times, column_prior, scratch, form, objective, key):
    """Do one mini-batch: forward from what is kept, back from what is hidden, and Adam's step.

    Parameters
    ----------
    batch : Batch
        The ratings.
    parameters : Parameters
        Changed in place, for the columns of the batch only (lazy averages and decay).
    mean, square : Parameters
        Adam's running averages of the gradient and of its square, changed in place.
    times : int64 (N + 1,)
        Updates so far of each column, and last of what all rows share; changed in place.
    column_prior : float32 (N, K)
        p_i^k, the smoothed base rates of each column.
    scratch : Scratch
        Work memory, at least as large as the batch.
    form : Form
        What kind of machine it is.
    objective : Objective
        What is learned.
    key : uint64
        Key of the random numbers of this mini-batch.

    Returns
    -------
    loss : float
        Sum of the loss over the hidden ratings.
    hidden : int
        Their number.
    """
    row_chunks, column_chunks = batch.row_chunk.shape[0] - 1, batch.column_chunk.shape[0] - 1
    for chunk in prange(row_chunks):
        _forward_chunk(batch, parameters, column_prior, form, objective, scratch, chunk, key)
    for chunk in prange(column_chunks):
        _predict_chunk(batch, parameters, form, objective, scratch, chunk)
    for chunk in prange(row_chunks):
        _backward_chunk(batch, parameters, form, scratch, chunk)
    for chunk in prange(column_chunks):
        update_chunk(batch, parameters, mean, square, times, column_prior, form, objective, scratch, chunk)
    biases, factors = empty_blocks(batch.rows.shape[0], parameters)
    for block in prange(biases.shape[0]):
        add_block(batch, scratch, form, block, biases, factors)
    update_shared(batch, parameters, mean, square, times, objective, biases, factors)
    if form.upper.shape[0] > 0:
        rows, last = batch.rows.shape[0], times.shape[0] - 1
        scale, corrections = np.float32(1.0) / np.float32(rows), adam_corrections(times[last])
        decay, rate = objective.decay[last], objective.rate
        for unit in prange(form.upper.shape[0] * parameters.upper_bias.shape[1]):
            update_unit(rows, parameters, mean, square, form, scratch, unit, scale, decay, rate, corrections)
        update_upper_biases(rows, parameters, mean, square, form, scratch, scale, rate, corrections)
    loss, hidden = 0.0, 0
    for chunk in range(column_chunks):
        loss += scratch.loss[chunk]
    for row in range(batch.rows.shape[0]):
        hidden += batch.row_rated[row] - scratch.kept_end[row]
    return loss, hidden

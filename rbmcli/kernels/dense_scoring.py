"""Expected ratings of many columns for each of many rows, and the best of them: what recommending asks for.

The sums are those of `rbmcli.kernels.scoring`, in the same order. Each group of weights is read once for a
block of rows, and no array of rows, columns and levels is made.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from rbmcli.kernels.groups import group_products
from rbmcli.kernels.jit import inner_kernel, parallel_kernel
from rbmcli.kernels.level_shares import expected, over_levels, to_shares
from rbmcli.kernels.row_bias import row_bias
from rbmcli.kernels.rows import squash, to_features
from rbmcli.kernels.upper import pass_layers

_ROWS_AT_ONCE = 64
"""An even number; the features of so many rows fit into the first caches."""


@inner_kernel
def _prepare_row(row, place, states, parameters, form, smoothing, work):
    """Fill what the columns of a row need of it: its features and its bias, at a place of the block."""
    passed, hidden, up, down, features, tilted, bias = work
    layers = form.upper.shape[0]
    for j in range(hidden.shape[1]):
        hidden[place, j] = states.activation[row, j]
    squash(hidden, place, form)
    if layers > 0:
        for j in range(form.hidden):
            passed[place, j] = states.activation[row, j]
        pass_layers(parameters, form, place, hidden, passed, up, down)
    to_features(parameters, form, passed if layers > 0 else hidden, place, features)
    row_bias(
        states.counts[row], states.base[row], np.float64(states.spread[row]), smoothing, tilted, bias[place]
    )


@inner_kernel
def _expect_block(rows, first, last, columns, states, parameters, form, smoothing, values, ratings):
    count, levels = last - first, values.shape[0]
    width, inner = states.activation.shape[1], parameters.weights.shape[2]
    layers, units = form.upper.shape[0], parameters.upper_bias.shape[1]
    # An odd last row is scored along with an empty one.
    places = count + count % 2
    hidden = np.zeros((places, width), np.float32)
    passed = np.zeros((places, width if layers > 0 else 0), np.float32)
    up, down = np.empty((layers, places, units), np.float32), np.empty((layers, places, units), np.float32)
    factored = np.zeros((places, inner), np.float32)
    features = factored if form.factors > 0 else (passed if layers > 0 else hidden)
    tilted, bias = np.empty(levels), np.zeros((places, levels), np.float32)
    products = np.empty((form.basis.shape[1], places), np.float32)
    logits, total = np.empty((levels, places), np.float32), np.empty((2, places), np.float32)
    work = (passed, hidden, up, down, features, tilted, bias)
    for place in range(count):
        _prepare_row(rows[first + place], place, states, parameters, form, smoothing, work)
    for at in range(columns.shape[0]):
        column = columns[at]
        if form.shared:
            for place in range(0, places, 2):
                group_products(parameters.weights, column, features, place, place + 1, products, place)
            over_levels(form.basis, products, logits, places)
        else:
            for place in range(0, places, 2):
                group_products(parameters.weights, column, features, place, place + 1, logits, place)
        to_shares(logits, parameters.visible_bias, column, bias, total, places)
        for place in range(count):
            ratings[first + place, at] = np.float32(expected(logits, values, place))


@parallel_kernel
def expect_rows(rows, columns, states, parameters, form, smoothing, values, ratings):
    """Fill the expected ratings of every one of some columns for every one of some rows, in mean field.

    Parameters
    ----------
    rows, columns : int32 (R,), int32 (C,)
        Rows of `states` and columns of `parameters`.
    states : RowStates
        The rows.
    parameters : Parameters
        The model.
    form : Form
        What kind of machine the model is.
    smoothing : Smoothing
        What the row bias is made by.
    values : float64 (K,)
        Values of the levels, increasing.
    ratings : float32 (R, C)
        Overwritten.
    """
    blocks = (rows.shape[0] + _ROWS_AT_ONCE - 1) // _ROWS_AT_ONCE
    for block in prange(blocks):
        first = block * _ROWS_AT_ONCE
        last = min(first + _ROWS_AT_ONCE, rows.shape[0])
        _expect_block(rows, first, last, columns, states, parameters, form, smoothing, values, ratings)


@parallel_kernel
def best_of_rows(scores, place, best):
    """Fill the best scores of each row, best first; of equal scores the one whose column comes first.

    Parameters
    ----------
    scores : float32 (R, C)
        Scores; what is minus infinity is left out.
    place : int32 (R, top)
        Overwritten with the column of each, -1 where there are no more.
    best : float32 (R, top)
        Overwritten with the scores.
    """
    top = best.shape[1]
    for row in prange(scores.shape[0]):
        found = 0
        least = np.float32(-np.inf)
        for column in range(scores.shape[1]):
            score = scores[row, column]
            if score > least:
                at = min(found, top - 1)
                while at > 0 and best[row, at - 1] < score:
                    best[row, at], place[row, at] = best[row, at - 1], place[row, at - 1]
                    at -= 1
                best[row, at], place[row, at] = score, column
                found = min(found + 1, top)
                if found == top:
                    least = best[row, top - 1]
        for at in range(found, top):
            place[row, at] = -1

"""What an autoencoder says of pairs: codes of whole rows, and of rows without the rating that is asked for.

The input of the first layer is beta + s (sum_i (W_i y_i + D_i) - b sum_i W_i), so that of a row two sums are
enough to take any of its ratings out of it, with its part in the row's effect b and in the scale s.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange

from rbmcli.kernels.autoencoder_rows import add_scaled, ascend, dot, scale_of
from rbmcli.kernels.jit import inner_kernel, parallel_kernel
from rbmcli.kernels.scoring import NOT_OWN


class RowSums(NamedTuple):
    """What is known of R rows by their ratings.

    Attributes
    ----------
    inputs : float32 (R, P)
        sum_i (W_i y_i + D_i).
    given : float32 (R, P)
        sum_i W_i.
    total : float64 (R,)
        sum_i y_i.
    rated : int64 (R,)
        n.
    """

    inputs: np.ndarray
    given: np.ndarray
    total: np.ndarray
    rated: np.ndarray

    @classmethod
    def zeros(cls, rows: int, width: int) -> RowSums:
        """Return the sums of rows without ratings."""
        return cls(
            np.zeros((rows, width), np.float32),
            np.zeros((rows, width), np.float32),
            np.zeros(rows, np.float64),
            np.zeros(rows, np.int64),
        )


@inner_kernel
def _sum_row(start, column, level, weights, centring, sums, row):
    total = 0.0
    for e in range(start[row], start[row + 1]):
        y = centring.values[level[e]] - centring.effect[column[e]]
        total += y
        add_scaled(sums.inputs, row, y, weights.given, column[e])
        add_scaled(sums.inputs, row, np.float32(1.0), weights.rated, column[e])
        add_scaled(sums.given, row, np.float32(1.0), weights.given, column[e])
    sums.total[row] += total
    sums.rated[row] += start[row + 1] - start[row]


@parallel_kernel
def sum_rows(start, column, level, weights, centring, sums):
    """Fill the sums of rows.

    Parameters
    ----------
    start, column, level : int64 (R + 1,), int32 (ratings,), uint8 (ratings,)
        The ratings of each row.
    weights : Weights
        Of the autoencoder.
    centring : Centring
        What ratings are taken less of.
    sums : RowSums
        Zeros, which are added to.
    """
    for row in prange(start.shape[0] - 1):
        _sum_row(start, column, level, weights, centring, sums, row)


@inner_kernel
def _encode(sums, row, own, value, weights, sizes, centring, hidden):
    """Fill the units of a row, with the rating of column `own` of that value left out, or none at -1."""
    total, count = sums.total[row], sums.rated[row]
    if own >= 0:
        total -= value
        count -= 1
    effect = np.float32(total / (np.float64(centring.penalty) + count))
    scale = scale_of(count)
    for j in range(sums.inputs.shape[1]):
        inputs, given = sums.inputs[row, j], sums.given[row, j]
        if own >= 0:
            inputs -= value * weights.given[own, j] + weights.rated[own, j]
            given -= weights.given[own, j]
        hidden[0, 0, j] = weights.hidden_bias[0, j] + scale * (inputs - effect * given)
    ascend(weights, sizes, hidden, 0, np.float32(0.0), np.uint64(0))
    return effect


@parallel_kernel
def encode_rows(sums, weights, sizes, centring, code, effect):
    """Fill the last layer, float32 (R, Q), and the effect b, float32 (R,), of rows."""
    for row in prange(sums.rated.shape[0]):
        hidden = np.zeros((sizes.shape[0], 1, weights.hidden_bias.shape[1]), np.float32)
        effect[row] = _encode(sums, row, -1, np.float32(0.0), weights, sizes, centring, hidden)
        for j in range(code.shape[1]):
            code[row, j] = hidden[sizes.shape[0] - 1, 0, j]


@parallel_kernel
def score_rows(start, column, own, sums, weights, sizes, centring, said):
    """Predict pairs, row by row.

    Parameters
    ----------
    start, column, own : int64 (R + 1,), int32 (n,), uint8 (n,)
        The columns that are asked for, and the level at which the row has rated each, which is then left
        out; `NOT_OWN` elsewhere.
    sums : RowSums
        The rows.
    weights, sizes, centring
        The autoencoder.
    said : float64 (n,)
        Overwritten by expected ratings, less mu, which may be off the scale.
    """
    for row in prange(start.shape[0] - 1):
        if start[row] == start[row + 1]:
            continue
        hidden = np.zeros((sizes.shape[0], 1, weights.hidden_bias.shape[1]), np.float32)
        code = np.zeros((1, weights.output.shape[1]), np.float32)
        top, zero = sizes.shape[0] - 1, np.float32(0.0)
        whole = _encode(sums, row, -1, zero, weights, sizes, centring, hidden)
        for j in range(code.shape[1]):
            code[0, j] = hidden[top, 0, j]
        for place in range(start[row], start[row + 1]):
            asked = column[place]
            base = np.float64(centring.effect[asked]) + weights.bias[asked, 0]
            if own[place] == NOT_OWN:
                said[place] = base + whole + dot(code, 0, weights.output, asked)
            else:
                value = centring.values[own[place]] - centring.effect[asked]
                effect = _encode(sums, row, asked, value, weights, sizes, centring, hidden)
                said[place] = base + effect + dot(hidden[top], 0, weights.output, asked)

"""From the inputs of a row to the units of an autoencoder, in training and when it is asked."""

from __future__ import annotations

import numpy as np

from rbmcli.kernels.arithmetic import derive, sigmoid, uniform
from rbmcli.kernels.jit import inner_kernel

HALF = np.float32(0.5)
"""What sigma is at 0, which units are taken less of."""


@inner_kernel
def scale_of(count):
    """Return s."""
    return np.float32(1.0) / np.sqrt(np.float32(1.0) + np.float32(count))


@inner_kernel
def add_scaled(total, row, share, value, at):
    """total[row] += share value[at], over the width of value."""
    for j in range(value.shape[1]):
        total[row, j] += share * value[at, j]


@inner_kernel
def dot(left, row, right, at):
    """Return left[row] . right[at], over the width of right."""
    total = np.float32(0.0)
    for j in range(right.shape[1]):
        total += left[row, j] * right[at, j]
    return total


@inner_kernel
def _squash(units, row, size, dropout, numbers):
    """Replace inputs of a layer by its units, of which some are dropped, and the padding by 0."""
    grown = np.float32(1.0) / (np.float32(1.0) - dropout)
    for j in range(size):
        units[row, j] = sigmoid(units[row, j]) - HALF
    if dropout > 0:
        for j in range(size):
            kept = uniform(numbers, j) >= dropout
            units[row, j] = units[row, j] * grown if kept else np.float32(0.0)
    for j in range(size, units.shape[1]):
        units[row, j] = np.float32(0.0)


@inner_kernel
def ascend(weights, sizes, hidden, row, dropout, numbers):
    """From the inputs of the first layer of a row to the units of all."""
    for layer in range(sizes.shape[0]):
        if layer > 0:
            for j in range(sizes[layer]):
                hidden[layer, row, j] = weights.hidden_bias[layer, j]
            for i in range(sizes[layer - 1]):
                share = hidden[layer - 1, row, i]
                for j in range(sizes[layer]):
                    hidden[layer, row, j] += share * weights.dense[layer - 1, i, j]
        _squash(hidden[layer], row, sizes[layer], dropout, derive(numbers, layer))

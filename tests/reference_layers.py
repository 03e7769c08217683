"""The oracle of learning upper layers: slopes by them, and contrastive divergence of one of them.

It stands on tests/reference.py and shares its conventions.
"""

from __future__ import annotations

import numpy as np

from rbmcli.kernels.divergence import Rule
from tests.reference import Model, Pass, derive, layers_of, sigmoid, uniform


def slopes(model: Model, through: Pass, by_decoded: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the slope by the first layer's pre-activation, (R, F), and those by the arrays of upper layers.

    `by_decoded`, (R, F), is the slope by h_1'. The arrays are those of `Model`: sums over rows.
    """
    layers = layers_of(model)
    by_down = []
    for layer, state in zip(layers, through.down, strict=False):
        by_down.append(by_decoded * state * (1.0 - state))
        by_decoded = by_down[-1] @ layer.decoding.T
    by_input = by_decoded * through.up[-1] * (1.0 - through.up[-1])
    arrays = [np.zeros_like(array) for array in model.arrays()[5:]]
    for at, layer in reversed(list(enumerate(layers))):
        above, below = layer.weights.shape
        up = through.up[at]
        arrays[0][at, :above, :below] = by_input.T @ up
        arrays[1][at, :above, :below] = through.down[at + 1].T @ by_down[at]
        arrays[2][at, :above] = by_input.sum(axis=0)
        arrays[3][at, :below] = by_down[at].sum(axis=0)
        by_input = (by_input @ layer.weights) * up * (1.0 - up) + by_down[at]
    return by_input, arrays


def layer_gradient(
    model: Model, layer: int, below: np.ndarray, index: np.ndarray, prior: np.ndarray, rule: Rule, key: int
) -> tuple[Model, float]:
    """Return <.>_data - <.>_T of an upper layer, means over rows, and the loss of the first reconstruction.

    Parameters
    ----------
    model : Model
        Parameters.
    layer : int
        Which upper layer, from 0.
    below : ndarray of float64, shape (B, units below)
        Means of the layer below.
    index : ndarray of int, shape (B,)
        Places of the rows in the training set, which their random numbers depend on.
    prior : ndarray of float64, shape (units below,)
        What the decoding bias is added to.
    rule : Rule
        How many steps.
    key : int
        Key of the random numbers.
    """
    weights, _, bias, decoding = layers_of(model)[layer]
    data = mean = sigmoid(bias + below @ weights.T)
    loss = 0.0
    for step in range(rule.steps):
        keys = [derive(derive(key, step), int(row)) for row in index]
        numbers = np.array([[uniform(each, j) for j in range(len(bias))] for each in keys])
        shown = sigmoid(prior + decoding + (numbers < mean) @ weights)
        if step == 0:
            loss = -(below * np.log(shown) + (1.0 - below) * np.log1p(-shown)).sum()
        mean = sigmoid(bias + shown @ weights.T)
    gradient = [np.zeros_like(array) for array in model.arrays()]
    above, units = weights.shape
    gradient[5][layer, :above, :units] = (data.T @ below - mean.T @ shown) / len(below)
    gradient[7][layer, :above] = (data - mean).mean(axis=0)
    gradient[8][layer, :units] = (below - shown).mean(axis=0)
    return Model(model.form, *gradient), float(loss)


def followed_layer(
    model: Model, velocity: Model, gradient: Model, layer: int, rule: Rule
) -> tuple[Model, Model]:
    """Return parameters and velocity after one upper layer followed a gradient.

    M <- momentum M + rate (g - decay X), X <- X + M. Biases do not decay.
    """
    rate, momentum, decay = float(rule.rate), float(rule.momentum), float(rule.decay)
    values = [array.copy() for array in model.arrays()]
    speeds = [array.copy() for array in velocity.arrays()]
    for place, shrink in ((5, decay), (7, 0.0), (8, 0.0)):
        step = gradient.arrays()[place][layer] - shrink * values[place][layer]
        speeds[place][layer] = momentum * speeds[place][layer] + rate * step
        values[place][layer] += speeds[place][layer]
    return Model(model.form, *values), Model(model.form, *speeds)

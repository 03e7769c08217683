"""Where training starts from."""

from __future__ import annotations

import numpy as np

from rbmcli.kernels.arrays import Form, Parameters

_WEIGHT_SCALE = 0.01


def initial_parameters(column_prior: np.ndarray, form: Form, seed: int) -> Parameters:
    """Return small random weights and visible biases at the log base rates.

    W ~ N(0, 0.01^2), less its mean over the levels. Where weights are factored A is drawn like that, and
    B ~ N(0, 1), since with both of them small neither would have a gradient.
    """
    columns, levels = column_prior.shape
    parameters = Parameters.zeros(columns, levels, form)
    generator = np.random.default_rng(seed)
    functions, width = parameters.weights.shape[1], form.factors or form.hidden
    drawn = generator.standard_normal((columns, functions, width), np.float32) * np.float32(_WEIGHT_SCALE)
    parameters.weights[:, :, :width] = drawn if form.shared else drawn - drawn.mean(axis=1, keepdims=True)
    shape = (form.factors, form.hidden)
    parameters.factors[: form.factors, : form.hidden] = generator.standard_normal(shape, np.float32)
    parameters.visible_bias[:] = np.log(column_prior)
    return parameters


def draw_upper_weights(parameters: Parameters, form: Form, layer: int, seed: int) -> None:
    """Draw the weights of an upper layer, X = Y ~ N(0, 0.01^2); its biases stay 0."""
    generator = np.random.default_rng([seed, 2, layer])
    widths = [form.hidden, *form.upper]
    above, below = int(widths[layer + 1]), int(widths[layer])
    drawn = generator.standard_normal((above, below), np.float32) * np.float32(_WEIGHT_SCALE)
    parameters.upper_weights[layer, :above, :below] = drawn
    parameters.decoding_weights[layer, :above, :below] = drawn

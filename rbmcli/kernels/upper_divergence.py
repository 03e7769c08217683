"""Contrastive divergence of one upper layer, on what the layer below it is given the ratings of each row.

The layer below is dense: every row has a mean of each of its units. Its reconstructions are means too.
A thread owns a row of the mini-batch, or for the update a unit of the layer, so that none race and the result
has the same bits at any number of threads.

Source: G. Hinton, S. Osindero, Y. Teh (2006), "A fast learning algorithm for deep belief nets", Neural
Computation, section 4: each layer is learned as an RBM of the one below.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange

from rbmcli.kernels.arithmetic import derive, sigmoid, uniform
from rbmcli.kernels.arrays import Form, upper_shape
from rbmcli.kernels.columns import SMALLEST
from rbmcli.kernels.jit import inner_kernel, parallel_kernel
from rbmcli.kernels.updates import follow
from rbmcli.kernels.upper import activate_unit, add_from_above, width_below


class LayerScratch(NamedTuple):
    """Memory for a mini-batch of B rows.

    Attributes
    ----------
    data_hidden, model_hidden, state : float32 (B, A)
        E[h | below] given the data and given the reconstruction, and a state that is drawn from it.
    reconstruction : float32 (B, G)
        The layer below, from the state.
    loss : float64 (B,)
        Cross-entropy of the first reconstruction.
    """

    data_hidden: np.ndarray
    model_hidden: np.ndarray
    state: np.ndarray
    reconstruction: np.ndarray
    loss: np.ndarray

    @classmethod
    def sized(cls, rows: int, form: Form) -> LayerScratch:
        """Return scratch memory for at most so many rows."""
        _, above, below = upper_shape(form)
        return cls(
            data_hidden=np.zeros((rows, above), np.float32),
            model_hidden=np.zeros((rows, above), np.float32),
            state=np.zeros((rows, above), np.float32),
            reconstruction=np.zeros((rows, below), np.float32),
            loss=np.zeros(rows),
        )


@inner_kernel
def _activate(parameters, form, layer, below, row, mean, place):
    """E[h_j | below] of the units of the layer."""
    width = width_below(form, layer)
    for j in range(form.upper[layer]):
        mean[place, j] = sigmoid(activate_unit(parameters, layer, j, below, row, width))


@inner_kernel
def _gibbs_row(below, row, prior, layer, parameters, form, rule, scratch, place, key):
    """Run the Gibbs chain of one row; its last hidden units are means."""
    width, shown = width_below(form, layer), scratch.reconstruction
    _activate(parameters, form, layer, below, row, scratch.data_hidden, place)
    mean = scratch.data_hidden
    for step in range(rule.steps):
        numbers = derive(derive(key, step), row)
        for j in range(form.upper[layer]):
            drawn = uniform(numbers, j) < mean[place, j]
            scratch.state[place, j] = np.float32(1.0) if drawn else np.float32(0.0)
        for i in range(width):
            shown[place, i] = prior[i] + parameters.decoding_bias[layer, i]
        add_from_above(parameters.upper_weights, layer, scratch.state, form.upper[layer], place, width, shown)
        for i in range(width):
            shown[place, i] = sigmoid(shown[place, i])
        if step == 0:
            loss = 0.0
            for i in range(width):
                p, q = shown[place, i], np.float32(1.0) - shown[place, i]
                loss -= below[row, i] * np.log(np.float64(max(p, SMALLEST)))
                loss -= (np.float32(1.0) - below[row, i]) * np.log(np.float64(max(q, SMALLEST)))
            scratch.loss[place] = loss
        mean = scratch.model_hidden
        _activate(parameters, form, layer, shown, place, mean, place)


@inner_kernel
def _update_unit(rows, below, layer, parameters, velocity, form, rule, scratch, unit):
    """Follow g_i = sum over rows of [h_j below_i]_data - [h_j below_i]_model for a unit of the layer."""
    width = width_below(form, layer)
    gradient = np.zeros(parameters.upper_weights.shape[2], np.float32)
    for place in range(rows.shape[0]):
        data, model = scratch.data_hidden[place, unit], scratch.model_hidden[place, unit]
        for i in range(width):
            gradient[i] += data * below[rows[place], i] - model * scratch.reconstruction[place, i]
    step, shrink = rule.rate / np.float32(rows.shape[0]), rule.rate * rule.decay
    follow(
        parameters.upper_weights[layer],
        velocity.upper_weights[layer],
        gradient,
        unit,
        step,
        rule.momentum,
        shrink,
    )


@inner_kernel
def _update_biases(rows, below, layer, parameters, velocity, form, rule, scratch):
    """Follow the gradients of both biases of the layer."""
    upward = np.zeros(parameters.upper_bias.shape[1], np.float32)
    downward = np.zeros(parameters.decoding_bias.shape[1], np.float32)
    for place in range(rows.shape[0]):
        for j in range(form.upper[layer]):
            upward[j] += scratch.data_hidden[place, j] - scratch.model_hidden[place, j]
        for i in range(width_below(form, layer)):
            downward[i] += below[rows[place], i] - scratch.reconstruction[place, i]
    step, none = rule.rate / np.float32(rows.shape[0]), np.float32(0.0)
    follow(parameters.upper_bias, velocity.upper_bias, upward, layer, step, rule.momentum, none)
    follow(parameters.decoding_bias, velocity.decoding_bias, downward, layer, step, rule.momentum, none)


@parallel_kernel
def layer_divergence(rows, below, prior, layer, parameters, velocity, scratch, form, rule, key):
    """Do one mini-batch of CD-T of an upper layer.

    Parameters
    ----------
    rows : int32 (B,)
        The rows of the mini-batch.
    below : float32 (R, at least the units below)
        Means of the layer below, of every training row.
    prior : float32 (at least the units below,)
        Log odds of these units, to which the decoding bias is added.
    layer : int
        Which of the upper layers is learned, from 0.
    parameters, velocity : Parameters
        Changed in place, the arrays of this layer alone; its weights in both directions are `upper_weights`.
    scratch : LayerScratch
        Work memory, at least as large as the mini-batch.
    form : Form
        What kind of machine it is.
    rule : Rule
        How it learns: steps, rate, momentum and decay of it.
    key : uint64
        Key of the random numbers of this mini-batch.

    Returns
    -------
    float
        Cross-entropy of the first reconstruction with the layer below, summed over rows and units, in nats.
    """
    for place in prange(rows.shape[0]):
        _gibbs_row(below, rows[place], prior, layer, parameters, form, rule, scratch, place, key)
    for unit in prange(form.upper[layer]):
        _update_unit(rows, below, layer, parameters, velocity, form, rule, scratch, unit)
    _update_biases(rows, below, layer, parameters, velocity, form, rule, scratch)
    loss = 0.0
    for place in range(rows.shape[0]):
        loss += scratch.loss[place]
    return loss

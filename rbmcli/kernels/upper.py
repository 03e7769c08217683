"""The layers above the first one: up through them and back down, and a loss's way back through both.

Each upper layer starts as a Restricted Boltzmann Machine whose visible units are the layer below. On the way
up the layer below gives it, on the way down it corrects the layer below:

    h_l+1 = sigma(c_l + X_l h_l),    h_l' = sigma(a_l + d_l + Y_l^T h_l+1'),    h' = h at the top,

where a_l is the pre-activation of h_l on the way up. By Bayes' rule a unit's evidence from below stays what
it is, and what is expected of the unit beforehand is told by the layers above rather than by a constant; so
weights of 0 leave the first layer as it is. Columns meet h_1'. An RBM has Y = X; back-propagation learns the
two apart, which predicts better.

A thread owns a row, or for gradients a unit of an upper layer, whose sum over rows is made in order.

Source: G. Hinton, S. Osindero, Y. Teh (2006), "A fast learning algorithm for deep belief nets", Neural
Computation: an upper layer takes the place of the prior of the layer below. The pass is mean field.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from rbmcli.kernels.arithmetic import sigmoid
from rbmcli.kernels.jit import inner_kernel, parallel_kernel
from rbmcli.kernels.rows import squash
from rbmcli.kernels.updates import follow_adam


@inner_kernel
def width_below(form, layer):
    """Return the number of units below an upper layer."""
    return form.hidden if layer == 0 else form.upper[layer - 1]


@inner_kernel
def layer_below(first, upper, layer):
    """Return the array of the layer below an upper one: the first layer's, or one of the upper layers'."""
    return first if layer == 0 else upper[layer - 1]


@inner_kernel
def activate_unit(parameters, layer, unit, below, row, width):
    """Return c_j + sum_i X_ji h_i of a unit of an upper layer."""
    total = parameters.upper_bias[layer, unit]
    for i in range(width):
        total += parameters.upper_weights[layer, unit, i] * below[row, i]
    return total


@inner_kernel
def add_from_above(weights, layer, above, units, row, width, total):
    """total[row, i] += sum_j h_j X_ji over the units of an upper layer, with X by layer in `weights`."""
    for j in range(units):
        share = above[row, j]
        for i in range(width):
            total[row, i] += share * weights[layer, j, i]


@inner_kernel
def pass_layers(parameters, form, row, hidden, decoded, upper_hidden, upper_decoded):
    """h_1' of a row, from h_1 in `hidden`; `decoded` has a_1 and gets h_1'."""
    layers = form.upper.shape[0]
    for layer in range(layers):
        below, width = layer_below(hidden, upper_hidden, layer), width_below(form, layer)
        for j in range(form.upper[layer]):
            activation = activate_unit(parameters, layer, j, below, row, width)
            mean = sigmoid(activation)
            upper_hidden[layer, row, j] = mean
            upper_decoded[layer, row, j] = mean if layer == layers - 1 else activation
    for layer in range(layers - 1, -1, -1):
        below, width = layer_below(decoded, upper_decoded, layer), width_below(form, layer)
        for i in range(width):
            below[row, i] += parameters.decoding_bias[layer, i]
        units, weights = form.upper[layer], parameters.decoding_weights
        add_from_above(weights, layer, upper_decoded[layer], units, row, width, below)
        for i in range(width):
            below[row, i] = sigmoid(below[row, i])


@inner_kernel
def pass_layers_back(parameters, form, row, slope, scratch):
    """slope = derivative of the loss by a_1 of a row, from that by h_1', which it holds.

    The ways are gone back in turn: e_l = dh_l' h_l' (1 - h_l') with dh_l+1' = Y_l e_l, and then
    da_l = (X_l^T da_l+1) h_l (1 - h_l) + e_l, where da = e at the top.
    """
    layers = form.upper.shape[0]
    for j in range(form.hidden):
        h = scratch.decoded[row, j]
        scratch.decoded_slope[row, j] = slope[row, j] * h * (np.float32(1.0) - h)
    for layer in range(layers):
        below = layer_below(scratch.decoded_slope, scratch.upper_decoded_slope, layer)
        width = width_below(form, layer)
        for j in range(form.upper[layer]):
            total = np.float32(0.0)
            for i in range(width):
                total += parameters.decoding_weights[layer, j, i] * below[row, i]
            h = scratch.upper_decoded[layer, row, j]
            total *= h * (np.float32(1.0) - h)
            scratch.upper_decoded_slope[layer, row, j] = total
            scratch.upper_slope[layer, row, j] = total
    for layer in range(layers - 1, -1, -1):
        below, width = layer_below(slope, scratch.upper_slope, layer), width_below(form, layer)
        mean = layer_below(scratch.data_hidden, scratch.upper_hidden, layer)
        besides = layer_below(scratch.decoded_slope, scratch.upper_decoded_slope, layer)
        for i in range(width):
            below[row, i] = np.float32(0.0)
        units, weights = form.upper[layer], parameters.upper_weights
        add_from_above(weights, layer, scratch.upper_slope[layer], units, row, width, below)
        for i in range(width):
            h = mean[row, i]
            below[row, i] = below[row, i] * h * (np.float32(1.0) - h) + besides[row, i]


@inner_kernel
def update_unit(rows, parameters, mean, square, form, scratch, unit, scale, decay, rate, corrections):
    """Adam's step of the weights of a unit: dX_ji = sum over rows of da_j h_i, dY_ji = that of h_j' e_i.

    Units are counted over the places of all upper layers, of which those that are padding have no weights.
    """
    places, width = parameters.upper_weights.shape[1:]
    layer, j = unit // places, unit % places
    if j >= form.upper[layer]:
        return
    upward, downward = np.zeros(width, np.float32), np.zeros(width, np.float32)
    below = layer_below(scratch.data_hidden, scratch.upper_hidden, layer)
    below_slope = layer_below(scratch.decoded_slope, scratch.upper_decoded_slope, layer)
    for row in range(rows):
        slope, state = scratch.upper_slope[layer, row, j], scratch.upper_decoded[layer, row, j]
        for i in range(width_below(form, layer)):
            upward[i] += slope * below[row, i]
            downward[i] += state * below_slope[row, i]
    follow_adam(
        parameters.upper_weights.reshape(-1, width),
        mean.upper_weights.reshape(-1, width),
        square.upper_weights.reshape(-1, width),
        upward,
        unit,
        scale,
        decay,
        rate,
        corrections,
    )
    follow_adam(
        parameters.decoding_weights.reshape(-1, width),
        mean.decoding_weights.reshape(-1, width),
        square.decoding_weights.reshape(-1, width),
        downward,
        unit,
        scale,
        decay,
        rate,
        corrections,
    )


@inner_kernel
def update_upper_biases(rows, parameters, mean, square, form, scratch, scale, rate, corrections):
    """Adam's step of the biases of all upper layers: dc_j = sum over rows of da_j, dd_i = that of e_i."""
    none = np.float32(0.0)
    for layer in range(form.upper.shape[0]):
        upward = np.zeros(parameters.upper_bias.shape[1], np.float32)
        downward = np.zeros(parameters.decoding_bias.shape[1], np.float32)
        below_slope = layer_below(scratch.decoded_slope, scratch.upper_decoded_slope, layer)
        for row in range(rows):
            for j in range(form.upper[layer]):
                upward[j] += scratch.upper_slope[layer, row, j]
            for i in range(width_below(form, layer)):
                downward[i] += below_slope[row, i]
        follow_adam(
            parameters.upper_bias,
            mean.upper_bias,
            square.upper_bias,
            upward,
            layer,
            scale,
            none,
            rate,
            corrections,
        )
        follow_adam(
            parameters.decoding_bias,
            mean.decoding_bias,
            square.decoding_bias,
            downward,
            layer,
            scale,
            none,
            rate,
            corrections,
        )


@parallel_kernel
def pass_rows(activation, parameters, form, decoded, top):
    """Fill what the rows come down to after all layers.

    Parameters
    ----------
    activation : float32 (R, W)
        Pre-activations of the first layer.
    parameters : Parameters
        The model.
    form : Form
        What kind of machine the model is.
    decoded : float32 (R, W)
        Overwritten by h_1', what columns meet; without upper layers h_1.
    top : float32 (R, A)
        Overwritten by the means of the highest layer; untouched without upper layers.
    """
    layers, units = form.upper.shape[0], parameters.upper_bias.shape[1]
    for row in prange(activation.shape[0]):
        hidden, passed = activation[row : row + 1].copy(), activation[row : row + 1].copy()
        squash(hidden, 0, form)
        if layers == 0:
            decoded[row] = hidden[0]
            continue
        up, down = np.empty((layers, 1, units), np.float32), np.empty((layers, 1, units), np.float32)
        pass_layers(parameters, form, 0, hidden, passed, up, down)
        for j in range(form.hidden):
            decoded[row, j] = passed[0, j]
        for j in range(form.upper[layers - 1]):
            top[row, j] = up[layers - 1, 0, j]

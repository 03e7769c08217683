"""The walk by row: from the ratings of a row to its hidden units.

A thread owns a row, and adds up what its ratings bring in the order that the mini-batch has them.

Source: Salakhutdinov, Mnih, Hinton (2007), equation 2, with the D of equation 10, the normal hidden units of
section 3.2 and the factors of section 5.
"""

from __future__ import annotations

import numpy as np

from rbmcli.kernels.arithmetic import derive, normal, sigmoid, uniform
from rbmcli.kernels.groups import add_conditional, add_expected_group, add_groups, project_level
from rbmcli.kernels.jit import inner_kernel


@inner_kernel
def start_row(parameters, form, row, sums, activation):
    """Begin the input of a row: a_j = b_j, and no sum before the factors."""
    for j in range(activation.shape[1]):
        activation[row, j] = parameters.hidden_bias[j]
    if form.factors > 0:
        for c in range(sums.shape[1]):
            sums[row, c] = np.float32(0.0)


@inner_kernel
def through_factors(parameters, form, row, sums, activation):
    """a_j += sum_c (sum_i A_ic^{k(i)}) B_cj, where weights are factored."""
    if form.factors > 0:
        for c in range(form.factors):
            share = sums[row, c]
            for j in range(activation.shape[1]):
                activation[row, j] += share * parameters.factors[c, j]


@inner_kernel
def activate_from_levels(parameters, form, column, level, span, row, sums, activation):
    """a_j = b_j + sum_i W_ij^{k(i)} + sum_i D_ij of one row.

    `span` has three places of `column` and `level`: the first rating, where those of a known level end,
    and the end of all. D counts for both kinds.
    """
    start_row(parameters, form, row, sums, activation)
    total = sums if form.factors > 0 else activation
    add_groups(parameters.weights, form, column, level, span[0], span[1], total, row)
    through_factors(parameters, form, row, sums, activation)
    if form.conditional:
        add_conditional(parameters.conditional, column, span[0], span[2], activation, row)


@inner_kernel
def activate_from_shares(parameters, form, column, share, span, row, sums, activation):
    """a_j = b_j + sum_i sum_k p_i^k W_ij^k + sum_i D_ij of one row; p by rating, (E, K)."""
    start_row(parameters, form, row, sums, activation)
    total = sums if form.factors > 0 else activation
    add_expected(parameters, form, column, share, span, row, total)
    through_factors(parameters, form, row, sums, activation)
    if form.conditional:
        add_conditional(parameters.conditional, column, span[0], span[2], activation, row)


@inner_kernel
def add_expected(parameters, form, column, share, span, row, total):
    """total[row, c] += sum over the ratings of a known level of sum_k share^k (Phi U_i)_c^k."""
    if form.shared:
        projected = np.empty((1, form.basis.shape[1]), np.float32)
        for e in range(span[0], span[1]):
            project_level(form, share, e, projected)
            add_expected_group(parameters.weights, column[e], projected, 0, total, row)
    else:
        for e in range(span[0], span[1]):
            add_expected_group(parameters.weights, column[e], share, e, total, row)


@inner_kernel
def squash(activation, row, form):
    """Replace pre-activations by the means of the hidden units, and the padding by 0."""
    if not form.gaussian:
        for j in range(activation.shape[1]):
            activation[row, j] = sigmoid(activation[row, j])
    for j in range(form.hidden, activation.shape[1]):
        activation[row, j] = np.float32(0.0)


@inner_kernel
def sample_hidden(mean, state, row, form, key):
    """Draw the hidden units of a row: h_j = 1 with probability `mean`, or h_j ~ N(mean, 1)."""
    if form.gaussian:
        for j in range(form.hidden):
            state[row, j] = mean[row, j] + normal(key, j)
    else:
        for j in range(form.hidden):
            state[row, j] = np.float32(1.0) if uniform(key, j) < mean[row, j] else np.float32(0.0)


@inner_kernel
def to_features(parameters, form, hidden, row, features):
    """g_c = sum_j B_cj h_j, where weights are factored; elsewhere features are the hidden units."""
    if form.factors > 0:
        for c in range(form.factors):
            total = np.float32(0.0)
            for j in range(hidden.shape[1]):
                total += parameters.factors[c, j] * hidden[row, j]
            features[row, c] = total


@inner_kernel
def row_key(batch, key, row):
    """Return the key of a row's random numbers, whatever batch the row is in."""
    return derive(key, batch.rows[row])

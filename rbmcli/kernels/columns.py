"""The walk by column: reconstructed levels of its ratings, and the gradient of its parameters.

A thread owns a visible group. Its ratings stand together, ordered by level, so that what the ratings of
one level add up to is summed at once.
"""

from __future__ import annotations

import numpy as np

from rbmcli.kernels.groups import group_products, spread_over_levels
from rbmcli.kernels.jit import inner_kernel

BLOCK = 64
"""Ratings whose softmax is taken together."""

SMALLEST = np.float32(1e-30)


@inner_kernel
def block_memory(form):
    """Return work memory for a block of ratings: places, products, logits, and totals of `softmax_block`."""
    levels, functions = form.basis.shape
    return (
        np.empty(BLOCK, np.int64),
        np.empty((functions, BLOCK + 1), np.float32),
        np.empty((levels, BLOCK + 1), np.float32),
        np.empty((2, BLOCK), np.float32),
    )


@inner_kernel
def block_logits(batch, parameters, form, features, row_bias, places, count, products, logits):
    """logits[k, n] = b_i^k + b_u^k + sum_s phi_s(k) sum_c U_ic^s g_c for the ratings at places[:count].

    To it comes the offset of each rating, where there are any.
    `products`, (S, BLOCK + 1), and `logits`, (K, BLOCK + 1), have one place to spare, for the second of a
    pair that is none.
    """
    target = products if form.shared else logits
    n = 0
    while n < count:
        column, row = batch.entry_column[places[n]], batch.entry_row[places[n]]
        other_row, taken = row, 1
        if n + 1 < count and batch.entry_column[places[n + 1]] == column:
            other_row, taken = batch.entry_row[places[n + 1]], 2
        group_products(parameters.weights, column, features, row, other_row, target, n)
        n += taken
    if form.shared:
        spread_over_levels(form, products, logits, count)
    for n in range(count):
        column, row = batch.entry_column[places[n]], batch.entry_row[places[n]]
        for k in range(logits.shape[0]):
            logits[k, n] += parameters.visible_bias[column, k] + row_bias[row, k]
    if batch.entry_offset.shape[0] > 0:
        for n in range(count):
            for k in range(logits.shape[0]):
                logits[k, n] += batch.entry_offset[places[n], k]


@inner_kernel
def add_rows(source, rows, first, last, sign, total, at):
    """total[at, j] += sign times the sum over places first..last of source[rows[place], j]."""
    whole = last - (last - first) % 4
    for place in range(first, whole, 4):
        r0, r1, r2, r3 = rows[place], rows[place + 1], rows[place + 2], rows[place + 3]
        for j in range(total.shape[1]):
            total[at, j] += sign * ((source[r0, j] + source[r1, j]) + (source[r2, j] + source[r3, j]))
    for place in range(whole, last):
        row = rows[place]
        for j in range(total.shape[1]):
            total[at, j] += sign * source[row, j]


@inner_kernel
def add_rows_of_level(form, source, rows, first, last, sign, level, total, gradient):
    """gradient[s, c] += sign phi_s(level) times the sum over places first..last of source[rows[place], c].

    `total`, (1, V), is work memory.
    """
    if form.shared:
        for c in range(total.shape[1]):
            total[0, c] = np.float32(0.0)
        add_rows(source, rows, first, last, sign, total, 0)
        for s in range(gradient.shape[0]):
            share = form.basis[level, s]
            for c in range(gradient.shape[1]):
                gradient[s, c] += share * total[0, c]
    else:
        add_rows(source, rows, first, last, sign, gradient, level)


@inner_kernel
def subtract_drawn(form, level, source, rows, first, last, gradient):
    """gradient[s, c] -= sum over places first..last of phi_s(level[place]) source[rows[place], c].

    Levels are in no order. Two ratings in a row of one level are subtracted at once; sorting them, so that
    there are more of these, takes longer than it saves.
    """
    if form.shared:
        for place in range(first, last):
            row = rows[place]
            for s in range(gradient.shape[0]):
                share = form.basis[level[place], s]
                for c in range(gradient.shape[1]):
                    gradient[s, c] -= share * source[row, c]
        return
    place = first
    while place < last:
        row, k = rows[place], level[place]
        if place + 1 < last and level[place + 1] == k:
            other = rows[place + 1]
            for c in range(gradient.shape[1]):
                gradient[k, c] -= source[row, c] + source[other, c]
            place += 2
        else:
            for c in range(gradient.shape[1]):
                gradient[k, c] -= source[row, c]
            place += 1


@inner_kernel
def subtract_expected(form, share, source, entries, rows, first, last, projected, gradient):
    """gradient[s, c] -= sum over places first..last of sum_k phi_s(k) share[entry, k] source[row, c].

    Two ratings are subtracted at once, which halves the traffic of the gradient. `projected`, (2, S), is work
    memory.
    """
    functions, width = gradient.shape
    for place in range(first, last, 2):
        other = min(place + 1, last - 1)
        row, other_row = rows[place], rows[other]
        for s in range(functions):
            projected[0, s] = share[entries[place], s]
            projected[1, s] = share[entries[other], s] if other > place else np.float32(0.0)
        if form.shared:
            for s in range(functions):
                p = q = np.float32(0.0)
                for k in range(share.shape[1]):
                    p += form.basis[k, s] * share[entries[place], k]
                    q += form.basis[k, s] * share[entries[other], k]
                projected[0, s] = p
                projected[1, s] = q if other > place else np.float32(0.0)
        for s in range(functions):
            p, q = projected[0, s], projected[1, s]
            for c in range(width):
                gradient[s, c] -= p * source[row, c] + q * source[other_row, c]

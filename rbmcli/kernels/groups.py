"""What every pass does with a visible group: its logits, its softmax, its part of a hidden unit's input.

A group is the (S, V) block of weights of one column. Loops go through five functions of the level at once
where there are as many (running sums side by side hide the latency of one, and scales often have five or
ten levels) and through four ratings at once where they add up vectors, which saves three in four reads
and writes of the sum.

Functions take whole arrays and an index rather than slices, because a slice costs a reference count,
and these are the innermost loops.
"""

from __future__ import annotations

import numpy as np

from rbmcli.kernels.arithmetic import exponential
from rbmcli.kernels.jit import inner_kernel


@inner_kernel
def add_conditional(conditional, column, first, last, total, row):
    """total[row, j] += sum over ratings first..last of D_ij."""
    whole = last - (last - first) % 4
    for e in range(first, whole, 4):
        i0, i1, i2, i3 = column[e], column[e + 1], column[e + 2], column[e + 3]
        for j in range(total.shape[1]):
            total[row, j] += (conditional[i0, j] + conditional[i1, j]) + (
                conditional[i2, j] + conditional[i3, j]
            )
    for e in range(whole, last):
        i = column[e]
        for j in range(total.shape[1]):
            total[row, j] += conditional[i, j]


@inner_kernel
def add_groups(weights, form, column, level, first, last, total, row):
    """total[row, c] += sum over ratings first..last of sum_s phi_s(k(i)) U_ic^s."""
    if form.shared:
        for e in range(first, last):
            i, k = column[e], level[e]
            for s in range(weights.shape[1]):
                share = form.basis[k, s]
                for c in range(weights.shape[2]):
                    total[row, c] += share * weights[i, s, c]
        return
    whole = last - (last - first) % 4
    for e in range(first, whole, 4):
        i0, i1, i2, i3 = column[e], column[e + 1], column[e + 2], column[e + 3]
        k0, k1, k2, k3 = level[e], level[e + 1], level[e + 2], level[e + 3]
        for c in range(weights.shape[2]):
            total[row, c] += (weights[i0, k0, c] + weights[i1, k1, c]) + (
                weights[i2, k2, c] + weights[i3, k3, c]
            )
    for e in range(whole, last):
        i, k = column[e], level[e]
        for c in range(weights.shape[2]):
            total[row, c] += weights[i, k, c]


@inner_kernel
def add_expected_group(weights, column, share, place, total, row):
    """total[row, c] += sum_s q[place, s] U_ic^s, with q the coefficients of one rating."""
    functions, width = weights.shape[1], weights.shape[2]
    unrolled = functions - functions % 5
    for s in range(0, unrolled, 5):
        q0, q1, q2 = share[place, s], share[place, s + 1], share[place, s + 2]
        q3, q4 = share[place, s + 3], share[place, s + 4]
        for c in range(width):
            total[row, c] += (
                q0 * weights[column, s, c]
                + q1 * weights[column, s + 1, c]
                + q2 * weights[column, s + 2, c]
                + q3 * weights[column, s + 3, c]
                + q4 * weights[column, s + 4, c]
            )
    for s in range(unrolled, functions):
        q = share[place, s]
        for c in range(width):
            total[row, c] += q * weights[column, s, c]


@inner_kernel
def project_level(form, share, place, projected):
    """projected[0, s] = sum_k phi_s(k) share[place, k]."""
    for s in range(form.basis.shape[1]):
        projected[0, s] = np.float32(0.0)
    for k in range(form.basis.shape[0]):
        for s in range(form.basis.shape[1]):
            projected[0, s] += form.basis[k, s] * share[place, k]


@inner_kernel
def group_products(weights, column, features, row, other_row, products, place):
    """products[s, place] = sum_c U_ic^s g[row, c], and at place + 1 the same of `other_row`.

    Two ratings of a column share each weight that is read; for a single one both rows are the same.
    """
    functions, width = weights.shape[1], weights.shape[2]
    unrolled = functions - functions % 5
    for s in range(0, unrolled, 5):
        s0 = s1 = s2 = s3 = s4 = np.float32(0.0)
        t0 = t1 = t2 = t3 = t4 = np.float32(0.0)
        for c in range(width):
            g, other = features[row, c], features[other_row, c]
            w0, w1 = weights[column, s, c], weights[column, s + 1, c]
            w2, w3 = weights[column, s + 2, c], weights[column, s + 3, c]
            w4 = weights[column, s + 4, c]
            s0 += w0 * g
            s1 += w1 * g
            s2 += w2 * g
            s3 += w3 * g
            s4 += w4 * g
            t0 += w0 * other
            t1 += w1 * other
            t2 += w2 * other
            t3 += w3 * other
            t4 += w4 * other
        products[s, place], products[s, place + 1] = s0, t0
        products[s + 1, place], products[s + 1, place + 1] = s1, t1
        products[s + 2, place], products[s + 2, place + 1] = s2, t2
        products[s + 3, place], products[s + 3, place + 1] = s3, t3
        products[s + 4, place], products[s + 4, place + 1] = s4, t4
    for s in range(unrolled, functions):
        total = other_total = np.float32(0.0)
        for c in range(width):
            w = weights[column, s, c]
            total += w * features[row, c]
            other_total += w * features[other_row, c]
        products[s, place], products[s, place + 1] = total, other_total


@inner_kernel
def spread_over_levels(form, products, logits, count):
    """logits[k, place] = sum_s phi_s(k) products[s, place] for `count` places."""
    for k in range(form.basis.shape[0]):
        for place in range(count):
            logits[k, place] = np.float32(0.0)
        for s in range(form.basis.shape[1]):
            share = form.basis[k, s]
            for place in range(count):
                logits[k, place] += share * products[s, place]


@inner_kernel
def softmax_block(logits, total, count):
    """Replace the logits of `count` places by probabilities, place by place; logits (K, places).

    The largest logit is subtracted first, so that nothing overflows. Loops run over places inside, so
    that they vectorise whatever K is. `total`, (2, places), is work memory.
    """
    for place in range(count):
        total[0, place] = logits[0, place]
        total[1, place] = np.float32(0.0)
    for k in range(1, logits.shape[0]):
        for place in range(count):
            total[0, place] = max(total[0, place], logits[k, place])
    for k in range(logits.shape[0]):
        for place in range(count):
            share = exponential(logits[k, place] - total[0, place])
            logits[k, place] = share
            total[1, place] += share
    for place in range(count):
        total[1, place] = np.float32(1.0) / total[1, place]
    for k in range(logits.shape[0]):
        for place in range(count):
            logits[k, place] *= total[1, place]


@inner_kernel
def choose_level(probability, place, number):
    """Return the level where the running sum of probability[:, place] passes `number` in [0, 1).

    Counting the levels that it has not passed takes no branch, and which way one goes is a coin's toss.
    """
    running = np.float32(0.0)
    chosen = 0
    for k in range(probability.shape[0] - 1):
        running += probability[k, place]
        chosen += number >= running
    return chosen

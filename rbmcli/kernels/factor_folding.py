"""Folding users into samples of a factorization: what the posterior of their factors says of pairs.

With items fixed, the factors p of a user are those of a linear regression of the user's ratings on
x_i = (q_i, 1): normal with precision A = alpha sum x x' + diag(lambda) and mean A^-1 (alpha sum x
(r - mu - c_i) + lambda (m + w sum_i y_i)), w = 1 / sqrt(n). A pair whose own rating is left out has the same
without it: of A one row less, by the formula of Sherman and Morrison, and of the rest the sums without it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange

from rbmcli.kernels.cholesky import factorise, halfway, solve
from rbmcli.kernels.jit import inner_kernel, parallel_kernel

VARIANCE_STRIDE = 6
"""The variance within a sample is taken of every sixth: it differs little, and takes most of the time."""


class ItemSamples(NamedTuple):
    """What samples of a factorization hold of M items, one more for any that is not known, and of users.

    Attributes
    ----------
    features : float32 (S, M + 1, F + 1)
        x_i: the factors of each item, and a 1 for the user's bias.
    implicit : float32 (S, M + 1, F + 1)
        y_i, what having rated the item adds to a user's factors and bias.
    bias : float32 (S, M + 1)
        c_i.
    mean, precision : float64 (S, F + 1)
        m and lambda: the prior of users' own factors and bias.
    alpha : float64 (S,)
        Precision of a rating.
    """

    features: np.ndarray
    implicit: np.ndarray
    bias: np.ndarray
    mean: np.ndarray
    precision: np.ndarray
    alpha: np.ndarray


@inner_kernel
def _sums(item, value, first, last, sample, items, base, matrix, products, added):
    """Fill sum x x', sum x (r - mu - c) and sum y over the ratings of a user."""
    size = products.shape[0]
    matrix[:, :] = 0.0
    products[:] = 0.0
    added[:] = 0.0
    for entry in range(first, last):
        i = item[entry]
        target = value[entry] - base - items.bias[sample, i]
        for j in range(size):
            x = items.features[sample, i, j]
            added[j] += items.implicit[sample, i, j]
            products[j] += x * target
            for m in range(j + 1):
                matrix[j, m] += x * items.features[sample, i, m]


@inner_kernel
def _right_side(products, added, count, own, own_value, sample, items, base, right):
    """Fill alpha sum x (r - mu - c) + lambda (m + w sum y), of all ratings or without the own one."""
    alpha = items.alpha[sample]
    kept = count - (1 if own >= 0 else 0)
    weight = 1.0 / np.sqrt(max(kept, 1))
    for j in range(products.shape[0]):
        product, implicit = products[j], added[j]
        if own >= 0:
            target = own_value - base - items.bias[sample, own]
            product -= items.features[sample, own, j] * target
            implicit -= items.implicit[sample, own, j]
        mean = items.mean[sample, j] + weight * implicit
        right[0, j] = alpha * product + items.precision[sample, j] * mean


@inner_kernel
def _product(features, sample, item, right):
    """Return x . right for an item."""
    total = 0.0
    for j in range(right.shape[1]):
        total += right[0, j] * features[sample, item, j]
    return total


@inner_kernel
def _variance(factor, features, sample, item, half):
    """Return x' A^-1 x = |L^-1 x|^2 for an item, with A = L L'; `half` is work memory."""
    total = 0.0
    for j in range(half.shape[1]):
        half[0, j] = features[sample, item, j]
    halfway(factor, half, 0)
    for j in range(half.shape[1]):
        total += half[0, j] * half[0, j]
    return total


@parallel_kernel
def fold_in(start, item, value, ask_start, ask_item, ask_own, items, base, low, high, mean, square, variance):
    """Ask samples of a factorization for pairs of users with histories.

    Parameters
    ----------
    start, item, value : int64 (U + 1,), int32 (ratings,), float64 (ratings,)
        The ratings of each user.
    ask_start, ask_item : int64 (U + 1,), int32 (n,)
        The items that are asked for, user by user.
    ask_own : float64 (n,)
        The rating that the pair has among those of the user, which is left out of them; NaN without one.
    items : ItemSamples
        What is known of items and of the users' prior, by sample.
    base, low, high : float64
        mu, and the ends of the scale.
    mean, square, variance : float64 (n,)
        Overwritten: of the samples' expected ratings, each kept within the scale, the mean and the mean
        square; and the mean of the variances of every sixth.
    """
    samples, size = items.alpha.shape[0], items.features.shape[2]
    for user in prange(start.shape[0] - 1):
        first, last = start[user], start[user + 1]
        matrix, factor = np.empty((size, size)), np.empty((size, size))
        products, added = np.empty(size), np.empty(size)
        right, half = np.empty((1, size)), np.empty((1, size))
        for place in range(ask_start[user], ask_start[user + 1]):
            mean[place] = square[place] = variance[place] = 0.0
        if ask_start[user] == ask_start[user + 1]:
            continue
        for sample in range(samples):
            alpha, with_variance = items.alpha[sample], sample % VARIANCE_STRIDE == 0
            _sums(item, value, first, last, sample, items, base, matrix, products, added)
            for j in range(size):
                for m in range(j + 1):
                    factor[j, m] = alpha * matrix[j, m]
                factor[j, j] += items.precision[sample, j]
            factorise(factor)
            _right_side(products, added, last - first, -1, 0.0, sample, items, base, right)
            solve(factor, right)
            for place in range(ask_start[user], ask_start[user + 1]):
                i = ask_item[place]
                spread = 0.0
                if ask_own[place] == ask_own[place]:
                    # The own rating is one of the item that is asked for, so that x is the same.
                    spread = _variance(factor, items.features, sample, i, half)
                    kept = max(1.0 - alpha * spread, 1e-12)
                    _right_side(products, added, last - first, i, ask_own[place], sample, items, base, half)
                    solve(factor, half)
                    said = _product(items.features, sample, i, half) / kept
                    spread /= kept
                else:
                    said = _product(items.features, sample, i, right)
                    if with_variance:
                        spread = _variance(factor, items.features, sample, i, half)
                said = min(max(base + items.bias[sample, i] + said, low), high)
                mean[place] += said / samples
                square[place] += said * said / samples
                if with_variance:
                    variance[place] += spread
        taken = (samples + VARIANCE_STRIDE - 1) // VARIANCE_STRIDE
        for place in range(ask_start[user], ask_start[user + 1]):
            variance[place] /= taken

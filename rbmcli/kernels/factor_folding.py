"""Folding users into samples of a factorization: what the posterior of their factors says of pairs.

With items fixed, the factors p of a user are those of a linear regression of the user's ratings on
x_i = (1, q_i): normal with precision A = alpha sum g_i x x' + diag(lambda) and mean A^-1 (alpha sum g_i x
(r - mu - c_i) + lambda (m + w sum_i y_i)), w = 1 / sqrt(n), g_i the precision of the item's ratings. That of
the user's own is taken for 1: its few ratings tell so little of it that folding it in predicts no better, and
a rating could not be left out of it in closed form. A pair whose own rating is left out has the same without
it: of A one row less, by the formula of Sherman and Morrison, and of the rest the sums without it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange

from rbmcli.kernels.cholesky import halfway, solve
from rbmcli.kernels.jit import inner_kernel, parallel_kernel
from rbmcli.kernels.normal_equations import add_up, empty_sums, factorise_posterior

VARIANCE_STRIDE = 16
"""The variance within a sample is taken of every sixteenth: it differs little, and takes much time."""


class ItemSamples(NamedTuple):
    """What samples of a factorization hold of M items, one more for any that is not known, and of users.

    P is the number of factors with the bias, which comes first, padded with zeros to a multiple of `LANES`.

    Attributes
    ----------
    factors : float32 (S, M + 1, P)
        c_i and q_i.
    implicit : float32 (S, M + 1, P)
        y_i, what having rated the item adds to a user's bias and factors.
    mean, precision : float64 (S, P)
        m and lambda: the prior of users' own bias and factors.
    noise_precision : float32 (S, M + 1)
        g_i.
    alpha : float64 (S,)
        Precision of a rating of an item whose g_i is 1.
    """

    factors: np.ndarray
    implicit: np.ndarray
    mean: np.ndarray
    precision: np.ndarray
    noise_precision: np.ndarray
    alpha: np.ndarray


@inner_kernel
def _right_side(products, added, count, own, own_value, sample, items, base, right):
    """Fill alpha sum g x (r - mu - c) + lambda (m + w sum y), of all ratings or without the own one."""
    alpha = items.alpha[sample]
    kept = count - (1 if own >= 0 else 0)
    weight = 1.0 / np.sqrt(max(kept, 1))
    for j in range(products.shape[1]):
        product, implicit = products[0, j], added[j]
        if own >= 0:
            target = items.noise_precision[sample, own] * (own_value - base - items.factors[sample, own, 0])
            product -= (items.factors[sample, own, j] if j > 0 else 1.0) * target
            implicit -= items.implicit[sample, own, j]
        mean = items.mean[sample, j] + weight * implicit
        right[0, j] = alpha * product + items.precision[sample, j] * mean


@inner_kernel
def _product(factors, sample, item, right):
    """Return x . right for an item."""
    total = right[0, 0]
    for j in range(1, right.shape[1]):
        total += right[0, j] * factors[sample, item, j]
    return total


@inner_kernel
def _variance(factor, factors, sample, item, half):
    """Return x' A^-1 x = |U'^-1 x|^2 for an item, with A = U' U; `half` is work memory."""
    total = 0.0
    for j in range(half.shape[1]):
        half[0, j] = factors[sample, item, j]
    half[0, 0] = 1.0
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
        square; and the mean of the variances of every sixteenth.
    """
    samples, size = items.alpha.shape[0], items.factors.shape[2]
    for user in prange(start.shape[0] - 1):
        first, last = start[user], start[user + 1]
        sums, added = empty_sums(size), np.empty(size)
        right, half = np.empty((1, size)), np.empty((1, size))
        for place in range(ask_start[user], ask_start[user + 1]):
            mean[place] = square[place] = variance[place] = 0.0
        if ask_start[user] == ask_start[user + 1]:
            continue
        for sample in range(samples):
            alpha, with_variance = items.alpha[sample], sample % VARIANCE_STRIDE == 0
            factor = sums.matrix
            add_up(item, value, first, last, items.factors[sample], items.noise_precision[sample], base, sums)
            factorise_posterior(sums, alpha, items.precision[sample])
            added[:] = 0.0
            for entry in range(first, last):
                for j in range(size):
                    added[j] += items.implicit[sample, item[entry], j]
            _right_side(sums.products, added, last - first, -1, 0.0, sample, items, base, right)
            solve(factor, right)
            for place in range(ask_start[user], ask_start[user + 1]):
                i = ask_item[place]
                spread = 0.0
                if ask_own[place] == ask_own[place]:
                    # The own rating is one of the item that is asked for, so that x is the same.
                    spread = _variance(factor, items.factors, sample, i, half)
                    kept = max(1.0 - alpha * items.noise_precision[sample, i] * spread, 1e-12)
                    _right_side(
                        sums.products, added, last - first, i, ask_own[place], sample, items, base, half
                    )
                    solve(factor, half)
                    said = _product(items.factors, sample, i, half) / kept
                    spread /= kept
                else:
                    said = _product(items.factors, sample, i, right)
                    if with_variance:
                        spread = _variance(factor, items.factors, sample, i, half)
                said = min(max(base + items.factors[sample, i, 0] + said, low), high)
                mean[place] += said / samples
                square[place] += said * said / samples
                if with_variance:
                    variance[place] += spread
        taken = (samples + VARIANCE_STRIDE - 1) // VARIANCE_STRIDE
        for place in range(ask_start[user], ask_start[user + 1]):
            variance[place] /= taken

"""Draws items and ratings of the planted model of `benchmarks.planted_model`, for a block of users.

All random numbers are hashes of the user and of a counter, so that neither blocks nor threads change them.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from rbmcli.kernels.arithmetic import derive, exponential, uniform
from rbmcli.kernels.jit import inner_kernel, parallel_kernel

_CHUNK = 64
_SHARE_BY_KEYS = 8
"""Users who rate more than one in so many items have them drawn by keys."""

_HALF_BITS = np.uint64(32)
_LOWER_HALF = np.uint64(0xFFFFFFFF)


@parallel_kernel
def draw_items(users, start, threshold, alias, interval, key, item):
    """Draw the items of each user: distinct, one after the other in proportion to their popularity.

    Parameters
    ----------
    users : ndarray of int64, shape (rows,)
        Numbers of the users.
    start : ndarray of int64, shape (rows + 1,)
        Where the ratings of each begin.
    threshold, alias : ndarrays of float64 and int32, shape (items,)
        The alias table of the popularities.
    interval : ndarray of float64, shape (items,)
        The inverse of the popularities.
    key : uint64
        Key of the random numbers.
    item : ndarray of int32, shape (ratings,)
        Where the items are put, in no order.
    """
    rows, items = users.shape[0], alias.shape[0]
    for chunk in prange((rows + _CHUNK - 1) // _CHUNK):
        seen = np.zeros(items, np.int32)
        arrival = np.empty(items, np.float64)
        for row in range(chunk * _CHUNK, min((chunk + 1) * _CHUNK, rows)):
            stream = derive(key, users[row])
            found = item[start[row] : start[row + 1]]
            if found.shape[0] * _SHARE_BY_KEYS > items:
                _draw_by_keys(stream, interval, arrival, found)
            else:
                _draw_by_alias(stream, threshold, alias, seen, np.int32(row + 1), found)


@inner_kernel
def _draw_by_alias(stream, threshold, alias, seen, mark, found):
    """Draw until all are there, passing over what has been drawn before.

    A. J. Walker (1977), "An efficient method for generating discrete random variables with general
    distributions", ACM Trans. Math. Software.
    """
    items = alias.shape[0]
    drawn, counter = 0, 0
    while drawn < found.shape[0]:
        bits = derive(stream, counter)
        counter += 1
        chosen = np.int64(((bits >> _HALF_BITS) * np.uint64(items)) >> _HALF_BITS)
        if np.float64(bits & _LOWER_HALF) * 2.0**-32 >= threshold[chosen]:
            chosen = np.int64(alias[chosen])
        if seen[chosen] != mark:
            seen[chosen] = mark
            found[drawn] = chosen
            drawn += 1


@inner_kernel
def _draw_by_keys(stream, interval, arrival, found):
    """Take the items that come first, where each comes after an exponential time of its own.

    Which is the same draw: P. S. Efraimidis, P. G. Spirakis (2006), "Weighted random sampling with a
    reservoir", Inf. Process. Lett.
    """
    for i in range(interval.shape[0]):
        fraction = (np.float64(derive(stream, i) >> np.uint64(11)) + 0.5) * 2.0**-53
        arrival[i] = -np.log(fraction) * interval[i]
    last = np.partition(arrival, found.shape[0] - 1)[found.shape[0] - 1]
    drawn = 0
    for i in range(interval.shape[0]):
        if arrival[i] <= last and drawn < found.shape[0]:
            found[drawn] = i
            drawn += 1


@parallel_kernel
def draw_levels(users, start, item, hidden, bias, weights, key, level, place):
    """Draw the level of each rating, and where it goes among all.

    p(k) = softmax_k(b_i^k + sum_j W_ij^k h_j).

    Parameters
    ----------
    users, start, item : ndarrays
        As in `draw_items`.
    hidden : ndarray of bool, shape (rows, hidden)
        The hidden units of each user.
    bias : ndarray of float32, shape (items, levels)
        The biases b.
    weights : ndarray of float32, shape (items, hidden, levels)
        The weights W.
    key : uint64
        Key of the random numbers.
    level : ndarray of uint8, shape (ratings,)
        Where the levels are put, from 0.
    place : ndarray of uint64, shape (ratings,)
        Where hashes of user and item are put.
    """
    rows, levels = users.shape[0], bias.shape[1]
    for chunk in prange((rows + _CHUNK - 1) // _CHUNK):
        score = np.empty(levels, np.float32)
        for row in range(chunk * _CHUNK, min((chunk + 1) * _CHUNK, rows)):
            stream = derive(key, users[row])
            active = np.flatnonzero(hidden[row])
            for at in range(start[row], start[row + 1]):
                i = item[at]
                for k in range(levels):
                    score[k] = bias[i, k]
                for j in active:
                    for k in range(levels):
                        score[k] += weights[i, j, k]
                level[at] = _drawn_level(score, uniform(stream, 2 * i))
                place[at] = derive(stream, 2 * i + 1)


@inner_kernel
def _drawn_level(score, fraction):
    """Return the level whose part of the sum of all probabilities a fraction of 1 falls into."""
    most = score[0]
    for k in range(1, score.shape[0]):
        most = max(most, score[k])
    total = np.float32(0.0)
    for k in range(score.shape[0]):
        score[k] = exponential(score[k] - most)
        total += score[k]
    left = fraction * total
    for k in range(score.shape[0] - 1):
        left -= score[k]
        if left < 0:
            return k
    return score.shape[0] - 1

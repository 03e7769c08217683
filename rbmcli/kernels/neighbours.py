"""Neighbours of items: similarities of what users make of two items, and sums over the neighbours rated.

With e the residuals of a model, and sums over the users who have rated both items,

    s_ij = sum e_ui e_uj / sqrt(sum e_ui^2 sum e_uj^2) * n_ij / sqrt((n_i + lambda) (n_j + lambda)):

a correlation, shrunk by how many of those who rated one of them rated both. Only what is above 0 counts.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from rbmcli.kernels.jit import inner_kernel, parallel_kernel

_MANY = 64
"""Pairs of a user that are many."""

LEAST = 1e-6
"""Of a similarity that counts: so that powers of it are numbers above 0 too."""


@inner_kernel
def _correlate(item, by_item, by_user, sums, together, touched):
    """Add up, over the raters of an item, products with all else they rated; return how many items that is.

    `sums` has for each other item sum e_ui e_uj, sum e_ui^2 and sum e_uj^2, `together` n_ij, and `touched`
    which items these are.
    """
    item_start, rater, item_residual = by_item
    user_start, rated, user_residual = by_user
    count = 0
    for entry in range(item_start[item], item_start[item + 1]):
        own, user = item_residual[entry], rater[entry]
        for place in range(user_start[user], user_start[user + 1]):
            other, residual = rated[place], user_residual[place]
            if other != item:
                if together[other] == 0:
                    touched[count] = other
                    count += 1
                together[other] += 1
                sums[other, 0] += own * residual
                sums[other, 1] += own * own
                sums[other, 2] += residual * residual
    return count


@inner_kernel
def _score(item, item_start, shrinkage, sums, together, touched, count, candidate, score):
    """Fill the items that are like an item, and how much; forget what was added up. Return their number."""
    ratings = item_start[item + 1] - item_start[item]
    found = 0
    for place in range(count):
        other = touched[place]
        ratings_of_other = item_start[other + 1] - item_start[other]
        squares = sums[other, 1] * sums[other, 2]
        if sums[other, 0] > 0.0 and squares > 0.0:
            support = together[other] / np.sqrt((ratings + shrinkage) * (ratings_of_other + shrinkage))
            candidate[found] = other
            score[found] = support * sums[other, 0] / np.sqrt(squares)
            if score[found] >= LEAST:
                found += 1
        sums[other, 0] = sums[other, 1] = sums[other, 2] = 0.0
        together[other] = 0
    return found


@parallel_kernel
def find_neighbours(by_item, by_user, bound, shrinkage, neighbour, similarity):
    """Find the items most like each of a run of items.

    Parameters
    ----------
    by_item : tuple of int64 (M + 1,), int32 (ratings,), float64 (ratings,)
        Start, user and residual of the ratings of each item.
    by_user : tuple of int64 (U + 1,), int32 (ratings,), float64 (ratings,)
        Start, item and residual of the ratings of each user.
    bound : int64 (P + 1,)
        Pieces of the run: a thread does the items from bound[p] to bound[p + 1].
    shrinkage : float64
        lambda.
    neighbour : int32 (M, m)
        Those of the run overwritten: the m most like it, by increasing index, or fewer, and -1 after them.
    similarity : float32 (M, m)
        Theirs; 0 after them.
    """
    item_start = by_item[0]
    items, most = neighbour.shape
    for piece in prange(bound.shape[0] - 1):
        sums, together = np.zeros((items, 3)), np.zeros(items, np.int64)
        touched, candidate = np.empty(items, np.int32), np.empty(items, np.int32)
        score = np.empty(items)
        for item in range(bound[piece], bound[piece + 1]):
            count = _correlate(item, by_item, by_user, sums, together, touched)
            found = _score(item, item_start, shrinkage, sums, together, touched, count, candidate, score)
            # The most like ones first, then by index.
            order = np.argsort(-score[:found], kind="mergesort")[:most]
            order = order[np.argsort(candidate[order], kind="mergesort")]
            for place in range(most):
                is_there = place < order.shape[0]
                neighbour[item, place] = candidate[order[place]] if is_there else -1
                similarity[item, place] = score[order[place]] if is_there else 0.0


@inner_kernel
def _position(values, first, last, wanted):
    """Return where `wanted` stands among increasing values, from first to last; -1 where it does not."""
    end = last
    while first < last:
        middle = (first + last) // 2
        if values[middle] < wanted:
            first = middle + 1
        else:
            last = middle
    return first if first < end and values[first] == wanted else -1


@inner_kernel
def _add_spread(filled, neighbour, weight, spread):
    """Return sum w e and sum w over the rated neighbours of an item; `spread` is NaN where there is no e."""
    total, support = 0.0, 0.0
    for at in range(filled):
        residual = spread[neighbour[at]]
        if not np.isnan(residual):
            total += weight[at] * residual
            support += weight[at]
    return total, support


@inner_kernel
def _add_found(first, last, item, residual, filled, neighbour, weight):
    """Return the same: those of the shorter list are looked for in the longer one."""
    total, support = 0.0, 0.0
    if last - first < filled:
        for entry in range(first, last):
            at = _position(neighbour, 0, filled, item[entry])
            if at >= 0:
                total += weight[at] * residual[entry]
                support += weight[at]
    else:
        for at in range(filled):
            entry = _position(item, first, last, neighbour[at])
            if entry >= 0:
                total += weight[at] * residual[entry]
                support += weight[at]
    return total, support


@parallel_kernel
def add_neighbours(start, item, residual, ask_start, ask_item, neighbour, filled, weight, total, support):
    """Add up the residuals of the neighbours of items that users have rated.

    Parameters
    ----------
    start, item, residual : int64 (U + 1,), int32 (ratings,), float64 (ratings,)
        The ratings of each user, by increasing item.
    ask_start, ask_item : int64 (U + 1,), int32 (n,)
        The items that are asked for, user by user; -1 for one that has no neighbours.
    neighbour, filled, weight : int32 (M, m), int64 (M,), float32 (M, m)
        Neighbours of each item by increasing index, how many there are, and their weights w.
    total, support : float64 (n,)
        Overwritten: sum w e and sum w over those neighbours that the user has rated.
    """
    for user in prange(start.shape[0] - 1):
        first, last = start[user], start[user + 1]
        asked = ask_start[user + 1] - ask_start[user]
        # With many pairs to ask for it pays to write down once which residual belongs to which item.
        spread = np.full(filled.shape[0] if asked > _MANY else 0, np.nan)
        if asked > _MANY:
            for entry in range(first, last):
                spread[item[entry]] = residual[entry]
        for place in range(ask_start[user], ask_start[user + 1]):
            total[place] = support[place] = 0.0
            i = ask_item[place]
            if i < 0:
                continue
            if asked > _MANY:
                total[place], support[place] = _add_spread(filled[i], neighbour[i], weight[i], spread)
            else:
                total[place], support[place] = _add_found(
                    first, last, item, residual, filled[i], neighbour[i], weight[i]
                )

"""The day bias: how a user's ratings of one day differ from what the user's ratings of all days let expect.

It is a known term of a rating's logits, an offset, made from the other ratings by the same user: what the
items let expect is shifted by the user's own bias, and the ratings of the day move it on, both in the way of
`rbmcli.kernels.row_bias.row_bias`. Users who rate on one day only have one too, since two ratings of a day
resemble each other more than two of different days.

The idea of a bias for each user and day is that of Y. Koren (2009), "The BellKor solution to the Netflix
Grand Prize", who learns it; computed from the ratings, a day that was not trained on has one as well.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import prange

from rbmcli.kernels.jit import inner_kernel, parallel_kernel
from rbmcli.kernels.row_bias import Tallies, row_bias, tally_row, variance
from rbmcli.kernels.scoring import NOT_OWN

NO_DAY = -(1 << 63)
"""Day of a rating, or of a pair, whose time is not known."""


class Dated(NamedTuple):
    """Ratings, or pairs to ask for, by user and within a user by day.

    Attributes
    ----------
    start : int64 (U + 1,)
        First one of each user.
    item : int32 (n,)
        Item of each.
    level : uint8 (n,)
        Level of each rating; of a pair that is asked for, its level where it is among the ratings and is to
        be left out, or `NOT_OWN`.
    day : int64 (n,)
        Day of each, increasing within a user; or `NO_DAY`.
    """

    start: np.ndarray
    item: np.ndarray
    level: np.ndarray
    day: np.ndarray


@inner_kernel
def _has(rated, first, end, item):
    """Return whether the ratings from first to end hold one of an item."""
    found = False
    for e in range(first, end):
        found |= rated.item[e] == item
    return found


@inner_kernel
def _without(tallies, row, own, item, item_prior, values, count, base):
    """Copy the tallies of a row without the item's rating, if it has level `own`; return the spread."""
    for k in range(count.shape[0]):
        count[k], base[k] = tallies.counts[row, k], tallies.base[row, k]
    spread = np.float64(tallies.spread[row])
    if own != NOT_OWN:
        count[own] -= np.float32(1.0)
        for k in range(count.shape[0]):
            base[k] -= item_prior[item, k]
        spread -= variance(item_prior[item], values)
    return spread


@inner_kernel
def _biases_of_user(user, rated, asked, item_prior, of_user, of_day, bias):
    """Fill the biases of the pairs of one user."""
    if asked.start[user] == asked.start[user + 1]:
        return
    levels = item_prior.shape[1]
    # The first row is for all days, the second for one of them.
    tallies = Tallies(
        np.empty((2, levels), np.float32), np.empty((2, levels), np.float32), np.empty(2, np.float32)
    )
    count, base = np.empty(levels, np.float32), np.empty(levels, np.float32)
    general, tilted = np.empty(levels, np.float32), np.empty(levels)
    first, last = rated.start[user], rated.start[user + 1]
    tally_row(0, (first, last), rated.item, rated.level, item_prior, of_user.values, tallies)
    end = first
    for pair in range(asked.start[user], asked.start[user + 1]):
        if pair == asked.start[user] or asked.day[pair] != asked.day[pair - 1]:
            first = end
            while first < last and rated.day[first] < asked.day[pair]:
                first += 1
            end = first
            while end < last and rated.day[end] == asked.day[pair]:
                end += 1
            tally_row(1, (first, end), rated.item, rated.level, item_prior, of_user.values, tallies)
        own, item = asked.level[pair], asked.item[pair]
        # The pair may be asked for another day than that of its rating.
        own_today = own if own != NOT_OWN and _has(rated, first, end, item) else NOT_OWN
        if end - first - (own_today != NOT_OWN) == 0 or asked.day[pair] == NO_DAY:
            for k in range(levels):
                bias[pair, k] = np.float32(0.0)
            continue
        spread = _without(tallies, 0, own, item, item_prior, of_user.values, count, base)
        row_bias(count, base, spread, of_user, tilted, general)
        spread = _without(tallies, 1, own_today, item, item_prior, of_user.values, count, base)
        spread /= variance(base, of_user.values)
        before = after = 0.0
        for k in range(levels):
            before += base[k]
            base[k] *= np.exp(general[k])
            after += base[k]
        for k in range(levels):
            base[k] *= np.float32(before / after)
        spread *= variance(base, of_user.values)
        row_bias(count, base, spread, of_day, tilted, bias[pair])


@parallel_kernel
def day_biases(rated, asked, item_prior, of_user, of_day, bias):
    """b_ud^k of pairs of a user and a day: the row bias of the ratings of that day where e_i is expected.

    e_d^k ~ sum_i p_i^k exp(b_u^k) over the ratings of the day, with the same sum over k as the p_i, stands in
    place of sum_i p_i^k; b_u is the row bias of all ratings of the user. Both leave the pair's own rating
    out. A pair without other ratings of its day has no bias.

    Parameters
    ----------
    rated, asked : Dated
        The ratings of each user, and the pairs, over the same users.
    item_prior : float32 (M, K)
        p_i^k, the base rates of each item.
    of_user, of_day : Smoothing
        What the biases of users, and of their days, are made by.
    bias : float32 (pairs, K)
        Overwritten.
    """
    for user in prange(asked.start.shape[0] - 1):
        _biases_of_user(user, rated, asked, item_prior, of_user, of_day, bias)

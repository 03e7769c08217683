"""The floor of every comparison of ranked lists: the most popular items, the same for all but what is rated.

All items with ratings stand in one order, those with the most ratings first. A user's list is that order
without what the user has rated.
"""

from __future__ import annotations

import numpy as np

from rbmcli.models.ranking import RankedItems

MOST_POPULAR = "most popular"


def most_popular(users: np.ndarray, rated_user: np.ndarray, rated_item: np.ndarray, top: int) -> RankedItems:
    """Return for each user the items with the most ratings among those that the user has not rated.

    Time and memory grow with the ratings and with what is listed; there is no array of users x items.

    Parameters
    ----------
    users : ndarray of int, shape (U,)
        Users to list for, each once; they need not have ratings.
    rated_user, rated_item : ndarray of int, shape (m,)
        User and item of each rating, indices from 0; no pair stands twice.
    top : int
        Items of each list, at least 1. Lists are shorter where fewer are left.

    Returns
    -------
    RankedItems
        By user, in the order of `users`, and rank. Of items with equally many ratings the one with the lowest
        index comes first.
    """
    counts = np.bincount(rated_item)
    order = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
    place = np.empty(len(counts), dtype=np.int64)
    place[order] = np.arange(len(order))

    # Each user's ratings by place: before the j-th, from 0, at place p_j, stand p_j - j items not rated.
    # So the one of these that k others stand before is at place k + #{j: p_j - j <= k}.
    width = len(order) + 1
    key = np.sort(rated_user.astype(np.int64) * width + place[rated_item])
    user = key // width
    key -= np.arange(len(key)) - np.searchsorted(user, user)
    unrated = np.arange(min(top, len(order)))
    asked = users.astype(np.int64)[:, None] * width + unrated
    passed = np.searchsorted(key, asked, side="right") - np.searchsorted(user, users)[:, None]
    found = unrated + passed
    row, rank = np.nonzero(found < len(order))
    return RankedItems(users[row], rank + 1, order[found[row, rank]])

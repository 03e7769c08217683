"""How good ranked lists are: do the items that a user went for stand in the list, and how far up?

Definitions are those of trec_eval and ranx. N is a cutoff, R the number of a user's relevant items, whether
or not they were candidates, g_i the gain of the item at rank i, 0 where it is not relevant:

    precision   relevant items among the first N / N, also where the list is shorter
    recall      relevant items among the first N / R
    ndcg        sum_{i <= N} g_i / log2(i + 1), over the same of the best order of all relevant items
    map         1/R sum over ranks i <= N of relevant items of the precision at i
    mrr         1 / rank of the first relevant item, 0 where that is beyond N
    hit_rate    1 where a relevant item is among the first N, else 0

All are means over users with relevant items. One of them without a list has 0 in each, since that is what it
was served; users without relevant items tell nothing and are left out.

Source: K. Järvelin, J. Kekäläinen (2002), "Cumulated gain-based evaluation of IR techniques", ACM Trans. Inf.
Syst.; S. Vargas, P. Castells (2011), "Rank and relevance in novelty and diversity metrics", RecSys.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rbmcli.models.moments import SmoothFigures

RANKING_FIGURES = ("precision", "recall", "ndcg", "map", "mrr", "hit_rate")
"""Names of the figures, in the order in which they stand in arrays."""


@dataclass(frozen=True)
class RankedItems:
    """Lists of users, as rows in any order.

    Attributes
    ----------
    user, item : ndarray of int, shape (n,)
        Indices from 0; no item stands twice in a user's list.
    rank : ndarray of int, shape (n,)
        Place in the user's list, from 1; no two items share one.
    """

    user: np.ndarray
    rank: np.ndarray
    item: np.ndarray

    def top(self, cutoff: int) -> RankedItems:
        """Return the first `cutoff` items of each list."""
        kept = self.rank <= cutoff
        return RankedItems(self.user[kept], self.rank[kept], self.item[kept])


@dataclass(frozen=True)
class RelevantItems:
    """Held-out items that users went for, as rows in any order.

    Attributes
    ----------
    user, item : ndarray of int, shape (m,)
        Indices from 0; no pair stands twice.
    gain : ndarray of float64, shape (m,)
        What each is worth in ndcg; 1 for all makes it binary. With a gain of 0 or less it is not relevant.
    """

    user: np.ndarray
    item: np.ndarray
    gain: np.ndarray

    @classmethod
    def binary(cls, user: np.ndarray, item: np.ndarray) -> RelevantItems:
        """Return items that are all worth the same."""
        return cls(user, item, np.ones(len(user)))


@dataclass(frozen=True)
class Judged:
    """Lists by user, with what stands in them.

    Attributes
    ----------
    user : ndarray of int64, shape (U,)
        The users with relevant items, in rising order.
    gain : ndarray of float64, shape (U, N)
        Gain of the item at each rank; 0 where it is not relevant, or the list is shorter.
    ideal : ndarray of float64, shape (U, N)
        The largest gains of the user's relevant items, in falling order, then 0.
    relevant : ndarray of int64, shape (U,)
        Relevant items of each user, at least 1.
    left_out : int
        Users with a list and no relevant item.
    """

    user: np.ndarray
    gain: np.ndarray
    ideal: np.ndarray
    relevant: np.ndarray
    left_out: int


def judge(ranked: RankedItems, relevant: RelevantItems, depth: int) -> Judged:
    """Find the relevant items in lists.

    Parameters
    ----------
    ranked : RankedItems
        The lists.
    relevant : RelevantItems
        What should stand in them.
    depth : int
        Ranks to look at: the largest cutoff that figures are wanted at.
    """
    worth = relevant.gain > 0
    held_user, held_item, held_gain = relevant.user[worth], relevant.item[worth], relevant.gain[worth]
    users, counts = np.unique(held_user, return_counts=True)
    gain, ideal = (np.zeros((len(users), depth)) for _ in range(2))

    order = np.lexsort((-held_gain, held_user))
    row = np.repeat(np.arange(len(users)), counts)
    place = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    fits = place < depth
    ideal[row[fits], place[fits]] = held_gain[order][fits]

    top = ranked.top(depth)
    width = 1 + max(held_item.max(initial=0), top.item.max(initial=0))
    held_key = held_user.astype(np.int64) * width + held_item
    by_key = np.argsort(held_key)
    key = top.user.astype(np.int64) * width + top.item
    found = np.searchsorted(held_key, key, sorter=by_key)
    hit = found < len(held_key)
    hit[hit] = held_key[by_key[found[hit]]] == key[hit]
    gain[np.searchsorted(users, top.user[hit]), top.rank[hit] - 1] = held_gain[by_key[found[hit]]]
    left_out = len(np.setdiff1d(ranked.user, users))
    return Judged(users, gain, ideal, counts, left_out)


def ranking_values(judged: Judged, cutoffs: Sequence[int]) -> np.ndarray:
    """Return every figure of each user at each cutoff.

    Parameters
    ----------
    judged : Judged
        Lists of U users.
    cutoffs : sequence of int
        The N, from 1 to the depth that was looked at.

    Returns
    -------
    ndarray of float64, shape (U, len(cutoffs), 6)
        From 0 to 1, in the order of `RANKING_FIGURES`; the figure of a set of users is the mean over them.
    """
    ranks = np.arange(1, judged.gain.shape[1] + 1)
    hits = judged.gain > 0
    found = np.cumsum(hits, axis=1)
    average = np.cumsum(hits * found / ranks, axis=1)
    discount = np.log2(ranks + 1)
    gained, best = (np.cumsum(gains / discount, axis=1) for gains in (judged.gain, judged.ideal))
    first = np.where(found[:, -1] > 0, hits.argmax(axis=1) + 1, np.inf)
    values = np.empty((len(hits), len(cutoffs), len(RANKING_FIGURES)))
    for place, cutoff in enumerate(cutoffs):
        at = cutoff - 1
        values[:, place, 0] = found[:, at] / cutoff
        values[:, place, 1] = found[:, at] / judged.relevant
        values[:, place, 2] = gained[:, at] / best[:, at]
        values[:, place, 3] = average[:, at] / judged.relevant
        values[:, place, 4] = np.where(first <= cutoff, 1 / first, 0)
        values[:, place, 5] = found[:, at] > 0
    return values


def catalogue_coverage(ranked: RankedItems, n_items: int, cutoffs: Sequence[int]) -> np.ndarray:
    """Return the share of all items that stand among the first N of any list, float64 (len(cutoffs),).

    Parameters
    ----------
    ranked : RankedItems
        The lists, of users with and without relevant items.
    n_items : int
        Items of the catalogue, at least 1.
    cutoffs : sequence of int
        The N.
    """
    return np.array([len(np.unique(ranked.top(cutoff).item)) / n_items for cutoff in cutoffs])


def novelty(ranked: RankedItems, popularity: np.ndarray, cutoffs: Sequence[int]) -> np.ndarray:
    """Return how unpopular what is listed is, in bits, float64 (len(cutoffs),): higher is less popular.

    The mean of -log2 (ratings of the item / ratings of all items) over all that stands among the first N of
    a list. An item without ratings counts as if it had one.

    Parameters
    ----------
    ranked : RankedItems
        The lists; the mean over none is NaN.
    popularity : ndarray of int, shape (M,)
        Training ratings of each item.
    cutoffs : sequence of int
        The N.
    """
    bits = np.log2(popularity.sum()) - np.log2(np.maximum(popularity, 1))
    found = [bits[ranked.top(cutoff).item] for cutoff in cutoffs]
    return np.array([each.mean() if len(each) else np.nan for each in found])


def mean_moments(values: np.ndarray) -> np.ndarray:
    """Return what `MEANS` are made from, (U, 1 + F), of values of users, (U, ...), that F are in all."""
    flat = values.reshape(len(values), -1)
    return np.concatenate([np.ones((len(flat), 1)), flat], axis=1)


def _means(sums: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return sums[..., 1:] / sums[..., :1]


def _mean_slopes(sums: np.ndarray) -> np.ndarray:
    figures = sums.shape[-1] - 1
    slopes = np.zeros((*sums.shape[:-1], figures, figures + 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes[..., 0] = -_means(sums) / sums[..., :1]
        slopes[..., np.arange(figures), np.arange(1, figures + 1)] = 1 / sums[..., :1]
    return slopes


MEANS = SmoothFigures(_means, _mean_slopes, least=np.array(0.0), most=np.array(1.0))
"""Means over users of values from 0 to 1, for `rbmcli.models.bootstrap`."""

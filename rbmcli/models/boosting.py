"""Boosted regression trees of one small depth, as plain arrays: what a weighted sum leaves over of ratings.

Each tree splits what the trees before it leave of the truth, by squared error, and adds a small share of the
mean that it finds at its ends. Thresholds are quantiles. How many trees are grown is chosen by
cross-validation; none is a choice too.

Source: J. Friedman (2001), "Greedy function approximation: a gradient boosting machine".
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

DEPTH = 3
MOST_TREES = 150
RATE = 0.05
"""Share of what a tree finds that is added."""

FEWEST = 50
"""Rows that an end of a tree has at least."""

PULL = 20.0
"""Rows at nothing left over that count against those of an end."""

_BINS = 32


class Trees(NamedTuple):
    """T trees of depth D.

    Attributes
    ----------
    feature : ndarray of int64, shape (T, 2^D - 1)
        Feature that each inner node splits by; node j leads to 2j + 1 and 2j + 2.
    threshold : ndarray of float64, shape (T, 2^D - 1)
        A row goes to the second of these where the feature is larger; infinite where there is no split.
    value : ndarray of float64, shape (T, 2^D)
        What each end adds.
    """

    feature: np.ndarray
    threshold: np.ndarray
    value: np.ndarray

    @classmethod
    def none(cls) -> Trees:
        """Return no trees, which add nothing."""
        inner = 2**DEPTH - 1
        return cls(np.zeros((0, inner), np.int64), np.zeros((0, inner)), np.zeros((0, inner + 1)))

    def first(self, count: int) -> Trees:
        """Return the first so many of them."""
        return Trees(*(array[:count] for array in self))

    def as_stored(self) -> Trees:
        """Return them with numbers that a float32 holds."""
        return Trees(self.feature, *(array.astype(np.float32).astype(np.float64) for array in self[1:]))

    def steps(self, features: np.ndarray) -> np.ndarray:
        """Return what each tree adds to rows, float64 (T, n); features are float64 (n, P)."""
        rows, inner = np.arange(len(features)), self.feature.shape[1]
        added = np.empty((len(self.feature), len(features)))
        for tree, (feature, threshold, value) in enumerate(zip(*self, strict=True)):
            node = np.zeros(len(features), np.int64)
            while node.size and node[0] < inner:
                node = 2 * node + 1 + (features[rows, feature[node]] > threshold[node])
            added[tree] = value[node - inner]
        return added

    def said(self, features: np.ndarray) -> np.ndarray:
        """Return what all trees together say of rows, float64 (n,)."""
        return np.asarray(self.steps(features).sum(axis=0))


def fit_trees(features: np.ndarray, left_over: np.ndarray, part: np.ndarray) -> Trees:
    """Return trees that tell what is left over of the truth, as many as predict it best.

    Parameters
    ----------
    features : ndarray of float64, shape (n, P)
        What trees split by.
    left_over : ndarray of float64, shape (n,)
        What they are to tell.
    part : ndarray of int, shape (n,)
        Parts that take turns in not being fitted to, to choose how many trees there are.
    """
    losses = np.zeros(MOST_TREES + 1)
    for number in np.unique(part):
        inside = part == number
        steps = _grown(features[~inside], left_over[~inside]).steps(features[inside])
        after = np.vstack([np.zeros((1, steps.shape[1])), np.cumsum(steps, axis=0)])
        losses += np.sum((left_over[inside] - after) ** 2, axis=1)
    best = int(np.argmin(losses))
    return _grown(features, left_over, best) if best else Trees.none()


def _grown(features: np.ndarray, left_over: np.ndarray, trees: int = MOST_TREES) -> Trees:
    edges = np.quantile(features, np.arange(1, _BINS) / _BINS, axis=0, method="lower")
    bins = np.stack([np.searchsorted(edge, column) for edge, column in zip(edges.T, features.T, strict=True)])
    rest = left_over.copy()
    grown = []
    for _ in range(trees):
        feature, threshold, value, end = _tree(bins, edges, rest)
        rest -= value[end]
        grown.append((feature, threshold, value))
    return Trees(*(np.stack(arrays) for arrays in zip(*grown, strict=True)))


def _tree(
    bins: np.ndarray, edges: np.ndarray, rest: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return features, thresholds and values of a tree, and the end that each row comes to."""
    inner = 2**DEPTH - 1
    feature, threshold = np.zeros(inner, np.int64), np.full(inner, np.inf)
    node = np.zeros(len(rest), np.int64)
    for level in range(DEPTH):
        first = 2**level - 1
        chosen, place = _splits(bins, rest, node - first, 2**level)
        has_split = place >= 0
        at = first + np.flatnonzero(has_split)
        feature[at] = chosen[has_split]
        threshold[at] = edges[place[has_split], chosen[has_split]]
        within = node - first
        right = has_split[within] & (bins[chosen[within], np.arange(len(rest))] > place[within])
        node = 2 * node + 1 + right
    end = node - inner
    counts = np.bincount(end, minlength=inner + 1)
    value = RATE * np.bincount(end, weights=rest, minlength=inner + 1) / (counts + PULL)
    return feature, threshold, value, end


def _splits(
    bins: np.ndarray, rest: np.ndarray, node: np.ndarray, nodes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the best feature of each of some nodes, and the last bin to go left; -1 where none helps."""
    best_gain, chosen = np.zeros(nodes), np.zeros(nodes, np.int64)
    place = np.full(nodes, -1)
    for number, column in enumerate(bins):
        key = node * _BINS + column
        count = np.bincount(key, minlength=nodes * _BINS).reshape(nodes, _BINS)
        total = np.bincount(key, weights=rest, minlength=nodes * _BINS).reshape(nodes, _BINS)
        n_left, left = np.cumsum(count, axis=1)[:, :-1], np.cumsum(total, axis=1)[:, :-1]
        n_all, whole = count.sum(axis=1)[:, None], total.sum(axis=1)[:, None]
        n_right, right = n_all - n_left, whole - left
        gain = left**2 / (n_left + PULL) + right**2 / (n_right + PULL) - whole**2 / (n_all + PULL)
        gain[(n_left < FEWEST) | (n_right < FEWEST)] = 0
        at = np.argmax(gain, axis=1)
        of_best = gain[np.arange(nodes), at]
        better = of_best > best_gain
        best_gain[better], chosen[better], place[better] = of_best[better], number, at[better]
    return chosen, place

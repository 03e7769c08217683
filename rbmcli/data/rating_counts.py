"""How often each rating occurs: what scales are made of, wherever the ratings themselves are."""

from __future__ import annotations

import numpy as np


class RatingCounts:
    """Counts of distinct ratings, which come in pieces.

    Parameters
    ----------
    most : int, optional
        Where there are more distinct ratings than this, no further ones are counted.

    Attributes
    ----------
    values : ndarray of float32, shape (distinct,)
        The distinct ratings, increasing; there is no negative zero among them.
    counts : ndarray of int64, shape (distinct,)
        How often each occurs.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self.values, self.counts = np.empty(0, np.float32), np.empty(0, np.int64)

    def update(self, ratings: np.ndarray) -> None:
        """Count further ratings."""
        if self.are_many:
            return
        self._add(*np.unique(ratings + np.float32(0), return_counts=True))

    def add(self, other: RatingCounts) -> None:
        """Add what was counted elsewhere."""
        if not self.are_many:
            self._add(other.values, other.counts)

    @property
    def are_many(self) -> bool:
        """Whether there are more distinct ratings than are counted."""
        return self._most is not None and len(self.values) > self._most

    def _add(self, values: np.ndarray, counts: np.ndarray) -> None:
        merged, place = np.unique(np.concatenate([self.values, values]), return_inverse=True)
        together = np.zeros(len(merged), np.int64)
        together[place[: len(self.values)]] = self.counts
        together[place[len(self.values) :]] += counts
        self.values, self.counts = merged.astype(np.float32), together

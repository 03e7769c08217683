"""How the ratings of a model are spread over its users and its items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FEW_RATINGS = 5
"""Users and items with fewer than that are told of as such of which little is known."""


@dataclass(frozen=True)
class Spread:
    """How ratings are spread over the users, or over the items, of a model.

    Attributes
    ----------
    count : int
        How many there are.
    least, median, most : int
        Ratings of one.
    top_share : float
        Share of all ratings that the tenth with the most ratings has.
    few : int
        How many have fewer than `FEW_RATINGS`.
    """

    count: int
    least: int
    median: int
    most: int
    top_share: float
    few: int

    @classmethod
    def of(cls, ratings: np.ndarray) -> Spread:
        """Return what there is to tell of ratings of each, int64 (count,), of which there is one at least."""
        descending = np.sort(ratings)[::-1]
        tenth = -(-len(descending) // 10)
        return cls(
            len(descending),
            int(descending[-1]),
            int(np.median(descending)),
            int(descending[0]),
            float(descending[:tenth].sum() / max(descending.sum(), 1)),
            int(np.count_nonzero(descending < FEW_RATINGS)),
        )

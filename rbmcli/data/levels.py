"""The levels of a rating scale: the K values that a softmax group of the model distinguishes.

A scale of few distinct values has these values as levels. A continuous scale is cut into bins; the
level of a bin stands for the mean of the ratings in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rbmcli.config import LevelSettings
from rbmcli.data.rating_counts import RatingCounts
from rbmcli.errors import DataError

MAX_DISTINCT = 20
DEFAULT_BINS = 10
TOLERANCE = 1e-4
UNKNOWN = 255
"""Level index (uint8) of a rating that is on no level."""


@dataclass(frozen=True)
class Levels:
    """The levels of a scale.

    Attributes
    ----------
    values : ndarray of float32, shape (K,)
        Value of each level, increasing.
    edges : ndarray of float32, shape (K - 1,), or None
        Of a binned scale, the largest rating of each bin but the last; None where ratings are the
        levels themselves.
    """

    values: np.ndarray
    edges: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.values)

    def assign(self, ratings: np.ndarray) -> np.ndarray:
        """Return the level index of each rating, uint8; `UNKNOWN` where no level is within 1e-4."""
        if self.edges is not None:
            return np.searchsorted(self.edges, ratings, side="left").astype(np.uint8)
        nearest = self.nearest(ratings)
        distance = np.abs(self.values[nearest].astype(np.float64) - ratings)
        return np.where(distance <= TOLERANCE, nearest, np.uint8(UNKNOWN))

    def nearest(self, ratings: np.ndarray) -> np.ndarray:
        """Return the index of the nearest level of each rating, uint8; the lower one of two as near."""
        if self.edges is not None:
            return self.assign(ratings)
        middles = (self.values[1:].astype(np.float64) + self.values[:-1]) / 2
        if len(middles) > MAX_DISTINCT:
            return np.searchsorted(middles, ratings, side="left").astype(np.uint8)
        # Of a few middles, comparing with each takes a fraction of the time of a search.
        index, exact = np.zeros(len(ratings), np.uint8), np.asarray(ratings, np.float64)
        for middle in middles:
            index += exact > middle
        return index

    def as_metadata(self) -> dict[str, Any]:
        """Return the levels as JSON-ready metadata."""
        return {
            "levels": [float(value) for value in self.values],
            "edges": None if self.edges is None else [float(edge) for edge in self.edges],
        }

    @classmethod
    def from_metadata(cls, metadata: dict[str, Any]) -> Levels | None:
        """Return the levels that a file's metadata names; None where it names none."""
        if not metadata.get("levels"):
            return None
        edges = metadata.get("edges")
        return cls(
            np.asarray(metadata["levels"], dtype=np.float32),
            None if edges is None else np.asarray(edges, dtype=np.float32),
        )

    def describe(self) -> str:
        """Return the scale in words, such as '5 levels: 1, 2, 3, 4, 5'."""
        shown = [f"{value:g}" for value in self.values]
        if len(shown) > MAX_DISTINCT:
            shown = [*shown[:3], "...", *shown[-3:]]
        binned = "" if self.edges is None else " (binned)"
        return f"{len(self)} levels{binned}: {', '.join(shown)}"


def choose_levels(ratings: np.ndarray, settings: LevelSettings, where: str) -> Levels | int:
    """Return the levels of a scale, or the number of bins where it has to be binned.

    Parameters
    ----------
    ratings : ndarray of float32
        All ratings, before any split.
    settings : LevelSettings
        What the user asked for.
    where : str
        Name of the input, for messages.

    Returns
    -------
    Levels or int
        Levels where the ratings are levels; otherwise the number of bins to cut the training part
        into with `bin_levels`.
    """
    if settings.levels:
        values = np.asarray(settings.levels, dtype=np.float32)
        if len(values) < 2 or len(values) >= UNKNOWN or np.any(np.diff(values) <= 0):
            raise DataError(
                f"--levels {', '.join(f'{v:g}' for v in values)}: expected 2 to 254 rising values"
            )
        return Levels(values)
    if settings.bins:
        return settings.bins
    distinct = np.unique(ratings)
    if len(distinct) < 2:
        found = f"all ratings are {distinct[0]:g}" if len(distinct) else "there are no ratings"
        raise DataError(f"{where}: {found}: at least two different ratings are needed to learn from")
    return Levels(distinct.astype(np.float32)) if len(distinct) <= MAX_DISTINCT else DEFAULT_BINS


def bin_levels(ratings: np.ndarray, bins: int) -> Levels:
    """Cut ratings into bins of about equal counts; a bin's level is the mean of its ratings.

    Parameters
    ----------
    ratings : ndarray of float32
        Ratings of the training part.
    bins : int
        Bins wanted; fewer come out where many ratings are equal.
    """
    counted = RatingCounts()
    counted.update(ratings)
    return bin_counts(counted, bins)


def bin_counts(counted: RatingCounts, bins: int) -> Levels:
    """Cut counted ratings into bins, as `bin_levels` does: what is counted together has no order."""
    values, counts = counted.values, counted.counts
    ends = np.cumsum(counts)
    sizes = np.linspace(0, int(ends[-1]), bins + 1)[1:-1].astype(np.int64)
    edges = np.unique(values[np.searchsorted(ends, np.maximum(sizes - 1, 0), side="right")])
    edges = edges[edges < values[-1]]
    if len(edges) == 0:
        # Nearly all ratings are the largest one: what is below it makes the other bin.
        edges = values[:-1][-1:]
    if len(edges) == 0:
        raise DataError(f"the ratings to train on cannot be cut into bins: all are {values[-1]:g}")
    index = np.searchsorted(edges, values, side="left")
    totals = np.bincount(index, weights=values.astype(np.float64) * counts, minlength=len(edges) + 1)
    in_bins = np.bincount(index, weights=counts, minlength=len(edges) + 1)
    # Every bin holds at least its own edge, so that no count is zero.
    return Levels((totals / in_bins).astype(np.float32), edges.astype(np.float32))

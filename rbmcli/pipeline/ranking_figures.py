"""The figures of ranked lists and of what is between them, each with how sure it is."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from rbmcli.models.ranking import (
    MEANS,
    RANKING_FIGURES,
    RankedItems,
    catalogue_coverage,
    mean_moments,
    novelty,
)
from rbmcli.pipeline.measuring import ALL, Metric, known_end

CATALOGUE_FIGURES = ("catalogue_coverage", "novelty")
"""Figures that need to know the items of the history and how often they are rated."""


def ranking_names(at: Sequence[int]) -> list[str]:
    """Return the names of all figures at some cutoffs, such as 'ndcg@10'."""
    return [f"{figure}@{cutoff}" for figure in (*RANKING_FIGURES, *CATALOGUE_FIGURES) for cutoff in at]


class RankingMeasurer:
    """Makes figures of values of users.

    Values are float64 arrays (U, len(at), 6), as `rbmcli.models.ranking.ranking_values` gives them; those of
    all predictors are of the same U users, in the same order.

    Parameters
    ----------
    at : sequence of int
        The cutoffs.
    seed, resamples : int
        Of the intervals; without resamples there are none.
    """

    def __init__(self, at: Sequence[int], seed: int, resamples: int) -> None:
        self._at, self._seed, self._resamples = tuple(at), seed, resamples

    def figures(self, name: str, values: np.ndarray, segment: str = ALL) -> list[Metric]:
        """Return the means over users, of all of them or of those of a segment; U at least 1."""
        return [
            Metric(f"{figure}@{cutoff}", name, None, segment, float(mean), len(values), low, high)
            for place, cutoff in enumerate(self._at)
            for figure, mean, (low, high) in zip(
                RANKING_FIGURES, values[:, place].mean(axis=0), self._intervals(values[:, place]), strict=True
            )
        ]

    def differences(
        self, named: Sequence[tuple[str, np.ndarray]], compared: Sequence[tuple[int, int]]
    ) -> list[Metric]:
        """Return the figures of the first of each two predictors less those of the second.

        Parameters
        ----------
        named : sequence of tuple of str and ndarray
            Name and values of each predictor.
        compared : sequence of tuple of int
            Places of those to compare.
        """
        found: dict[tuple[int, int], list[Metric]] = {pair: [] for pair in compared}
        for place, cutoff in enumerate(self._at):
            values = [each[:, place] for _, each in named]
            for (first, second), ends in zip(compared, self._paired_intervals(values, compared), strict=True):
                mean = (values[first] - values[second]).mean(axis=0)
                found[first, second] += [
                    Metric(
                        f"{figure}@{cutoff}",
                        named[first][0],
                        named[second][0],
                        ALL,
                        float(difference),
                        len(values[first]),
                        low,
                        high,
                    )
                    for figure, difference, (low, high) in zip(RANKING_FIGURES, mean, ends, strict=True)
                ]
        return [metric for pair in compared for metric in found[pair]]

    def of_catalogue(
        self, name: str, ranked: RankedItems, popularity: np.ndarray, n_items: int
    ) -> list[Metric]:
        """Return what part of the catalogue the lists hold, and how unpopular that is, if they hold anything.

        Parameters
        ----------
        name : str
            Name of the predictor.
        ranked : RankedItems
            All its lists, of users with and without relevant items.
        popularity : ndarray of int, shape (M,)
            Ratings of each item in the history.
        n_items : int
            Items of the catalogue.
        """
        values = catalogue_coverage(ranked, n_items, self._at), novelty(ranked, popularity, self._at)
        n_lists = len(np.unique(ranked.user))
        return [
            Metric(f"{figure}@{cutoff}", name, None, ALL, float(value), n_lists)
            for figure, found in zip(CATALOGUE_FIGURES, values, strict=True)
            for cutoff, value in zip(self._at, found, strict=True)
            if math.isfinite(value)
        ]

    def _intervals(self, values: np.ndarray) -> list[tuple[float | None, float | None]]:
        """Return the ends of the interval of each mean of (U, 6) values."""
        if not self._resamples:
            return [(None, None)] * values.shape[1]
        # Here, because the kernels take a third of a second to load.
        from rbmcli.models.bootstrap import intervals

        low, high = intervals(mean_moments(values), self._seed, self._resamples, figures=MEANS)
        return _ends(low, high)

    def _paired_intervals(
        self, values: Sequence[np.ndarray], compared: Sequence[tuple[int, int]]
    ) -> list[list[tuple[float | None, float | None]]]:
        """Return the ends of the intervals of differences of means, for those of (U, 6) values to compare."""
        if not self._resamples:
            return [[(None, None)] * values[0].shape[1]] * len(compared)
        from rbmcli.models.bootstrap import paired_intervals

        moments = [mean_moments(each) for each in values]
        found = paired_intervals(moments, self._seed, self._resamples, figures=MEANS, compared=compared)
        return [_ends(each.low, each.high) for each in found]


def _ends(low: np.ndarray, high: np.ndarray) -> list[tuple[float | None, float | None]]:
    return [(known_end(a), known_end(b)) for a, b in zip(low, high, strict=True)]

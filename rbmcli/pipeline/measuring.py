"""The figures of predictions, of any part of them, each with how sure it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rbmcli.data.ids import IdIndex
from rbmcli.models.moments import FIGURES, counts_from, figures_from, moments_of
from rbmcli.pipeline.scored import ScoredPairs

OF_ERRORS = ("rmse", "mae")
"""Figures that need no probabilities."""


@dataclass(frozen=True)
class Metric:
    """One figure.

    Attributes
    ----------
    metric : {"rmse", "mae", "nll", "rps", "accuracy", "kappa", "share"}
        What is measured.
    segment : str
        What it is measured on: 'all' for every pair, 'source=...' for the pairs whose prediction came
        from there, 'baseline=...' for every pair as that baseline predicts it.
    value : float
        The figure.
    n : int
        Pairs that it was measured on.
    low, high : float or None
        Ends of its 95% interval over users; None where there is none.
    """

    metric: str
    segment: str
    value: float
    n: int
    low: float | None = None
    high: float | None = None


class Measurer:
    """Measures predictions of the same pairs, or of some of them.

    Parameters
    ----------
    scored : ScoredPairs
        The pairs, and how they were rated.
    level : ndarray of uint8, or None
        Level of each rating, where there are probabilities.
    seed, resamples : int
        Of the intervals; without resamples there are none.
    """

    def __init__(self, scored: ScoredPairs, level: np.ndarray | None, seed: int, resamples: int) -> None:
        self._scored, self._level, self._seed, self._resamples = scored, level, seed, resamples
        # In the order of the ids, so that the order of the rows makes no difference.
        users = IdIndex.of(scored.pairs.column("user"))
        self._user, self._n_users = users.lookup(scored.pairs.column("user")), len(users)

    def figures(
        self,
        segment: str,
        *,
        chosen: np.ndarray | None = None,
        prediction: np.ndarray | None = None,
        names: Sequence[str] = FIGURES,
    ) -> list[Metric]:
        """Return the figures that can be measured.

        Parameters
        ----------
        segment : str
            Name of what is measured.
        chosen : ndarray of bool, optional
            The pairs to measure; all without it.
        prediction : ndarray of float64, optional
            Predictions of all pairs in place of those to be evaluated; they have no probabilities.
        names : sequence of str
            Figures that are wanted.
        """
        scored, rows = self._scored, slice(None) if chosen is None else chosen
        has_levels = prediction is None and self._level is not None and scored.probabilities is not None
        moments = moments_of(
            self._user[rows],
            self._n_users,
            (scored.prediction if prediction is None else prediction)[rows],
            scored.rating[rows],
            scored.probabilities[rows] if has_levels and scored.probabilities is not None else None,
            self._level[rows] if has_levels and self._level is not None else None,
        )
        sums = moments.sum(axis=0)
        found = zip(FIGURES, figures_from(sums), counts_from(sums), *self._intervals(moments), strict=True)
        return [
            Metric(name, segment, float(value), int(count), _known(low), _known(high))
            for name, value, count, low, high in found
            if name in names and count and math.isfinite(value)
        ]

    def _intervals(self, moments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if not self._resamples:
            return np.full(len(FIGURES), np.nan), np.full(len(FIGURES), np.nan)
        # Here, because the kernels take a third of a second to load.
        from rbmcli.models.bootstrap import intervals

        return intervals(moments, self._seed, self._resamples)


def _known(end: float) -> float | None:
    return float(end) if math.isfinite(end) else None

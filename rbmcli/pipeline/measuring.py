"""The figures of predictions, of any part of them and of what is between them, each with how sure it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
import pyarrow as pa

from rbmcli.data.ids import IdIndex
from rbmcli.data.levels import UNKNOWN, Levels
from rbmcli.models.metrics import most_probable
from rbmcli.models.moments import FIGURES, counts_from, figures_from, moments_of
from rbmcli.models.reliability import Reliability, error_if_calibrated, reliability

OF_ERRORS = ("rmse", "mae")
"""Figures that need no probabilities."""

ALL = "all"


@dataclass(frozen=True)
class Metric:
    """One figure.

    Attributes
    ----------
    metric : str
        What is measured: `rmse`, `mae`, `nll`, `rps`, `accuracy`, `kappa`, `coverage`, `share`,
        `calibration_error` or `calibration_quantile`; of ranked lists `precision@10` and the like.
    predictor : str
        Whose predictions: 'model', or with several files the name of each; or a baseline's name.
    against : str or None
        The predictor that `value` is a difference to, `predictor` less this one; None for a plain figure.
    segment : str
        What it is measured on: 'all' for every pair, 'level=4' and the like for some of them.
    value : float
        The figure.
    n : int
        Pairs that it was measured on; of ranked lists, users.
    low, high : float or None
        Ends of its 95% interval over users; None where there is none.
    """

    metric: str
    predictor: str
    against: str | None
    segment: str
    value: float
    n: int
    low: float | None = None
    high: float | None = None

    @property
    def beyond_chance(self) -> bool | None:
        """Whether the interval leaves out 0; None where there is none."""
        return None if self.low is None or self.high is None else self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Predicted:
    """What one predictor says of the pairs.

    Attributes
    ----------
    name : str
        Name of the predictor.
    prediction : ndarray of float64, shape (n,)
        Expected ratings.
    probabilities : ndarray of float32, shape (n, K), or None
        Probability of each level.
    level : ndarray of uint8, shape (n,), or None
        Index of the true level, `UNKNOWN` for a rating on none; there is one with the probabilities.
    levels : Levels or None
        The K levels.
    is_baseline : bool
        Whether it is one of the means and biases that the others are held against.
    """

    name: str
    prediction: np.ndarray
    probabilities: np.ndarray | None = None
    level: np.ndarray | None = None
    levels: Levels | None = None
    is_baseline: bool = False


@dataclass(frozen=True)
class LevelTables:
    """What became of probabilities.

    Attributes
    ----------
    levels : Levels
        The K levels.
    reliability : Reliability
        What was said with each probability, and how often it came true.
    confusion : ndarray of int64, shape (K, K)
        Pairs by true level (row) and most probable level (column).
    """

    levels: Levels
    reliability: Reliability
    confusion: np.ndarray


class Measurer:
    """Measures predictions of the same pairs, or of some of them.

    Parameters
    ----------
    pairs : pyarrow.Table
        Columns user and item; n rows.
    rating : ndarray of float64, shape (n,)
        How they were rated.
    seed, resamples : int
        Of the intervals; without resamples there are none.
    """

    def __init__(self, pairs: pa.Table, rating: np.ndarray, seed: int, resamples: int) -> None:
        self._rating, self._seed, self._resamples = rating, seed, resamples
        # In the order of the ids, so that the order of the rows makes no difference.
        users = IdIndex.of(pairs.column("user"))
        self._user, self._n_users = users.lookup(pairs.column("user")), len(users)

    def figures(
        self, predicted: Predicted, segment: str = ALL, chosen: np.ndarray | None = None
    ) -> list[Metric]:
        """Return the figures that can be measured, of all pairs or of those that a mask chooses."""
        moments = self._moments(predicted, chosen)
        sums = moments.sum(axis=0)
        found = zip(FIGURES, figures_from(sums), counts_from(sums), *self._intervals(moments), strict=True)
        return [
            Metric(
                name, predicted.name, None, segment, float(value), int(count), known_end(low), known_end(high)
            )
            for name, value, count, low, high in found
            if count and math.isfinite(value)
        ]

    def differences(
        self, predicted: Sequence[Predicted], compared: Sequence[tuple[int, int]]
    ) -> list[Metric]:
        """Return the figures of the first of each two predictors less those of the second.

        Parameters
        ----------
        predicted : sequence of Predicted
            The predictors.
        compared : sequence of tuple of int
            Places of those to compare.
        """
        moments = [self._moments(each) for each in predicted]
        sums = np.stack([each.sum(axis=0) for each in moments])
        figures, counts = figures_from(sums), counts_from(sums)
        ends = self._paired_intervals(moments, compared)
        return [
            Metric(
                name,
                predicted[first].name,
                predicted[second].name,
                ALL,
                float(figures[first, place] - figures[second, place]),
                int(min(counts[first, place], counts[second, place])),
                *(known_end(end[pair, place]) for end in ends),
            )
            for pair, (first, second) in enumerate(compared)
            for place, name in enumerate(FIGURES)
            if np.isfinite(figures[[first, second], place]).all()
        ]

    def level_tables(self, predicted: Predicted) -> LevelTables | None:
        """Return what became of a predictor's probabilities; None where it has none of pairs on levels."""
        found = _on_levels(predicted)
        if found is None or predicted.levels is None:
            return None
        probabilities, level = found
        count = len(predicted.levels)
        pairs = level.astype(np.int64) * count + most_probable(probabilities)
        confusion = np.bincount(pairs, minlength=count * count).reshape(count, count)
        return LevelTables(predicted.levels, reliability(probabilities, level), confusion)

    def calibration(self, predicted: Predicted, tables: LevelTables) -> list[Metric]:
        """Return the expected calibration error, and what a perfectly calibrated predictor stays below."""
        found = _on_levels(predicted)
        assert found is not None
        values = {"calibration_error": tables.reliability.error}
        if self._resamples:
            # The levels are drawn by pair, so a certain order makes equal draws of equal pairs.
            probabilities = found[0][np.lexsort(found[0].T)]
            values["calibration_quantile"] = error_if_calibrated(probabilities, self._seed)
        return [
            Metric(name, predicted.name, None, ALL, value, len(found[1])) for name, value in values.items()
        ]

    def _moments(self, predicted: Predicted, chosen: np.ndarray | None = None) -> np.ndarray:
        rows = slice(None) if chosen is None else chosen
        return moments_of(
            self._user[rows],
            self._n_users,
            predicted.prediction[rows],
            self._rating[rows],
            None if predicted.probabilities is None else predicted.probabilities[rows],
            None if predicted.level is None else predicted.level[rows],
        )

    def _intervals(self, moments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if not self._resamples:
            return np.full(len(FIGURES), np.nan), np.full(len(FIGURES), np.nan)
        # Here, because the kernels take a third of a second to load.
        from rbmcli.models.bootstrap import intervals

        return intervals(moments, self._seed, self._resamples)

    def _paired_intervals(
        self, moments: Sequence[np.ndarray], compared: Sequence[tuple[int, int]]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the ends of intervals, each (pairs, figures)."""
        if not self._resamples or not compared:
            return np.full((len(compared), len(FIGURES)), np.nan), np.full(
                (len(compared), len(FIGURES)), np.nan
            )
        from rbmcli.models.bootstrap import paired_intervals

        found = paired_intervals(moments, self._seed, self._resamples, compared=compared)
        return np.stack([each.low for each in found]), np.stack([each.high for each in found])


def _on_levels(predicted: Predicted) -> tuple[np.ndarray, np.ndarray] | None:
    """Return probabilities and true levels of the pairs whose rating is on a level; None without any."""
    if predicted.probabilities is None or predicted.level is None:
        return None
    known = predicted.level != UNKNOWN
    if not known.any():
        return None
    return predicted.probabilities[known], predicted.level[known]


def places_compared(given: int, baselines: int) -> list[tuple[int, int]]:
    """Return places of predictors to compare: each two that were given, then those and baselines."""
    return [
        *combinations(range(given), 2),
        *product(range(given), range(given, given + baselines)),
    ]


def known_end(end: float) -> float | None:
    """Return an end of an interval, None for NaN: there is none."""
    return float(end) if math.isfinite(end) else None

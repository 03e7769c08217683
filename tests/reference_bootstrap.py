"""The oracle of what is drawn to judge figures: users and levels, one at a time, and intervals as defined.

It stands on tests/reference.py, whose random numbers it shares. Slopes are differences of figures here.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tests.reference import derive, uniform

Figures = Callable[[np.ndarray], np.ndarray]


def drawn_rows(users: int, key: int, resamples: int) -> list[list[int]]:
    """Return who is drawn, U of the U users for each resample."""
    streams = [derive(key, resample) for resample in range(resamples)]
    return [[((derive(stream, draw) >> 32) * users) >> 32 for draw in range(users)] for stream in streams]


def slopes(figures: Figures, sums: np.ndarray) -> np.ndarray:
    """Return the derivatives, (F, M), of figures by sums, (M,), from differences."""
    columns = []
    for place, total in enumerate(sums):
        step = np.zeros_like(sums)
        step[place] = 1e-6 * max(abs(total), 1e-3)
        columns.append((figures(sums + step) - figures(sums - step)) / (2 * step[place]))
    return np.stack(columns, axis=1)


def interval(
    rows: np.ndarray, figures: Figures, key: int, resamples: int, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the intervals of figures of the sums of rows, (U, M)."""

    def error(chosen: np.ndarray) -> np.ndarray:
        added = chosen @ slopes(figures, chosen.sum(axis=0)).T
        return np.sqrt(np.sum(added**2, axis=0))

    estimate, ratios = figures(rows.sum(axis=0)), []
    for chosen in drawn_rows(len(rows), key, resamples):
        moved = figures(rows[chosen].sum(axis=0)) - estimate
        ratios.append(np.abs(moved) / error(rows[chosen]))
    t = np.sort(ratios, axis=0)[math.ceil(level * (resamples + 1)) - 1]
    return estimate - t * error(rows), estimate + t * error(rows)


def drawn_hits(probabilities: np.ndarray, key: int, draws: int, bins: int) -> np.ndarray:
    """Return how often each level is drawn by bin of its probability, (D, K, B)."""
    hits = np.zeros((draws, probabilities.shape[1], bins), np.int64)
    edges = np.linspace(0, 1, bins + 1)
    for draw in range(draws):
        stream = derive(key, draw)
        for pair, of_pair in enumerate(probabilities.astype(np.float64)):
            number = uniform(stream, pair) * of_pair.sum()
            level = min(int(np.searchsorted(np.cumsum(of_pair), number, side="right")), len(of_pair) - 1)
            place = max(int(np.searchsorted(edges, of_pair[level], side="left")) - 1, 0)
            hits[draw, level, place] += 1
    return hits

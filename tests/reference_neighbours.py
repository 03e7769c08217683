"""The oracle of neighbours: similarities pair by pair, and sums over neighbours, from dicts of residuals."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

Residuals = Mapping[tuple[int, int], float]
"""Residual of each (user, item) that is rated."""


def similarity(residuals: Residuals, left: int, right: int, shrinkage: float) -> float:
    """Return how much two items are alike."""
    raters = [{user for user, item in residuals if item == each} for each in (left, right)]
    both = sorted(raters[0] & raters[1])
    if not both:
        return 0.0
    x, y = (np.array([residuals[user, each] for user in both]) for each in (left, right))
    correlation = x @ y / np.sqrt((x @ x) * (y @ y))
    sizes = [len(each) + shrinkage for each in raters]
    return float(correlation * len(both) / np.sqrt(sizes[0] * sizes[1]))


def neighbours(residuals: Residuals, item: int, items: int, shrinkage: float, most: int) -> dict[int, float]:
    """Return the items most like an item, and how much they are."""
    all_ = {other: similarity(residuals, item, other, shrinkage) for other in range(items) if other != item}
    like = sorted((each for each in all_ if all_[each] > 0), key=lambda other: (-all_[other], other))
    return {other: all_[other] for other in sorted(like[:most])}


def sums(residuals: Residuals, user: int, weights: Mapping[int, float]) -> tuple[float, float]:
    """Return sum w e and sum w over the neighbours that a user has rated."""
    rated = [other for other in weights if (user, other) in residuals]
    return sum(weights[j] * residuals[user, j] for j in rated), sum(weights[j] for j in rated)

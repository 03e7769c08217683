"""From an expected rating and how sure it is to a probability for each level: a cumulative logistic link.

P(level <= k) = sigma((a_k - b m) / sqrt(1 + c v)), with m the expected rating and v its variance by what the
model does not know of its own parameters; a rises with k, and there is none for the last level. It is fitted
to ratings that the model was not trained on.

Source: P. McCullagh (1980), "Regression models for ordinal data", J. R. Statist. Soc. B; the variance enters
as in D. MacKay (1992), "The evidence framework applied to classification networks".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from rbmcli.data.levels import Levels

PRIOR_STRENGTH = 1.0
"""Strength of the pull of a and b to where the search starts, worth about a pair each."""

_SPREADS = (1e-3, 1e3)
"""Between what c is looked for."""

_STEPS, _HALVINGS, _SECTIONS = 50, 40, 24
_TOLERANCE = 1e-12
_GOLDEN = (np.sqrt(5) - 1) / 2
_LEAST = 1e-300


@dataclass(frozen=True)
class OrdinalLink:
    """What makes probabilities of expected ratings.

    Attributes
    ----------
    cutpoints : ndarray of float64, shape (K - 1,)
        a, rising.
    slope : float
        b, above 0.
    spread : float
        c, at least 0.
    """

    cutpoints: np.ndarray
    slope: float
    spread: float

    def probabilities(self, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
        """Return the level probabilities of pairs.

        Parameters
        ----------
        mean, variance : ndarray of float64, shape (n,)
            Expected ratings, and their variance, at least 0.

        Returns
        -------
        ndarray of float32, shape (n, K)
            Rows sum to 1.
        """
        scores = self._scores(mean, variance)
        below = np.column_stack([np.zeros(len(mean)), _sigmoid(scores), np.ones(len(mean))])
        return np.diff(below, axis=1).astype(np.float32)

    def _scores(self, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
        weight = 1 / np.sqrt(1 + self.spread * variance)
        return weight[:, None] * (self.cutpoints - self.slope * mean[:, None])

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values, ready for JSON."""
        return {"cutpoints": self.cutpoints.tolist(), "slope": self.slope, "spread": self.spread}

    @classmethod
    def from_dict(cls, values: dict[str, Any], levels: int) -> OrdinalLink:
        """Return the one that `as_dict` has made plain values of.

        Raises
        ------
        ValueError
            If there is none for so many levels in them.
        """
        cutpoints = np.asarray(values["cutpoints"], np.float64)
        link = cls(cutpoints, float(values["slope"]), float(values["spread"]))
        is_rising = cutpoints.shape == (levels - 1,) and bool(np.all(np.diff(cutpoints) > 0))
        if not (is_rising and np.isfinite(cutpoints).all() and link.slope > 0 and link.spread >= 0):
            raise ValueError(f"its ordinal link is none for {levels} levels")
        return link

    @classmethod
    def around(cls, levels: Levels, deviation: float) -> OrdinalLink:
        """Return the one that cuts at the middles between levels, for ratings that deviate by so much."""
        values = levels.values.astype(np.float64)
        cuts = (values[1:] + values[:-1]) / 2 if levels.edges is None else levels.edges.astype(np.float64)
        # A logistic distribution of scale s has the standard deviation pi s / sqrt(3).
        slope = np.pi / (np.sqrt(3) * max(deviation, 1e-3 * (values[-1] - values[0])))
        return cls(slope * cuts, float(slope), 0.0)


def fit_link(
    mean: np.ndarray, variance: np.ndarray, level: np.ndarray, rating: np.ndarray, levels: Levels
) -> OrdinalLink:
    """Return the link that makes true levels most probable.

    For each c the rest is a convex problem, solved by Newton's method from `OrdinalLink.around`; c itself is
    found by golden section of its logarithm, where variances differ from 0.

    Parameters
    ----------
    mean, variance : ndarray of float64, shape (n,)
        Expected ratings of pairs that were not trained on, and their variance; n at least 1.
    level : ndarray of int, shape (n,)
        Index of the true level, 0 to K - 1.
    rating : ndarray of float, shape (n,)
        The true rating.
    levels : Levels
        The scale.
    """
    start = OrdinalLink.around(levels, float(np.sqrt(np.mean((rating - mean) ** 2))))

    def fitted(spread: float) -> tuple[float, OrdinalLink]:
        """Return the best link for a value of c, and its loss."""
        return _fitted(_Problem(mean, 1 / np.sqrt(1 + spread * variance), level, start), start, spread)

    without = fitted(0.0)
    if not np.any(variance > 0):
        return without[1]
    return min(without, _golden_section(fitted), key=lambda found: found[0])[1]


def _golden_section(fitted: Callable[[float], tuple[float, OrdinalLink]]) -> tuple[float, OrdinalLink]:
    """Return the best value, and its link, between the ends of the spread."""
    low, high = np.log(_SPREADS)
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = fitted(float(np.exp(left))), fitted(float(np.exp(right)))
    for _ in range(_SECTIONS):
        if at_left[0] <= at_right[0]:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = fitted(float(np.exp(left)))
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = fitted(float(np.exp(right)))
    return min(at_left, at_right, key=lambda found: found[0])


class _Problem:
    """What is minimised as a function of the cutpoints and, in last place, the slope."""

    def __init__(self, mean: np.ndarray, weight: np.ndarray, level: np.ndarray, start: OrdinalLink) -> None:
        # In a certain order, so that that of the pairs makes no difference to the sums.
        order = np.lexsort((weight, mean, level))
        self.mean, self.weight, self.level = mean[order], weight[order], level[order].astype(np.int64)
        self.centre = np.append(start.cutpoints, start.slope)

    def value(self, at: np.ndarray) -> float:
        """Return the value alone; infinite where the cutpoints do not rise or the slope is not positive."""
        if np.any(np.diff(at[:-1]) <= 0) or at[-1] <= 0:
            return np.inf
        chance = self._chance(*self._ends(at))
        pull = PRIOR_STRENGTH / 2 * float(np.sum((at - self.centre) ** 2))
        return pull - float(np.sum(np.log(chance)))

    def around(self, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the gradient (K,) and the second derivatives (K, K)."""
        count = len(at)
        high, low = self._ends(at)
        chance = self._chance(high, low)
        rise_high, rise_low = _density(high) / chance, _density(low) / chance
        bend_high = rise_high * (1 - 2 * _sigmoid(high)) - rise_high**2
        bend_low = -rise_low * (1 - 2 * _sigmoid(low)) - rise_low**2
        both = rise_high * rise_low
        gradient = PRIOR_STRENGTH * (at - self.centre)
        curvature = PRIOR_STRENGTH * np.eye(count)
        # The upper end of level k is cutpoint k, its lower end cutpoint k - 1; the outermost have no weight.
        upper, lower = self.level, self.level - 1
        has_upper, has_lower = self.level < count - 1, self.level > 0
        w, m = self.weight, self.mean
        self._add(gradient, upper, has_upper, -w * rise_high)
        self._add(gradient, lower, has_lower, w * rise_low)
        gradient[-1] += np.sum(w * m * (rise_high - rise_low))
        for place, has, bend in ((upper, has_upper, bend_high), (lower, has_lower, bend_low)):
            diagonal = np.zeros(count)
            self._add(diagonal, place, has, -(w**2) * bend)
            curvature += np.diag(diagonal)
            with_slope = np.zeros(count)
            self._add(with_slope, place, has, w**2 * m * (bend + both))
            curvature[:, -1] += with_slope
            curvature[-1, :] += with_slope
        inner = has_upper & has_lower
        across = np.bincount(lower[inner], weights=-(w**2 * both)[inner], minlength=count)[: count - 2]
        places = np.arange(count - 2)
        curvature[places, places + 1] += across
        curvature[places + 1, places] += across
        curvature[-1, -1] += np.sum(-((w * m) ** 2) * (bend_high + bend_low + 2 * both))
        return gradient, curvature

    def _ends(self, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        bounds = np.concatenate([[-np.inf], at[:-1], [np.inf]])
        shift = at[-1] * self.mean
        with np.errstate(invalid="ignore"):
            return (
                self.weight * (bounds[self.level + 1] - shift),
                self.weight * (bounds[self.level] - shift),
            )

    @staticmethod
    def _chance(high: np.ndarray, low: np.ndarray) -> np.ndarray:
        # Of two numbers near 1 the difference is lost: it is that of what they lack.
        flipped = low > 0
        upper, lower = np.where(flipped, -low, high), np.where(flipped, -high, low)
        return np.maximum(_sigmoid(upper) - _sigmoid(lower), _LEAST)

    @staticmethod
    def _add(total: np.ndarray, place: np.ndarray, has: np.ndarray, value: np.ndarray) -> None:
        total += np.bincount(place[has], weights=value[has], minlength=len(total))


def _fitted(problem: _Problem, start: OrdinalLink, spread: float) -> tuple[float, OrdinalLink]:
    at = np.append(start.cutpoints, start.slope)
    value = problem.value(at)
    for _ in range(_STEPS):
        gradient, curvature = problem.around(at)
        step = -np.linalg.solve(curvature, gradient)
        if -step @ gradient <= _TOLERANCE * max(1.0, abs(value)):
            break
        for halving in range(_HALVINGS):
            tried = at + 0.5**halving * step
            found = problem.value(tried)
            if found < value:
                break
        else:
            break
        at, value = tried, found
    return value, OrdinalLink(at[:-1], float(at[-1]), spread)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + np.exp(-x)))


def _density(x: np.ndarray) -> np.ndarray:
    s = _sigmoid(x)
    return s * (1 - s)

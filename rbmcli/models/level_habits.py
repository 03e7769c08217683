"""Which levels a user, and an item, has more of than others, beyond what is expected of their ratings.

Some users give no half stars, some nothing but the ends of the scale; an expected rating does not tell. With
the share s of each level among a user's ratings, held to that among all, g, by a few ratings, h = log s / g
is cut into what is linear in the level, what is quadratic, and the rest; so is that of the item. A weight of
each, fitted to ratings that the model has not seen, says how much of it is added to the log-probabilities.
What is linear gets little: the expected rating knows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rbmcli.models.sums import product, weighted

PULL = 1.0
"""Strength of the pull of weights to 0."""

STRENGTHS = (3.0, 10.0, 30.0)
"""Ratings at the shares of all that may count against a user's own."""

_STEPS, _HALVINGS = 50, 30
_TOLERANCE = 1e-10
_LEAST = 1e-9


@dataclass(frozen=True)
class LevelHabits:
    """How much habits count.

    Attributes
    ----------
    strength : float
        Ratings at the shares of all that count against a user's own.
    weights : ndarray of float64, shape (2 C,)
        Of the parts of the user's habit, and of the item's, in that order; C is 3, or less on fewer than 4
        levels.
    """

    strength: float
    weights: np.ndarray

    @classmethod
    def none(cls, levels: int) -> LevelHabits:
        """Return the one that adds nothing."""
        return cls(STRENGTHS[0], np.zeros(2 * len(_parts(levels))))

    @classmethod
    def from_dict(cls, values: dict[str, Any], levels: int) -> LevelHabits:
        """Return the one that `as_dict` has made plain values of.

        Raises
        ------
        ValueError
            If there is none for so many levels in them.
        """
        found = cls(float(values["strength"]), np.asarray(values["weights"], np.float64))
        if (
            found.weights.shape != cls.none(levels).weights.shape
            or not np.isfinite(found.weights).all()
            or not found.strength > 0
        ):
            raise ValueError(f"its level habits are none for {levels} levels")
        return found

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values, ready for JSON."""
        return {"strength": self.strength, "weights": self.weights.tolist()}

    def added(
        self, probability: np.ndarray, count: np.ndarray, item_share: np.ndarray, overall: np.ndarray
    ) -> np.ndarray:
        """Return probabilities with habits added, float32 (n, K).

        Parameters
        ----------
        probability : ndarray of float, shape (n, K)
            Without them.
        count : ndarray of int, shape (n, K)
            Known ratings of each pair's user at each level.
        item_share : ndarray of float, shape (n, K)
            Smoothed share of each level among the ratings of the item.
        overall : ndarray of float, shape (K,)
            The same among all ratings.
        """
        if not self.weights.any():
            return probability.astype(np.float32)
        features = _features(count, item_share, overall, self.strength)
        return _softmax(_logs(probability) + weighted(features, self.weights)).astype(np.float32)


def fit_habits(
    probability: np.ndarray, count: np.ndarray, item_share: np.ndarray, overall: np.ndarray, level: np.ndarray
) -> LevelHabits:
    """Return the habits that make true levels most probable; parameters as of `LevelHabits.added`.

    For each strength that is an unconstrained convex problem, solved by Newton's method.
    """
    logs = _logs(probability)
    found = []
    for strength in STRENGTHS:
        loss, weights = _fitted(logs, _features(count, item_share, overall, strength), level)
        found.append((loss, LevelHabits(strength, weights)))
    return min(found, key=lambda each: each[0])[1]


def _parts(levels: int) -> list[np.ndarray]:
    """Return the projections, (K, K) each, onto what is linear in the level, quadratic, and the rest."""
    at = np.linspace(-1, 1, levels)
    basis, _ = np.linalg.qr(np.stack([at**power for power in range(min(levels, 3))], axis=1))
    lines = [np.outer(each, each) for each in basis.T[1:]]
    rest = np.eye(levels) - basis @ basis.T
    return [*lines, rest] if levels > 3 else lines


def _features(count: np.ndarray, item_share: np.ndarray, overall: np.ndarray, strength: float) -> np.ndarray:
    """Return the parts of both habits at each level, float64 (n, K, 2 C)."""
    share = (count + strength * overall) / (count.sum(axis=1, keepdims=True) + strength)
    habits = [np.log(share / overall), np.log(item_share / overall)]
    return np.stack([product(habit, part) for habit in habits for part in _parts(len(overall))], axis=2)


def _fitted(logs: np.ndarray, features: np.ndarray, level: np.ndarray) -> tuple[float, np.ndarray]:
    weights = np.zeros(features.shape[2])
    rows = np.arange(len(level))
    loss = _loss(logs, features, level, weights)
    for _ in range(_STEPS):
        chance = _softmax(logs + features @ weights)
        mean = np.einsum("nk,nkc->nc", chance, features)
        gradient = (mean - features[rows, level]).sum(axis=0) + PULL * weights
        square = np.einsum("nk,nkc,nkd->cd", chance, features, features, optimize=True)
        curvature = square - mean.T @ mean + PULL * np.eye(len(weights))
        step = -np.linalg.solve(curvature, gradient)
        if -step @ gradient <= _TOLERANCE * max(1.0, abs(loss)):
            break
        for halving in range(_HALVINGS):
            tried = weights + 0.5**halving * step
            better = _loss(logs, features, level, tried)
            if better < loss:
                break
        else:
            break
        weights, loss = tried, better
    return loss, weights


def _loss(logs: np.ndarray, features: np.ndarray, level: np.ndarray, weights: np.ndarray) -> float:
    chance = _softmax(logs + features @ weights)[np.arange(len(level)), level]
    return float(PULL / 2 * weights @ weights - np.sum(np.log(np.maximum(chance, _LEAST))))


def _logs(probability: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(probability.astype(np.float64), _LEAST))


def _softmax(scores: np.ndarray) -> np.ndarray:
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))

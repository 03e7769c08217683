"""Pairs with predictions, probabilities and what really happened, for tests of figures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rbmcli.models.moments import moments_of


@dataclass(frozen=True)
class Scored:
    """Scored pairs of a few users, each of whom has at least one.

    Attributes
    ----------
    user, n_users, prediction, rating, probabilities, level
        As `rbmcli.models.moments.moments_of` takes them.
    """

    user: np.ndarray
    n_users: int
    prediction: np.ndarray
    rating: np.ndarray
    probabilities: np.ndarray
    level: np.ndarray

    def part(self, chosen: np.ndarray) -> Scored:
        """Return chosen pairs, with the same users."""
        return Scored(
            self.user[chosen],
            self.n_users,
            self.prediction[chosen],
            self.rating[chosen],
            self.probabilities[chosen],
            self.level[chosen],
        )

    def moments(self) -> np.ndarray:
        """Return the moments of each user."""
        return moments_of(
            self.user, self.n_users, self.prediction, self.rating, self.probabilities, self.level
        )


def random_scored(pairs: int, users: int, levels: int, seed: int) -> Scored:
    """Return pairs, at least one a user, whose levels are drawn from flattened probabilities."""
    generator = np.random.default_rng(seed)
    pairs = max(pairs, users)
    user = np.concatenate([np.arange(users), generator.integers(users, size=pairs - users)])
    probabilities = generator.dirichlet(np.full(levels, 0.5), pairs).astype(np.float32)
    chances = (probabilities + 0.2) / (probabilities + 0.2).sum(axis=1, keepdims=True)
    level = (np.cumsum(chances, axis=1) < generator.random((pairs, 1))).sum(axis=1)
    level = np.minimum(level, levels - 1).astype(np.uint8)
    prediction = probabilities.astype(np.float64) @ np.arange(levels)
    return Scored(user, users, prediction, level.astype(np.float64), probabilities, level)

"""Combining the answers of several models: one blend for the prediction, and another for the probabilities.

A prediction is mu + sum_m w_m (p_m - mu), with weights w >= 0 that vary with how many ratings the user and
the item have: they are given at a few numbers of ratings, and lie on a straight line of the logarithms
between. They minimise the squared error on ratings that no model has seen, pulled to those that suit all.
Probabilities are sum_m v_m P_m, with v >= 0 and sum v = 1 that minimise the negative log-likelihood.

Sources: L. Breiman (1996), "Stacked regressions", for weights that are not negative; J. Sill et al. (2009),
"Feature-weighted linear stacking"; weights of a mixture by expectation maximisation as A. Dempster, N. Laird,
D. Rubin (1977), "Maximum likelihood from incomplete data via the EM algorithm".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rbmcli.models.metrics import PROBABILITY_FLOOR

KNOT_SHARES = (0.1, 0.5, 0.9)
"""Weights are given at these quantiles of the numbers of ratings of the users, and of the items."""

PENALTIES = (np.inf, 3000.0, 1000.0, 300.0, 100.0, 30.0)
"""Strengths of the pull to the weights that suit all, which cross-validation chooses from."""

_PARTS = 5
_SMALL_PULL = 1.0
"""Strength of the pull of all weights to equal ones: it decides where models say the same."""

_STEPS = 2000
_TOLERANCE = 1e-9


class Unseen(NamedTuple):
    """What M models say of ratings that none of them has seen.

    Attributes
    ----------
    predictions : ndarray of float64, shape (n, M)
        What each predicts.
    likelihood : ndarray of float64, shape (n, M)
        Probability that each gives the level of the rating.
    rating : ndarray of float64, shape (n,)
        The ratings.
    user_count, item_count : ndarray of int64, shape (n,)
        Ratings of the user, and of the item, that the models have seen.
    """

    predictions: np.ndarray
    likelihood: np.ndarray
    rating: np.ndarray
    user_count: np.ndarray
    item_count: np.ndarray

    def take(self, chosen: np.ndarray) -> Unseen:
        """Return some of them."""
        return Unseen(*(array[chosen] for array in self))


@dataclass(frozen=True)
class Combination:
    """How the answers of M models are combined.

    Attributes
    ----------
    centre : float
        mu.
    user_knots, item_knots : ndarray of float64, shapes (A,) and (B,)
        Logarithms of 1 more than the numbers of ratings at which weights are given, increasing.
    weights : ndarray of float64, shape (A, B, M)
        w, not negative.
    pool : ndarray of float64, shape (M,)
        v.
    """

    centre: float
    user_knots: np.ndarray
    item_knots: np.ndarray
    weights: np.ndarray
    pool: np.ndarray

    @classmethod
    def equal(cls, models: int) -> Combination:
        """Return the mean of some models."""
        share = np.full(models, 1 / models)
        return cls(0.0, np.zeros(1), np.zeros(1), share[None, None], share)

    def as_stored(self) -> Combination:
        """Return it with numbers that a float32 holds."""
        arrays = (self.user_knots, self.item_knots, self.weights, self.pool)
        return Combination(self.centre, *(array.astype(np.float32).astype(np.float64) for array in arrays))

    def weights_of(self, user_count: np.ndarray, item_count: np.ndarray) -> np.ndarray:
        """Return w for pairs whose user and item have so many ratings, float64 (n, M)."""
        basis = _basis(user_count, item_count, self.user_knots, self.item_knots)
        return np.asarray(basis @ self.weights.reshape(-1, self.weights.shape[2]))

    def predicted(self, unseen: Unseen) -> np.ndarray:
        """Return the predictions of ratings, not clipped, float64 (n,), from those of the models."""
        weights = self.weights_of(unseen.user_count, unseen.item_count)
        return self.centre + np.sum(weights * (unseen.predictions - self.centre), axis=1)


def _basis(
    user_count: np.ndarray, item_count: np.ndarray, user_knots: np.ndarray, item_knots: np.ndarray
) -> np.ndarray:
    """Return how much each of the A B places on the grid counts for pairs, float64 (n, A B), in all 1."""
    by_user, by_item = _hats(user_count, user_knots), _hats(item_count, item_knots)
    return (by_user[:, :, None] * by_item[:, None, :]).reshape(len(by_user), -1)


def _hats(count: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Return the linear interpolation between knots as shares of these, float64 (n, knots)."""
    at = np.log1p(count)
    return np.stack([np.interp(at, knots, row) for row in np.eye(len(knots))], axis=1)


def fit_combination(unseen: Unseen) -> Combination:
    """Return the combination that suits ratings which no model has seen."""
    centre = float(np.mean(unseen.rating))
    knots = _knots(unseen.user_count), _knots(unseen.item_count)
    basis = _basis(unseen.user_count, unseen.item_count, *knots)
    given = unseen.predictions - centre, unseen.rating - centre
    weights = _fit_weights(*given, basis, _chosen_penalty(*given, basis))
    grid = len(knots[0]), len(knots[1]), unseen.predictions.shape[1]
    return Combination(centre, *knots, weights.reshape(grid), fit_pool(unseen.likelihood))


def _knots(count: np.ndarray) -> np.ndarray:
    return np.unique(np.log1p(np.quantile(count, KNOT_SHARES, method="lower")))


def _chosen_penalty(deviation: np.ndarray, truth: np.ndarray, basis: np.ndarray) -> float:
    """Return the penalty whose weights predict best what they were not fitted to."""
    if basis.shape[1] == 1 or len(truth) < _PARTS:
        return np.inf
    part = parts_of(len(truth))
    losses = np.zeros(len(PENALTIES))
    for number in range(_PARTS):
        inside, outside = part == number, part != number
        for place, penalty in enumerate(PENALTIES):
            weights = _fit_weights(deviation[outside], truth[outside], basis[outside], penalty)
            said = np.sum((basis[inside] @ weights) * deviation[inside], axis=1)
            losses[place] += np.sum((truth[inside] - said) ** 2)
    return PENALTIES[int(np.argmin(losses))]


def parts_of(count: int) -> np.ndarray:
    """Return one of a few parts for each of so many ratings, the same whenever it is asked."""
    return np.random.default_rng(count).permutation(count) % _PARTS


def cross_fitted(unseen: Unseen) -> tuple[np.ndarray, np.ndarray]:
    """Return what combinations say of ratings that these were not fitted to: prediction and likelihood."""
    part = parts_of(len(unseen.rating))
    said, chance = np.empty(len(part)), np.empty(len(part))
    for number in np.unique(part):
        inside = part == number
        found = fit_combination(unseen.take(~inside))
        said[inside] = found.predicted(unseen.take(inside))
        chance[inside] = unseen.likelihood[inside] @ found.pool
    return said, chance


def _fit_weights(deviation: np.ndarray, truth: np.ndarray, basis: np.ndarray, penalty: float) -> np.ndarray:
    """Return the weights at every place of the grid, float64 (A B, M)."""
    models, places = deviation.shape[1], basis.shape[1]
    pull = _SMALL_PULL * np.eye(models)
    gram = deviation.T @ deviation + pull
    overall = non_negative(gram, deviation.T @ truth + _SMALL_PULL / models)
    if not np.isfinite(penalty):
        return np.tile(overall, (places, 1))
    columns = (basis[:, :, None] * deviation[:, None, :]).reshape(len(truth), -1)
    gram = columns.T @ columns + penalty * np.eye(places * models)
    right = columns.T @ truth + penalty * np.tile(overall, places)
    return non_negative(gram, right).reshape(places, models)


def non_negative(gram: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the x >= 0 that minimises x' G x / 2 - x' b, with G positive definite.

    Source: C. Lawson, R. Hanson (1974), "Solving least squares problems", chapter 23.
    """
    free, found = np.zeros(len(right), bool), np.zeros(len(right))
    least = _TOLERANCE * max(1.0, float(np.abs(right).max()))
    for _ in range(3 * len(right)):
        gradient = right - gram @ found
        gradient[free] = 0.0
        if gradient.max() <= least:
            break
        free[np.argmax(gradient)] = True
        while True:
            at = np.flatnonzero(free)
            tried = np.linalg.solve(gram[np.ix_(at, at)], right[at])
            if (tried > 0).all():
                break
            # As far as the first of them that would be negative, which is held at 0 from there on.
            falling = tried <= 0
            steps = found[at][falling] / (found[at][falling] - tried[falling])
            found[at] += steps.min() * (tried - found[at])
            free[at[falling][steps <= steps.min()]] = False
            found[~free] = 0.0
        found[at] = tried
    return found


def fit_pool(likelihood: np.ndarray) -> np.ndarray:
    """Return the v >= 0 with sum v = 1 that maximises sum log (P v), float64 (M,).

    Parameters
    ----------
    likelihood : ndarray of float64, shape (n, M)
        P: the probability that each model gives what has come.
    """
    models = likelihood.shape[1]
    share = np.full(models, 1 / models)
    chance = np.maximum(likelihood, PROBABILITY_FLOOR)
    for _ in range(_STEPS):
        better = share * np.mean(chance / (chance @ share)[:, None], axis=0) if len(chance) else share
        moved = np.abs(better - share).max()
        share = better
        if moved < _TOLERANCE:
            break
    return np.asarray(share / share.sum())

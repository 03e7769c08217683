"""Combining the answers of several models: one blend for the prediction, and another for the probabilities.

A prediction is mu + sum_m w_m (p_m - mu), with weights w >= 0 that vary with how many ratings the user and
the item have: they are given at a few numbers of ratings, and lie on a straight line of the logarithms
between. They minimise the squared error on ratings that no model has seen, pulled to those that suit all.
Probabilities are sum_m v_m P_m, with v >= 0 and sum v = 1 that minimise the negative log-likelihood.

Sources: L. Breiman (1996), "Stacked regressions", for weights that are not negative; J. Sill et al. (2009),
"Feature-weighted linear stacking"; M. Stone (1961), "The opinion pool", for probabilities.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from rbmcli.models.boosting import Trees, fit_trees
from rbmcli.models.metrics import PROBABILITY_FLOOR
from rbmcli.models.sums import product

KNOT_SHARES = (0.1, 0.5, 0.9)
"""Weights are given at these quantiles of the numbers of ratings of the users, and of the items."""

PENALTIES = (np.inf, 3000.0, 1000.0, 300.0, 100.0, 30.0)
"""Strengths of the pull to the weights that suit all, which cross-validation chooses from."""

_PARTS = 5
_SMALL_PULL = 1.0
"""Strength of the pull of all weights to equal ones: it decides where models say the same."""

_STEPS, _HALVINGS = 100, 30
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

    def known(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what is known before the rating is: predictions, and the numbers of ratings."""
        return self.predictions, self.user_count, self.item_count


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
    trees : Trees
        What is added to predictions, by those of the models, their blend, and the logarithms of 1 more than
        the numbers of ratings.
    """

    centre: float
    user_knots: np.ndarray
    item_knots: np.ndarray
    weights: np.ndarray
    pool: np.ndarray
    trees: Trees

    @classmethod
    def equal(cls, models: int) -> Combination:
        """Return the mean of some models."""
        share = np.full(models, 1 / models)
        return cls(0.0, np.zeros(1), np.zeros(1), share[None, None], share, Trees.none())

    def as_stored(self) -> Combination:
        """Return it with numbers that a float32 holds."""
        names = ("user_knots", "item_knots", "weights", "pool")
        arrays: dict[str, Any] = {name: _as_float32(getattr(self, name)) for name in names}
        return replace(self, trees=self.trees.as_stored(), **arrays)

    def weights_of(self, user_count: np.ndarray, item_count: np.ndarray) -> np.ndarray:
        """Return w for pairs whose user and item have so many ratings, float64 (n, M)."""
        basis = _basis(user_count, item_count, self.user_knots, self.item_knots)
        return product(basis, self.weights.reshape(-1, self.weights.shape[2]))

    def predicted(
        self, predictions: np.ndarray, user_count: np.ndarray, item_count: np.ndarray
    ) -> np.ndarray:
        """Return the predictions of pairs, not clipped, float64 (n,), from those of the models, (n, M)."""
        deviation = predictions - self.centre
        said = self.centre + np.sum(self.weights_of(user_count, item_count) * deviation, axis=1)
        if len(self.trees.value):
            said += self.trees.said(_features(predictions, said, user_count, item_count))
        return said


def _features(
    predictions: np.ndarray, blended: np.ndarray, user_count: np.ndarray, item_count: np.ndarray
) -> np.ndarray:
    """Return what trees split by, float64 (n, M + 3)."""
    return np.column_stack([predictions, blended, np.log1p(user_count), np.log1p(item_count)])


def _as_float32(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32).astype(np.float64)


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


def fit_combination(unseen: Unseen, *, boosted: bool = False) -> Combination:
    """Return the combination that suits ratings which no model has seen, with trees or without."""
    return _Fits(unseen, boosted=boosted).fitted(np.arange(_PARTS))


def cross_fitted(unseen: Unseen, *, boosted: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return what combinations say of ratings that these were not fitted to: prediction and likelihood."""
    fits = _Fits(unseen, boosted=boosted)
    said, chance = np.empty(len(fits.part)), np.empty(len(fits.part))
    for number in np.unique(fits.part):
        inside = fits.part == number
        found = fits.fitted(np.setdiff1d(np.arange(_PARTS), number))
        said[inside] = found.predicted(*unseen.take(inside).known())
        chance[inside] = unseen.likelihood[inside] @ found.pool
    return said, chance


def parts_of(count: int) -> np.ndarray:
    """Return one of a few parts for each of so many ratings, the same whenever it is asked."""
    return np.random.default_rng(count).permutation(count) % _PARTS


def _knots(count: np.ndarray) -> np.ndarray:
    return np.unique(np.log1p(np.quantile(count, KNOT_SHARES, method="lower")))


class _Fits:
    """Fits to parts of the same ratings, from sums over each part: ratings are gone through once.

    Parameters
    ----------
    unseen : Unseen
        The ratings.
    boosted : bool
        Whether trees are fitted to what weights leave over.
    """

    def __init__(self, unseen: Unseen, *, boosted: bool) -> None:
        self._unseen, self._boosted, self.part = unseen, boosted, parts_of(len(unseen.rating))
        self._centre = float(np.mean(unseen.rating))
        self._knots = _knots(unseen.user_count), _knots(unseen.item_count)
        self._models = unseen.predictions.shape[1]
        basis = _basis(unseen.user_count, unseen.item_count, *self._knots)
        self._places = basis.shape[1]
        size = self._places * self._models
        self._gram, self._right = np.zeros((_PARTS, size, size)), np.zeros((_PARTS, size))
        for number in range(_PARTS):
            chosen = np.flatnonzero(self.part == number)
            deviation = unseen.predictions[chosen] - self._centre
            columns = (basis[chosen][:, :, None] * deviation[:, None, :]).reshape(len(chosen), size)
            self._gram[number] = columns.T @ columns
            self._right[number] = columns.T @ (unseen.rating[chosen] - self._centre)

    def fitted(self, parts: np.ndarray) -> Combination:
        """Return what suits some parts."""
        penalty, losses = np.inf, np.zeros(len(PENALTIES))
        if self._places > 1 and len(self.part) >= _PARTS:
            for number in parts:
                others = np.setdiff1d(parts, number)
                for place, tried in enumerate(PENALTIES):
                    weights = self._weights(others, tried)
                    losses[place] += (
                        weights @ self._gram[number] @ weights - 2 * weights @ self._right[number]
                    )
            penalty = PENALTIES[int(np.argmin(losses))]
        grid = len(self._knots[0]), len(self._knots[1]), self._models
        inside = np.isin(self.part, parts)
        chosen = self._unseen.take(inside)
        weights = self._weights(parts, penalty).reshape(grid)
        found = Combination(self._centre, *self._knots, weights, fit_pool(chosen.likelihood), Trees.none())
        if not self._boosted:
            return found
        blended = found.predicted(*chosen.known())
        features = _features(chosen.predictions, blended, chosen.user_count, chosen.item_count)
        return replace(found, trees=fit_trees(features, chosen.rating - blended, self.part[inside]))

    def _weights(self, parts: np.ndarray, penalty: float) -> np.ndarray:
        """Return the weights at every place of the grid that suit some parts, float64 (A B M,)."""
        gram, right = self._gram[parts].sum(axis=0), self._right[parts].sum(axis=0)
        shape = self._places, self._models
        # Where weights are the same at all places, columns of these add up.
        of_all = gram.reshape(*shape, *shape).sum(axis=(0, 2)) + _SMALL_PULL * np.eye(self._models)
        overall = non_negative(of_all, right.reshape(shape).sum(axis=0) + _SMALL_PULL / self._models)
        everywhere = np.tile(overall, self._places)
        if not np.isfinite(penalty):
            return everywhere
        return non_negative(gram + penalty * np.eye(len(right)), right + penalty * everywhere)


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

    That is the v >= 0 that minimises n sum v - sum log (P v), by Newton steps that stay within the bounds.

    Parameters
    ----------
    likelihood : ndarray of float64, shape (n, M)
        P: the probability that each model gives what has come.
    """
    count, models = likelihood.shape
    chance = np.maximum(likelihood, PROBABILITY_FLOOR)

    def loss(share: np.ndarray) -> float:
        """Return n sum v - sum log (P v)."""
        return float(count * share.sum() - np.sum(np.log(np.maximum(chance @ share, PROBABILITY_FLOOR))))

    share = np.full(models, 1 / models)
    value = loss(share)
    for _ in range(_STEPS):
        relative = chance / (chance @ share)[:, None]
        # A little is added where models say the same, so that there is one solution.
        curvature = relative.T @ relative + _SMALL_PULL * np.eye(models)
        slope = count - relative.sum(axis=0)
        step = non_negative(curvature, curvature @ share - slope) - share
        for halving in range(_HALVINGS):
            tried = share + 0.5**halving * step
            better = loss(tried)
            if better < value:
                break
        else:
            break
        gain, share, value = value - better, tried, better
        if gain <= _TOLERANCE * count:
            break
    return np.asarray(share / share.sum())

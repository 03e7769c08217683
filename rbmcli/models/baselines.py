"""The floor of every comparison: predictions that need no more than means and biases.

All three baselines have one form, b_ui = mu + b_u + b_i, clipped to the scale: the global mean has no
biases, the item mean only those of items, and the regularised user+item bias has both. An index of -1
stands for a user or item without history, whose bias is 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LAMBDAS = (20.0, 10.0, 5.0, 2.5, 1.0)
"""Penalties to choose from; the first is also what too few ratings to choose with leave."""
SWEEPS = 40
SELECTION_SWEEPS = 5
TOLERANCE = 1e-5
FOLDS = 3
FIRST_LAMBDA_ITEM = 5.0


@dataclass(frozen=True)
class History:
    """The ratings that baselines are fitted on, by dense index.

    Attributes
    ----------
    user, item : ndarray of int32, shape (n,)
        Indices, 0 to `n_users` - 1 and `n_items` - 1.
    rating : ndarray of float64, shape (n,)
        Ratings; n at least 1.
    n_users, n_items : int
        Sizes of the two indices.
    """

    user: np.ndarray
    item: np.ndarray
    rating: np.ndarray
    n_users: int
    n_items: int

    def part(self, chosen: np.ndarray) -> History:
        """Return the ratings that a boolean mask of shape (n,) chooses, with the same indices."""
        return History(self.user[chosen], self.item[chosen], self.rating[chosen], self.n_users, self.n_items)


@dataclass(frozen=True)
class BiasModel:
    """A baseline, b_ui = mu + b_u + b_i, clipped to the scale.

    Attributes
    ----------
    name : str
        Name for people.
    mean : float
        mu.
    user_bias : ndarray of float64, shape (n_users,)
        b_u.
    item_bias : ndarray of float64, shape (n_items,)
        b_i.
    low, high : float
        Ends of the scale.
    """

    name: str
    mean: float
    user_bias: np.ndarray
    item_bias: np.ndarray
    low: float
    high: float

    def predict(self, user: np.ndarray, item: np.ndarray) -> np.ndarray:
        """Return the predictions of pairs.

        Parameters
        ----------
        user, item : ndarray of int, shape (n,)
            Indices of the pairs; -1 where there is no history.

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        # A last entry of 0 is what the index -1 finds.
        of_user = np.append(self.user_bias, 0.0)[user]
        of_item = np.append(self.item_bias, 0.0)[item]
        return np.clip(self.mean + of_user + of_item, self.low, self.high)


def fit_baselines(history: History) -> list[BiasModel]:
    """Fit the global mean, the item mean and the user+item bias; the scale is the history's range."""
    mean, low, high = _scale(history)
    no_users, no_items = np.zeros(history.n_users), np.zeros(history.n_items)
    item_means = _ridge_bias(history.item, history.rating - mean, history.n_items, 0.0)
    return [
        BiasModel("global mean", mean, no_users, no_items, low, high),
        BiasModel("item mean", mean, no_users, item_means, low, high),
        fit_user_item_bias(history, *choose_lambdas(history)),
    ]


def fit_user_item_bias(
    history: History, lambda_user: float, lambda_item: float, sweeps: int = SWEEPS
) -> BiasModel:
    """Fit user and item biases by alternating ridge regression.

    Minimises sum (r - mu - b_u - b_i)^2 + lambda_user sum b_u^2 + lambda_item sum b_i^2 with mu the mean
    of all ratings; each half-sweep is exact: b_u = sum_i (r - mu - b_i) / (lambda_user + n_u), then the
    same for items.

    Parameters
    ----------
    history : History
        Ratings to fit.
    lambda_user, lambda_item : float
        Penalties, above 0, in ratings.
    sweeps : int
        Most sweeps; it ends earlier where no bias moves by more than 1e-5.
    """
    mean, low, high = _scale(history)
    centred = history.rating - mean
    user_bias = np.zeros(history.n_users)
    item_bias = np.zeros(history.n_items)
    for _ in range(sweeps):
        item_before = item_bias
        item_bias = _ridge_bias(history.item, centred - user_bias[history.user], history.n_items, lambda_item)
        user_bias = _ridge_bias(history.user, centred - item_bias[history.item], history.n_users, lambda_user)
        if np.max(np.abs(item_bias - item_before)) <= TOLERANCE:
            break
    return BiasModel("user+item bias", mean, user_bias, item_bias, low, high)


def choose_lambdas(history: History) -> tuple[float, float]:
    """Return the penalties of users and items with the least error on held-out parts of the history.

    Three disjoint tenths of the history are held out in turn. First the users' penalty is chosen, then,
    with that one, the items'. The tenths depend on the order of the ratings alone, so that equal histories
    give equal penalties.
    """
    tenth = np.random.default_rng(0).integers(10, size=len(history.rating))
    folds = [
        (history.part(tenth != number), history.part(tenth == number))
        for number in range(FOLDS)
        if 0 < np.count_nonzero(tenth == number) < len(tenth)
    ]

    lambda_user = min(LAMBDAS, key=lambda penalty: _squared_error(folds, penalty, FIRST_LAMBDA_ITEM))
    return lambda_user, min(LAMBDAS, key=lambda penalty: _squared_error(folds, lambda_user, penalty))


def _squared_error(folds: list[tuple[History, History]], lambda_user: float, lambda_item: float) -> float:
    """Return the sum of squared errors on the second part of each fold, fitted on the first."""
    total = 0.0
    for kept, asked in folds:
        model = fit_user_item_bias(kept, lambda_user, lambda_item, sweeps=SELECTION_SWEEPS)
        total += float(np.sum((model.predict(asked.user, asked.item) - asked.rating) ** 2))
    return total


def _scale(history: History) -> tuple[float, float, float]:
    return float(np.mean(history.rating)), float(np.min(history.rating)), float(np.max(history.rating))


def _ridge_bias(index: np.ndarray, residual: np.ndarray, size: int, penalty: float) -> np.ndarray:
    """Return sum of residuals / (penalty + count) for each index; 0 where there is nothing to divide."""
    totals = np.bincount(index, weights=residual, minlength=size)
    counts = np.bincount(index, minlength=size) + penalty
    return np.divide(totals, counts, out=np.zeros(size), where=counts > 0)

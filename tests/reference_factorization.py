"""The oracle of matrix factorization: conditionals rating by rating, and folding in by dense algebra."""

from __future__ import annotations

import numpy as np

from tests.reference import derive, uniform


def normal(key: int, counter: int) -> float:
    """Return number `counter` of a stream of normal numbers."""
    first, second = uniform(key, 2 * counter), uniform(key, 2 * counter + 1)
    return float(np.sqrt(-2 * np.log(1 - first)) * np.cos(2 * np.pi * second))


def posterior(rated, value, others, noise_precision, alpha, precision, expected):
    """Return mean and covariance of bias and factors of a row, of the columns that it has rated."""
    x = others[rated].astype(float)
    target = value - x[:, 0]
    x[:, 0] = 1
    weighted = alpha * noise_precision[rated] * x.T
    inverse = np.linalg.inv(weighted @ x + np.diag(precision))
    return inverse @ (weighted @ target + precision * expected), inverse


def drawn_row(rated, value, others, noise_precision, alpha, precision, expected, key, noisy=True):
    """Return bias and factors that a row draws, and the weighted squares of what it leaves of its ratings."""
    mean, covariance = posterior(rated, value, others, noise_precision, alpha, precision, expected)
    upper = np.linalg.cholesky(np.linalg.inv(covariance)).T
    drawn = mean + noisy * np.linalg.solve(upper, [normal(key, j) for j in range(len(mean))])
    x = others[rated].astype(float)
    left = value - x[:, 0] - drawn[0] - x[:, 1:] @ drawn[1:]
    return drawn, np.sum(noise_precision[rated] * left**2)


def drawn_implicit(pairs, weight, scale, own, prior, key, left, implicit, noisy=True):
    """Return what each column adds to a factor of the rows that rated it, one after the other, and p - e."""
    drawn, left = implicit.astype(float), left.astype(float)
    for column in range(len(drawn)):
        rows = np.array([r for r, c in pairs if c == column], int)
        slope = scale * weight[rows]
        precision = own * slope @ slope + prior
        target = left[rows] + slope * drawn[column]
        new = own * slope @ target / precision + noisy * normal(*key(column)) / np.sqrt(precision)
        left[rows] -= slope * (new - drawn[column])
        drawn[column] = new
    return drawn, left


class DenseSide:
    """One side of a factorization by least squares: who has rated what, and all that is found of it, dense.

    Attributes
    ----------
    rated, value : ndarray, shape (R, C)
        Whether each pair is rated, and the standardised rating; 0 where it is not.
    factors, implicit : ndarray, shapes (R, P) and (C, P)
        p with the bias first, and y.
    """

    def __init__(self, rated, value, factors):
        self.rated, self.value, self.factors = rated, value, factors.astype(float)
        self.implicit = np.zeros((rated.shape[1], factors.shape[1]))
        # A row times this is w times the sum over what the row has rated.
        self.weighted = rated / np.sqrt(np.maximum(rated.sum(axis=1, keepdims=True), 1))

    def expected(self):
        """Return w sum y of each row."""
        return self.weighted @ self.implicit

    def solve(self, others, penalty):
        """Find bias and factors of each row by ridge regression on those of the other side."""
        expected = self.expected()
        for row, rated in enumerate(self.rated):
            x = others[rated].copy()
            target = self.value[row, rated] - x[:, 0]
            x[:, 0] = 1
            system = x.T @ x + np.diag(penalty)
            self.factors[row] = np.linalg.solve(system, x.T @ target + penalty * expected[row])

    def descend(self, penalty, implicit_penalty):
        """Find y column by column, each with all others as they are."""
        for column in range(len(self.implicit)):
            share = self.weighted[:, column]
            self.implicit[column] = 0
            left = self.factors - self.expected()
            self.implicit[column] = penalty * (share @ left) / (penalty * (share @ share) + implicit_penalty)

    def penalties(self, penalty, implicit_penalty):
        """Return what the objective has of this side beside the squares of residuals."""
        own = np.sum(penalty * (self.factors - self.expected()) ** 2)
        return own + implicit_penalty * np.sum(self.implicit**2)


def objective(users, items, penalty, implicit_penalty):
    """Return what least squares make small, of two dense sides."""
    said = users.factors[:, :1] + items.factors[:, 0] + users.factors[:, 1:] @ items.factors[:, 1:].T
    squares = np.sum((users.value - said)[users.rated] ** 2)
    return squares + sum(side.penalties(penalty, implicit_penalty) for side in (users, items))


def folded(items, base, rated, asked, scale):
    """Return mean, mean square and variance of an item for a user's ratings, a dict of item to value."""
    means, variances = [], []
    for s in range(len(items.alpha)):
        x = items.factors[s].astype(float)
        bias = x[:, 0].copy()
        x[:, 0] = 1
        places = list(rated)
        size = x.shape[1]
        precision = np.diag(items.precision[s]) + items.alpha[s] * sum(
            (items.noise_precision[s, i] * np.outer(x[i], x[i]) for i in places), np.zeros((size, size))
        )
        weight = 1 / np.sqrt(max(len(places), 1))
        prior = items.mean[s] + weight * sum(
            (items.implicit[s, i].astype(float) for i in places), np.zeros(size)
        )
        right = items.precision[s] * prior
        for i in places:
            precise = items.alpha[s] * items.noise_precision[s, i]
            right = right + precise * x[i] * (rated[i] - base - bias[i])
        p = np.linalg.solve(precision, right)
        means.append(np.clip(base + bias[asked] + p @ x[asked], *scale))
        variances.append(x[asked] @ np.linalg.solve(precision, x[asked]))
    return np.mean(means), np.mean(np.square(means)), np.mean(variances[::16])


__all__ = ["DenseSide", "derive", "drawn_implicit", "drawn_row", "folded", "normal", "objective", "posterior"]

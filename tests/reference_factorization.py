"""The oracle of matrix factorization: conditionals rating by rating, and folding in by dense algebra."""

from __future__ import annotations

import numpy as np

from tests.reference import derive, uniform


def normal(key: int, counter: int) -> float:
    """Return number `counter` of a stream of normal numbers."""
    first, second = uniform(key, 2 * counter), uniform(key, 2 * counter + 1)
    return float(np.sqrt(-2 * np.log(1 - first)) * np.cos(2 * np.pi * second))


def posterior(rated, value, others, alpha, precision, expected):
    """Return mean and covariance of bias and factors of a row, of the columns that it has rated."""
    x = others[rated].astype(float)
    target = value - x[:, 0]
    x[:, 0] = 1
    inverse = np.linalg.inv(alpha * x.T @ x + np.diag(precision))
    return inverse @ (alpha * x.T @ target + precision * expected), inverse


def drawn_row(rated, value, others, alpha, precision, expected, key):
    """Return bias and factors that a row draws, and the squares of what it leaves of its ratings."""
    mean, covariance = posterior(rated, value, others, alpha, precision, expected)
    upper = np.linalg.cholesky(np.linalg.inv(covariance)).T
    drawn = mean + np.linalg.solve(upper, [normal(key, j) for j in range(len(mean))])
    x = others[rated].astype(float)
    left = value - x[:, 0] - drawn[0] - x[:, 1:] @ drawn[1:]
    return drawn, np.sum(left**2)


def drawn_implicit(pairs, weight, scale, own, prior, key, left, implicit):
    """Return what each column adds to a factor of the rows that rated it, one after the other, and p - e."""
    drawn, left = implicit.astype(float), left.astype(float)
    for column in range(len(drawn)):
        rows = np.array([r for r, c in pairs if c == column], int)
        slope = scale * weight[rows]
        precision = own * slope @ slope + prior
        target = left[rows] + slope * drawn[column]
        new = own * slope @ target / precision + normal(*key(column)) / np.sqrt(precision)
        left[rows] -= slope * (new - drawn[column])
        drawn[column] = new
    return drawn, left


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
            (np.outer(x[i], x[i]) for i in places), np.zeros((size, size))
        )
        weight = 1 / np.sqrt(max(len(places), 1))
        prior = items.mean[s] + weight * sum(
            (items.implicit[s, i].astype(float) for i in places), np.zeros(size)
        )
        right = items.precision[s] * prior
        for i in places:
            right = right + items.alpha[s] * x[i] * (rated[i] - base - bias[i])
        p = np.linalg.solve(precision, right)
        means.append(np.clip(base + bias[asked] + p @ x[asked], *scale))
        variances.append(x[asked] @ np.linalg.solve(precision, x[asked]))
    return np.mean(means), np.mean(np.square(means)), np.mean(variances[::6])


__all__ = ["derive", "drawn_implicit", "drawn_row", "folded", "normal", "posterior"]

"""The oracle of matrix factorization: conditionals rating by rating, and folding in by dense algebra."""

from __future__ import annotations

import numpy as np

from tests.reference import derive, uniform


def normal(key: int, counter: int) -> float:
    """Return number `counter` of a stream of normal numbers."""
    first, second = uniform(key, 2 * counter), uniform(key, 2 * counter + 1)
    return float(np.sqrt(-2 * np.log(1 - first)) * np.cos(2 * np.pi * second))


def drawn_own(ratings, residual, other, alpha, prior, key, own):
    """Return the factor of each row after it is drawn; ratings are (row, column) pairs."""
    drawn = own.copy()
    for row in range(len(own)):
        mine = [n for n, (r, _) in enumerate(ratings) if r == row]
        precision = prior[1] + alpha * sum(other[ratings[n][1]] ** 2 for n in mine)
        # What is left for this factor to tell is the residual with its own share put back.
        total = prior[1] * prior[0]
        for n in mine:
            q = other[ratings[n][1]]
            total += alpha * q * (residual[n] + own[row] * q)
        drawn[row] = total / precision + normal(key, row) / np.sqrt(precision)
    return drawn


def drawn_implicit(ratings, residual, other, weight, alpha, prior, key, implicit):
    """Return what each column adds after it is drawn, one after the other, and the residuals then."""
    drawn, residual = implicit.copy(), residual.copy()
    for column in range(len(implicit)):
        rows = [r for r, c in ratings if c == column]
        slope = np.zeros(len(ratings))
        for n, (r, c) in enumerate(ratings):
            slope[n] = weight[r] * other[c] * (r in rows)
        precision = prior[1] + alpha * np.sum(slope**2)
        mean = (alpha * np.sum(slope * (residual + drawn[column] * slope)) + prior[1] * prior[0]) / precision
        new = mean + normal(key, column) / np.sqrt(precision)
        residual -= (new - drawn[column]) * slope
        drawn[column] = new
    return drawn, residual


def folded(items, base, rated, asked, scale):
    """Return mean, mean square and variance of an item for a user's ratings, a dict of item to value."""
    means, variances = [], []
    for s in range(len(items.alpha)):
        x = items.features[s].astype(float)
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
            right = right + items.alpha[s] * x[i] * (rated[i] - base - items.bias[s, i])
        p = np.linalg.solve(precision, right)
        means.append(np.clip(base + items.bias[s, asked] + p @ x[asked], *scale))
        variances.append(x[asked] @ np.linalg.solve(precision, x[asked]))
    return np.mean(means), np.mean(np.square(means)), np.mean(variances[::6])


__all__ = ["derive", "drawn_implicit", "drawn_own", "folded", "normal"]

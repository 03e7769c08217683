"""The oracle of autoencoders: a row as dense vectors, in float64."""

from __future__ import annotations

import numpy as np

from tests.reference import derive, sigmoid, uniform

OF_UNITS = 1 << 40


def input_mask(keep: float, key: int, row: int, columns: int) -> np.ndarray:
    """Return which columns a row keeps as input where it has rated them, bool (N,)."""
    numbers = derive(key, row)
    return np.array([uniform(numbers, column) < keep for column in range(columns)])


def unit_factors(dropout: float, key: int, row: int, sizes: tuple[int, ...]) -> list[np.ndarray]:
    """Return what the units of each layer are taken times: 0 where dropped."""
    numbers = derive(derive(key, row), OF_UNITS)
    factors = []
    for layer, size in enumerate(sizes):
        of_layer = derive(numbers, layer)
        kept = np.array([uniform(of_layer, unit) >= dropout for unit in range(size)])
        factors.append(kept / (1 - dropout))
    return factors


def said(weights, sizes, centring, rating, kept, factors=None):
    """Return what is said of every column of a row, less mu, float64 (N,).

    `rating` has the row's values less mu, and `kept` tells which of them are input.
    """
    y = np.where(kept, rating - centring.effect, 0.0)
    n = kept.sum()
    effect = y.sum() / (centring.penalty + n)
    pre = (kept * (y - effect)) @ weights["given"] + kept @ weights["rated"]
    units = pre[: sizes[0]] / np.sqrt(1 + n) + weights["hidden_bias"][0, : sizes[0]]
    for layer, size in enumerate(sizes):
        if layer > 0:
            dense = weights["dense"][layer - 1, : sizes[layer - 1], :size]
            units = units @ dense + weights["hidden_bias"][layer, :size]
        units = sigmoid(units) - 0.5
        if factors is not None:
            units = units * factors[layer]
    bias = weights["bias"][:, 0]
    return centring.effect + effect + bias + weights["output"][:, : sizes[-1]] @ units


def loss(weights, sizes, centring, rows, masks, factors):
    """Return the sum over rows of half the squared errors of what is rated and not kept.

    `rows` has for each row its values less mu, NaN where there is no rating.
    """
    total = 0.0
    for rating, mask, by_layer in zip(rows, masks, factors, strict=True):
        rated = ~np.isnan(rating)
        found = said(weights, sizes, centring, np.nan_to_num(rating), rated & mask, by_layer)
        hidden = rated & ~mask
        total += 0.5 * np.sum((found - rating)[hidden] ** 2)
    return total


def slopes(weights, sizes, centring, rows, masks, factors):
    """Return the derivatives of the loss, by central differences."""
    step, found = 1e-5, {}
    for name, array in weights.items():
        found[name] = np.zeros_like(array)
        for place in np.ndindex(array.shape):
            before, sides = array[place], []
            for at in (before + step, before - step):
                array[place] = at
                sides.append(loss(weights, sizes, centring, rows, masks, factors))
            array[place] = before
            found[name][place] = (sides[0] - sides[1]) / (2 * step)
    return found


def ridge(features, target, penalty, centre):
    """Return the theta of one ridge regression."""
    matrix = features.T @ features + np.diag(penalty)
    return centre + np.linalg.solve(matrix, features.T @ (target - features @ centre))

"""Products of matrices with a row for each pair asked for, added up term by term.

The libraries behind `@` choose an order of summation by the number of rows, and a prediction must not depend
on what else is asked for at the same time.
"""

from __future__ import annotations

import numpy as np


def product(rows: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Return rows @ matrix, float64 (n, C), of shapes (n, K) and (K, C)."""
    total = np.zeros((len(rows), matrix.shape[1]))
    for share, terms in zip(rows.T, matrix, strict=True):
        total += share[:, None] * terms
    return total


def weighted(rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return rows @ weights, float64 (n, ...), of shapes (n, ..., K) and (K,)."""
    total = np.zeros(rows.shape[:-1])
    for place, weight in enumerate(weights.astype(np.float64)):
        total += rows[..., place] * weight
    return total

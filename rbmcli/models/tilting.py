"""Level probabilities that are carried along when an expected rating is corrected."""

from __future__ import annotations

import numpy as np

from rbmcli.models.sums import weighted

_STEPS = 40
_TOLERANCE = 1e-6
_FLOOR = 1e-12
_FAR = 100.0
_MARGIN = 0.01
"""Share of the scale by which expectations keep away from its ends, where all would be on one level."""


def tilted(probability: np.ndarray, mean: np.ndarray, values: np.ndarray, sharpness: float) -> np.ndarray:
    """Return p_k in proportion to q_k^s exp(theta v_k), with theta such that the expectation is as given.

    That is the distribution with this expectation that is nearest to q^s; theta is found by Newton's method,
    and by bisection where that goes astray.

    Parameters
    ----------
    probability : ndarray of float, shape (n, K)
        q.
    mean : ndarray of float64, shape (n,)
        Expectation wanted, on the scale; near its ends it is that of a little inside.
    values : ndarray of float, shape (K,)
        v, the rating that each level stands for, increasing.
    sharpness : float
        s, above 0: more than 1 makes probable levels more probable.

    Returns
    -------
    ndarray of float32, shape (n, K)
        Rows sum to 1.
    """
    # On a scale from -1 to 1.
    middle, half = (float(values[-1]) + values[0]) / 2, (float(values[-1]) - values[0]) / 2
    at = (values.astype(np.float64) - middle) / half
    wanted = np.clip((mean - middle) / half, 2 * _MARGIN - 1, 1 - 2 * _MARGIN)
    logs = sharpness * np.log(np.maximum(probability.astype(np.float64), _FLOOR))
    theta = np.zeros(len(mean))
    low, high = np.full(len(mean), -_FAR), np.full(len(mean), _FAR)
    for step in range(_STEPS + 1):
        shares = logs + theta[:, None] * at
        shares = np.exp(shares - shares.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        mean_of_each = weighted(shares, at)
        error = wanted - mean_of_each
        if step == _STEPS or np.abs(error).max(initial=0) < _TOLERANCE:
            break
        low, high = np.where(error > 0, theta, low), np.where(error < 0, theta, high)
        tried = theta + error / np.maximum(weighted(shares, at**2) - mean_of_each**2, _FLOOR)
        # Where nearly all is on one level, the slope promises too much.
        tried = np.where((tried > low) & (tried < high), tried, (low + high) / 2)
        # What is found stays, however long others take.
        theta = np.where(np.abs(error) < _TOLERANCE, theta, tried)
    return shares.astype(np.float32)

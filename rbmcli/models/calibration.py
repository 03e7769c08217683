"""Sets probabilities right after the fact: one temperature for all levels, and a bias for each.

softmax(log q / T + b), fitted on predictions of pairs whose ratings were not trained on. A temperature above
1 makes probabilities less sure of themselves; a bias moves what one level has too much of to others.

Source: C. Guo et al. (2017), "On calibration of modern neural networks"; this stands between their
temperature scaling and vector scaling.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rbmcli.models.metrics import PROBABILITY_FLOOR

PRIOR_STRENGTH = 1.0
"""Strength of the pull to b = 0 and 1/T = 1: that of standard normal priors, worth about a pair each."""

COLDEST, HOTTEST = 0.01, 100.0
"""Between what the temperature may be."""

_STEPS = 100
_HALVINGS = 40
_TOLERANCE = 1e-13
_CHUNK = 16384


@dataclass(frozen=True)
class Calibration:
    """What sets probabilities right.

    Attributes
    ----------
    temperature : float
        T, above 0.
    bias : ndarray of float64, shape (K,)
        b, of mean 0.
    """

    temperature: float
    bias: np.ndarray

    @classmethod
    def identity(cls, levels: int) -> Calibration:
        """Return the one that changes nothing."""
        return cls(1.0, np.zeros(levels))

    @classmethod
    def from_dict(cls, values: dict[str, Any], levels: int) -> Calibration:
        """Return the one that `as_dict` has made plain values of.

        Raises
        ------
        ValueError
            If there is none of so many levels in them.
        """
        bias = np.asarray(values["bias"], np.float64)
        found = cls(float(values["temperature"]), bias)
        if (
            bias.shape != (levels,)
            or not np.isfinite(bias).all()
            or not COLDEST <= found.temperature <= HOTTEST
        ):
            raise ValueError(f"its calibration is none of {levels} levels")
        return found

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values, ready for JSON."""
        return {"temperature": self.temperature, "bias": self.bias.tolist()}

    def after(self, earlier: Calibration) -> Calibration:
        """Return the one that does what an earlier one does and then this, with a temperature in range."""
        temperature = min(max(earlier.temperature * self.temperature, COLDEST), HOTTEST)
        return Calibration(temperature, earlier.bias / self.temperature + self.bias)


def apply(calibration: Calibration, probabilities: np.ndarray) -> np.ndarray:
    """Return softmax(log q / T + b), with q at least 1e-12.

    Parameters
    ----------
    calibration : Calibration
        Of K levels.
    probabilities : ndarray of float32 or float64, shape (n, K)
        Probability of each level.

    Returns
    -------
    ndarray, shape (n, K)
        Of the same type; rows sum to 1.
    """
    calibrated = np.empty_like(probabilities)
    for chunk in _chunks(len(probabilities)):
        logits = _logits(probabilities[chunk])
        calibrated[chunk] = _softmax(logits / calibration.temperature + calibration.bias)[0]
    return calibrated


def fit_calibration(probabilities: np.ndarray, level: np.ndarray) -> Calibration:
    """Return the temperature and the biases that make the true levels most probable.

    Minimises sum_n -log softmax(s log q_n + b)_t + 1/2 (|b|^2 + (s - 1)^2) over s = 1/T and b, a convex
    function, by Newton's method from where nothing is changed; a step that does not go down is halved.
    The pull to b = 0 also centres b. Where nothing is changed the value is the negative log-likelihood of q
    itself, and elsewhere none is above its own: so the pairs that are fitted never come out worse.

    Parameters
    ----------
    probabilities : ndarray of float, shape (n, K)
        Probability of each level, of pairs that were not trained on.
    level : ndarray of int, shape (n,)
        Index of the true level, 0 to K - 1.
    """
    problem = _Problem(probabilities, np.asarray(level, dtype=np.int64))
    at = np.append(np.zeros(probabilities.shape[1]), 1.0)
    value, gradient, curvature = problem.around(at)
    for _ in range(_STEPS):
        step = _newton_step(at, gradient, curvature)
        if -step @ gradient <= _TOLERANCE * max(1.0, abs(value)):
            break
        found = _descended(problem, at, step, value)
        if found is None:
            break
        at = found
        value, gradient, curvature = problem.around(at)
    return Calibration(float(1 / at[-1]), at[:-1] - at[:-1].mean())


class _Problem:
    """What is minimised, as a function of the biases and, in last place, s; summed in chunks, in order."""

    def __init__(self, probabilities: np.ndarray, level: np.ndarray) -> None:
        self._probabilities, self._level = probabilities, level

    def value(self, at: np.ndarray) -> float:
        """Return the value alone."""
        total = self._pull(at)
        for chunk in _chunks(len(self._level)):
            total += self._loss(*self._scored(chunk, at)[1:])
        return total

    def around(self, at: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Return the value, the gradient (K + 1,) and the second derivatives (K + 1, K + 1)."""
        levels = len(at) - 1
        total = self._pull(at)
        gradient = PRIOR_STRENGTH * (at - np.append(np.zeros(levels), 1.0))
        curvature = PRIOR_STRENGTH * np.eye(levels + 1)
        for chunk in _chunks(len(self._level)):
            logits, scores, level = self._scored(chunk, at)
            total += self._loss(scores, level)
            q = _softmax(scores)[0]
            mean = np.sum(q * logits, axis=1)
            gradient[:levels] += q.sum(axis=0) - np.bincount(level, minlength=levels)
            gradient[levels] += np.sum(mean - logits[np.arange(len(level)), level])
            # einsum, since the libraries behind @ may sum in another order with other numbers of threads.
            curvature[:levels, :levels] += np.diag(q.sum(axis=0)) - np.einsum("nk,nl->kl", q, q)
            spread = q * (logits - mean[:, None])
            curvature[:levels, levels] += spread.sum(axis=0)
            curvature[levels, levels] += np.sum(spread * logits)
        curvature[levels, :levels] = curvature[:levels, levels]
        return total, gradient, curvature

    def _scored(self, chunk: slice, at: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        logits = _logits(self._probabilities[chunk])
        return logits, at[-1] * logits + at[:-1], self._level[chunk]

    @staticmethod
    def _pull(at: np.ndarray) -> float:
        return float(PRIOR_STRENGTH / 2 * (np.sum(at[:-1] ** 2) + (at[-1] - 1) ** 2))

    @staticmethod
    def _loss(scores: np.ndarray, level: np.ndarray) -> float:
        return float(np.sum(_softmax(scores)[1] - scores[np.arange(len(level)), level]))


def _newton_step(at: np.ndarray, gradient: np.ndarray, curvature: np.ndarray) -> np.ndarray:
    """Return Newton's step, without s where that is at an end of its range and would leave it."""
    step = -np.linalg.solve(curvature, gradient)
    if _within(at[-1] + 1e-9 * step[-1]) != at[-1] + 1e-9 * step[-1]:
        step = np.append(-np.linalg.solve(curvature[:-1, :-1], gradient[:-1]), 0.0)
    return step


def _descended(problem: _Problem, at: np.ndarray, step: np.ndarray, value: float) -> np.ndarray | None:
    """Return a place on the way of a step, s kept in its range, that is lower; None if there is none."""
    for halving in range(_HALVINGS):
        tried = at + 0.5**halving * step
        tried[-1] = _within(tried[-1])
        if problem.value(tried) < value:
            return tried
    return None


def _within(inverse: float) -> float:
    return min(max(inverse, 1 / HOTTEST), 1 / COLDEST)


def _logits(probabilities: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(probabilities.astype(np.float64), PROBABILITY_FLOOR))


def _softmax(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return softmax of each row, (n, K), and the logarithm of the sum of its exponentials, (n,)."""
    most = scores.max(axis=1, keepdims=True)
    odds = np.exp(scores - most)
    total = odds.sum(axis=1, keepdims=True)
    return odds / total, (most + np.log(total))[:, 0]


def _chunks(n: int) -> list[slice]:
    return [slice(first, first + _CHUNK) for first in range(0, n, _CHUNK)]

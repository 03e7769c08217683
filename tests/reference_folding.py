"""The oracle of folding in: the regression that gives a visible group its parameters, in float64.

It stands on tests/reference.py, whose conventions it shares.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.reference import softmax


@dataclass(frozen=True)
class Regression:
    """The penalised softmax regression that a visible group is folded in by.

    Parameters are by function of the level, shape (K, P): the logits of a rating are offset + R value x.
    Functions from S on have a bias but no weights; their other parameters are zero in the centre and stay.

    Attributes
    ----------
    features : ndarray of float64, shape (n, P)
        What logits are linear in, x, of the rows that the group rated, and a last one that is always 1.
    offset : ndarray of float64, shape (n, K)
        Row bias of those rows.
    level : ndarray of int, shape (n,)
        The ratings.
    penalty : ndarray of float64, shape (P,)
        Strength of the pull to the centre, of each feature.
    centre : ndarray of float64, shape (K, P)
        Parameters of a group without ratings.
    rotation : ndarray of float64, shape (K, K), optional
        R, orthonormal functions of the level by column; by default each level is one.
    functions : int, optional
        S; by default K.
    """

    features: np.ndarray
    offset: np.ndarray
    level: np.ndarray
    penalty: np.ndarray
    centre: np.ndarray
    rotation: np.ndarray | None = None
    functions: int | None = None

    def _rotation(self) -> np.ndarray:
        return np.eye(len(self.centre)) if self.rotation is None else self.rotation

    def _share(self, value: np.ndarray) -> np.ndarray:
        return softmax(self.offset + self.features @ value.T @ self._rotation().T)

    def loss(self, value: np.ndarray) -> float:
        """Return the loss at some parameters, shape (K, P).

        -sum_e log softmax(offset_e + R value x_e)_level(e) + sum_sj penalty_j (value - centre)_sj^2 / 2.
        """
        misfit = -np.log(self._share(value)[np.arange(len(self.level)), self.level]).sum()
        return float(misfit + 0.5 * (self.penalty * (value - self.centre) ** 2).sum())

    def slope(self, value: np.ndarray) -> np.ndarray:
        """Return the gradient of the loss by what is free to move, zero elsewhere; shape (K, P)."""
        observed = np.eye(len(self.centre))[self.level]
        rotated = (self._share(value) - observed) @ self._rotation()
        slope = rotated.T @ self.features + self.penalty * (value - self.centre)
        slope[self.functions or len(slope) :, :-1] = 0.0
        return slope

    def after(self, steps: int) -> np.ndarray:
        """Return the parameters after Newton steps from the centre with X'X / 2 + penalty for the Hessian."""
        bound = 0.5 * self.features.T @ self.features + np.diag(self.penalty)
        value, functions = self.centre.copy(), self.functions or len(self.centre)
        for _ in range(steps):
            slope = self.slope(value)
            value[:functions] -= np.linalg.solve(bound, slope[:functions].T).T
            value[functions:, -1] -= slope[functions:, -1] / bound[-1, -1]
        return value

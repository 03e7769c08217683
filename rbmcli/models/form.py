"""The form of a machine: what its settings mean for the shapes of its parameters."""

from __future__ import annotations

import numpy as np

from rbmcli.config import ResolvedSettings
from rbmcli.errors import UsageError
from rbmcli.kernels.arrays import Form


def level_basis(values: np.ndarray, functions: int) -> np.ndarray:
    """Return orthonormal functions of the level, float32 (K, S), or the identity for S = 0.

    The first is linear in the value of the level, the second adds its square, and so on: the polynomials
    1, x, x^2, ... made orthonormal over the levels in this order, without the constant. With S = K - 1 they
    span all that differs between levels, as cumulative sharing does.

    Source: sharing weights over ordered levels: T. Truyen, D. Phung, S. Venkatesh (2009), "Ordinal Boltzmann
    machines for collaborative filtering", UAI; cumulative sharing: Y. Zheng et al. (2016), "A neural
    autoregressive approach to collaborative filtering", ICML.

    Parameters
    ----------
    values : ndarray, shape (K,)
        Value of each level, increasing.
    functions : int
        S, below K; 0 for weights of their own for every level.

    Raises
    ------
    UsageError
        If there are not as many levels.
    """
    levels = len(values)
    if functions == 0:
        return np.eye(levels, dtype=np.float32)
    if functions >= levels:
        raise UsageError(
            f"--level-functions {functions}: expected at most {levels - 1}, one less than there are levels",
            hint="leave it out for weights of their own for every level",
        )
    span = values[-1] - values[0]
    x = 2 * (np.asarray(values, np.float64) - values[0]) / span - 1
    # The Legendre polynomials span the same spaces as the powers, and stay apart for many levels.
    columns = np.polynomial.legendre.legvander(x, functions)
    basis, upper = np.linalg.qr(columns)
    return (basis * np.sign(np.diag(upper)))[:, 1:].astype(np.float32)


def form_of(settings: ResolvedSettings, values: np.ndarray) -> Form:
    """Return the form that settings ask for, on a scale with levels at `values`."""
    return Form(
        hidden=settings.hidden,
        factors=settings.factors,
        gaussian=settings.hidden_units == "gaussian",
        conditional=settings.conditional,
        shared=settings.level_functions > 0,
        basis=level_basis(values, settings.level_functions),
        upper=np.array(settings.upper_layers, np.int64),
    )

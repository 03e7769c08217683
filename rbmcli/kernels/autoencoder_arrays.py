"""The bundles of arrays that the kernels of an autoencoder take."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rbmcli.kernels.arrays import padded


class Weights(NamedTuple):
    """The parameters of an autoencoder of N columns, or any other value there is one of for each.

    Widths: L layers, P and Q the padded sizes of the first and the last, X that of the widest.

    Attributes
    ----------
    given : float32 (N, P)
        W, the weight of each column's value as input.
    rated : float32 (N, P)
        D, what it adds that the column is rated at all.
    output : float32 (N, Q)
        V.
    bias : float32 (N, 1)
        e.
    hidden_bias : float32 (L, X)
        beta of each layer.
    dense : float32 (L - 1, X, X)
        Weights from each layer to the next.
    """

    given: np.ndarray
    rated: np.ndarray
    output: np.ndarray
    bias: np.ndarray
    hidden_bias: np.ndarray
    dense: np.ndarray

    @classmethod
    def zeros(cls, columns: int, sizes: tuple[int, ...]) -> Weights:
        """Return zeros for N columns and layers of some sizes."""
        first, last, widest = padded(sizes[0]), padded(sizes[-1]), padded(max(sizes))
        shapes = (
            (columns, first),
            (columns, first),
            (columns, last),
            (columns, 1),
            (len(sizes), widest),
            (len(sizes) - 1, widest, widest),
        )
        return cls(*(np.zeros(shape, np.float32) for shape in shapes))

    def copy(self) -> Weights:
        """Return a copy that shares no memory."""
        return Weights(*(array.copy() for array in self))

    def is_finite(self) -> bool:
        """Return whether every number is finite."""
        return all(bool(np.isfinite(array).all()) for array in self)


class Centring(NamedTuple):
    """What ratings are taken less of.

    Attributes
    ----------
    values : float32 (K,)
        Rating of each level, less mu.
    effect : float32 (N,)
        c_i.
    penalty : float32
        lambda, in ratings.
    """

    values: np.ndarray
    effect: np.ndarray
    penalty: np.float32


class Course(NamedTuple):
    """How a mini-batch is learned.

    Attributes
    ----------
    keep : float32
        Probability that a rating is kept as input.
    dropout : float32
        Probability that a hidden unit is dropped, below 1; the others count for more in turn.
    rate : float32
        Learning rate of Adam.
    decay : float32 (N + 1,)
        L2 penalty of each column, and last of what all rows share, for one mini-batch and its mean over rows.
    """

    keep: np.float32
    dropout: np.float32
    rate: np.float32
    decay: np.ndarray


class Workspace(NamedTuple):
    """Memory that one mini-batch of B rows and E ratings needs between its phases.

    Attributes
    ----------
    mark : uint8 (E,)
        Whether each rating is kept or hidden.
    number : float32 (E,)
        s (y - b) of the ratings that are kept, the error of those that are hidden.
    scale : float32 (B,)
        s.
    hidden : float32 (L, B, X)
        Units.
    slope : float32 (L, B, X)
        Derivatives of the loss by their inputs.
    loss : float64 (B,)
        Half the squared errors.
    """

    mark: np.ndarray
    number: np.ndarray
    scale: np.ndarray
    hidden: np.ndarray
    slope: np.ndarray
    loss: np.ndarray

    @classmethod
    def sized(cls, rows: int, ratings: int, weights: Weights) -> Workspace:
        """Return memory for at most so many rows and ratings."""
        layers, width = weights.hidden_bias.shape
        return cls(
            np.zeros(ratings, np.uint8),
            np.zeros(ratings, np.float32),
            np.zeros(rows, np.float32),
            np.zeros((layers, rows, width), np.float32),
            np.zeros((layers, rows, width), np.float32),
            np.zeros(rows, np.float64),
        )

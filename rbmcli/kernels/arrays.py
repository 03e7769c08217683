"""The bundles of arrays that kernels take: what an RBM consists of, and one mini-batch in two orders.

Widths: R training rows, N visible groups (columns), K levels, F hidden units, W = F rounded up to a
multiple of 8. Positions F..W of every hidden axis are padding: hidden values there are 0, and so stay
the weights. A mini-batch has B rows, E ratings, C distinct columns.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

VECTOR_WIDTH = 8
"""Float32 numbers in one AVX2 register; the hidden axis is padded to a multiple of it."""


class Parameters(NamedTuple):
    """The parameters of an RBM, or their velocity, or any other value there is one of for each.

    Attributes
    ----------
    weights : float32 (N, K, W)
        W_ij^k.
    conditional : float32 (N, W)
        D_ij; zero where the model has no conditional term.
    visible_bias : float32 (N, K)
        b_i^k.
    hidden_bias : float32 (W,)
        b_j.
    """

    weights: np.ndarray
    conditional: np.ndarray
    visible_bias: np.ndarray
    hidden_bias: np.ndarray

    @classmethod
    def zeros(cls, columns: int, levels: int, hidden: int) -> Parameters:
        """Return zeros for N columns, K levels and F hidden units."""
        width = padded(hidden)
        return cls(
            np.zeros((columns, levels, width), np.float32),
            np.zeros((columns, width), np.float32),
            np.zeros((columns, levels), np.float32),
            np.zeros(width, np.float32),
        )

    def copy(self) -> Parameters:
        """Return a copy that shares no memory."""
        return Parameters(*(array.copy() for array in self))

    def of_columns(self, columns: np.ndarray) -> Parameters:
        """Return a copy with some of the columns, in the order given; a column may come several times."""
        return Parameters(
            self.weights[columns], self.conditional[columns], self.visible_bias[columns], self.hidden_bias
        )

    def is_finite(self) -> bool:
        """Return whether every number is finite."""
        return all(bool(np.isfinite(array).all()) for array in self)


def padded(hidden: int) -> int:
    """Return the number of hidden units rounded up to whole vector registers."""
    return -(-hidden // VECTOR_WIDTH) * VECTOR_WIDTH


class Batch(NamedTuple):
    """One mini-batch: its ratings by row, and an order that goes through them by column.

    Chunks are runs of rows, or of columns, with about equally many ratings. A chunk is worked off by
    one thread; where chunks begin does not depend on the number of threads.

    Attributes
    ----------
    rows : int32 (B,)
        Index of each row in the training set.
    row_start : int64 (B + 1,)
        First rating of each row.
    column : int32 (E,)
        Column of each rating, by row.
    level : uint8 (E,)
        Level of each rating, by row.
    columns : int32 (C,)
        The distinct columns, increasing.
    column_start : int64 (C + 1,)
        First place of each column in `entry`.
    entry : int32 (E,)
        Ratings by column: positions in `column` and `level`.
    entry_row : int32 (E,)
        Row within the batch (0..B-1) of each element of `entry`.
    row_chunk, column_chunk : int64 (chunks + 1,)
        First row, first element of `columns`, of each chunk.
    """

    rows: np.ndarray
    row_start: np.ndarray
    column: np.ndarray
    level: np.ndarray
    columns: np.ndarray
    column_start: np.ndarray
    entry: np.ndarray
    entry_row: np.ndarray
    row_chunk: np.ndarray
    column_chunk: np.ndarray


class Scratch(NamedTuple):
    """Memory that one mini-batch needs between its phases, allocated once for the largest batch.

    Attributes
    ----------
    data_hidden : float32 (B, W)
        p(h_j = 1 | v) given the ratings.
    sampled_hidden : float32 (B, W)
        The state, 0 or 1, that the next reconstruction starts from.
    model_hidden : float32 (B, W)
        p(h_j = 1 | v) given the reconstruction.
    reconstruction : float32 (E, K)
        Probabilities of the reconstructed visibles, by row.
    sampled_level : uint8 (E,)
        A level drawn from them, by row.
    loss : float64 (chunks,)
        Sum of -log p(level | h) of the first reconstruction, by chunk of columns.
    """

    data_hidden: np.ndarray
    sampled_hidden: np.ndarray
    model_hidden: np.ndarray
    reconstruction: np.ndarray
    sampled_level: np.ndarray
    loss: np.ndarray

    @classmethod
    def sized(cls, rows: int, ratings: int, levels: int, hidden: int, chunks: int) -> Scratch:
        """Return scratch memory for at most so many rows and ratings."""
        width = padded(hidden)
        return cls(
            np.zeros((rows, width), np.float32),
            np.zeros((rows, width), np.float32),
            np.zeros((rows, width), np.float32),
            np.zeros((ratings, levels), np.float32),
            np.zeros(ratings, np.uint8),
            np.zeros(chunks, np.float64),
        )

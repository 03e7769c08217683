"""What training is given: ratings to learn from, and pairs to measure on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rbmcli.data.ratings import CompressedRows
from rbmcli.kernels.row_bias import Smoothing
from rbmcli.kernels.scoring import Asked


@dataclass(frozen=True)
class TrainingData:
    """What is learned from.

    Attributes
    ----------
    ratings : CompressedRows
        The training ratings, R rows over N columns.
    column_prior : ndarray of float32, shape (N, K)
        Smoothed base rates of each column.
    level_values : ndarray of float32, shape (K,)
        Rating that each level stands for.
    smoothing : Smoothing
        What the row bias is made by.
    also_rated : CompressedRows or None
        Pairs that are known to have been rated, the rating unknown, over the same rows and columns.
    offset : ndarray of float32, shape (ratings, K), or None
        What is known to be added to the logits of each rating, in the order of `ratings`.
    """

    ratings: CompressedRows
    column_prior: np.ndarray
    level_values: np.ndarray
    smoothing: Smoothing
    also_rated: CompressedRows | None = None
    offset: np.ndarray | None = None


@dataclass(frozen=True)
class Validation:
    """Pairs whose ratings are known but not trained on.

    Attributes
    ----------
    asked : Asked
        The pairs, by row.
    level : ndarray of uint8
        Level of each pair, or `rbmcli.data.levels.UNKNOWN`.
    rating : ndarray of float32
        Rating of each pair.
    """

    asked: Asked
    level: np.ndarray
    rating: np.ndarray

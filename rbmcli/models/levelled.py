"""Ratings on levels, as training takes them: all of them, a part in rows, or a part as validation pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rbmcli.data.levels import Levels
from rbmcli.data.ordering import PairCodes
from rbmcli.data.ratings import CompressedRows
from rbmcli.kernels.scoring import NOT_OWN, Asked
from rbmcli.models.also_rated import beyond_ratings
from rbmcli.models.defaults import Shape
from rbmcli.models.fit import Validation


@dataclass(frozen=True)
class LevelledRatings:
    """Ratings on levels, with dense indices.

    Attributes
    ----------
    codes : PairCodes
        Users and items, the known ones and each rating's.
    level : ndarray of uint8
        Level of each rating.
    rating : ndarray of float32
        The rating itself.
    also_rated : tuple of two ndarrays of int32, or None
        Users and items of pairs whose rating is unknown, as positions in `codes`, -1 for one not there.
    """

    codes: PairCodes
    level: np.ndarray
    rating: np.ndarray
    also_rated: tuple[np.ndarray, np.ndarray] | None = None

    def axes(self, by: str) -> tuple[np.ndarray, np.ndarray]:
        """Return row and column of each rating."""
        users, items = self.codes.user_codes, self.codes.item_codes
        return (users, items) if by == "user" else (items, users)

    def rows(self, by: str, chosen: np.ndarray | None = None) -> CompressedRows:
        """Return all ratings, or those where the mask `chosen` is true, in compressed rows."""
        row, column = self.axes(by)
        shape = (len(self.codes.users), len(self.codes.items))
        pick = slice(None) if chosen is None else chosen
        return CompressedRows.build(
            row[pick], column[pick], self.level[pick], shape if by == "user" else shape[::-1]
        )

    def also_rated_beyond(self, rated: CompressedRows, by: str) -> CompressedRows | None:
        """Return the pairs of unknown rating that are not among some ratings, in compressed rows."""
        if self.also_rated is None:
            return None
        row, column = self.also_rated if by == "user" else self.also_rated[::-1]
        return beyond_ratings(row, column, rated)


def validation_pairs(
    rows: int, row: np.ndarray, column: np.ndarray, level: np.ndarray, rating: np.ndarray
) -> Validation:
    """Arrange validation ratings, none of which is trained on, for `fit`.

    Parameters
    ----------
    rows : int
        Training rows, R.
    row, column : ndarray of int32
        Dense indices of each validation rating.
    level, rating : ndarray of uint8 and float32
        Its level and value.
    """
    # Sums of errors, and with them the figures in the file, must not depend on the order of the input.
    order = np.lexsort((column, row))
    column = column[order]
    start = np.zeros(rows + 1, np.int64)
    np.cumsum(np.bincount(row, minlength=rows), out=start[1:])
    own = np.full(len(row), NOT_OWN, np.uint8)
    return Validation(Asked(start, column, own), level[order], rating[order])


def shape_of(ratings: LevelledRatings, held_out: np.ndarray, levels: Levels) -> Shape:
    """Return what default settings follow from."""
    codes = ratings.codes
    return Shape(len(codes.users), len(codes.items), int(np.count_nonzero(~held_out)), len(levels))

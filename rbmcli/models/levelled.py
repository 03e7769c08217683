"""Ratings on levels, as training takes them: all of them, a part in rows, or a part as validation pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rbmcli.data.levels import Levels
from rbmcli.data.ordering import PairCodes
from rbmcli.data.ratings import CompressedRows
from rbmcli.kernels.row_bias import Smoothing
from rbmcli.kernels.scoring import NOT_OWN, Asked
from rbmcli.models.also_rated import beyond_ratings
from rbmcli.models.compression import compressed
from rbmcli.models.day_bias import Occasions, day_offsets
from rbmcli.models.defaults import Shape
from rbmcli.models.training_data import Validation


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
    day : ndarray of int64, or None
        Day of each rating, where it is to count.
    by_user : CompressedRows or None
        The same ratings in rows of users, where they stand in that order already.
    """

    codes: PairCodes
    level: np.ndarray
    rating: np.ndarray
    also_rated: tuple[np.ndarray, np.ndarray] | None = None
    day: np.ndarray | None = None
    by_user: CompressedRows | None = None

    def axes(self, by: str) -> tuple[np.ndarray, np.ndarray]:
        """Return row and column of each rating."""
        users, items = self.codes.user_codes, self.codes.item_codes
        return (users, items) if by == "user" else (items, users)

    def rows(self, by: str, chosen: np.ndarray | None = None) -> CompressedRows:
        """Return all ratings, or those where the mask `chosen` is true, in compressed rows."""
        if self.by_user is not None and by == "user":
            return self.by_user if chosen is None else self.by_user.chosen(chosen)
        row, column = self.axes(by)
        shape = (len(self.codes.users), len(self.codes.items))
        pick = slice(None) if chosen is None else chosen
        return compressed(row[pick], column[pick], self.level[pick], shape if by == "user" else shape[::-1])

    def order(self, by: str, chosen: np.ndarray) -> np.ndarray:
        """Return the ratings where the mask `chosen` is true, as positions in the order of their rows."""
        row, column = self.axes(by)
        at = np.flatnonzero(chosen)
        if self.by_user is not None and by == "user":
            return at
        return at[np.lexsort((column[at], row[at]))]

    def validation(self, by: str, chosen: np.ndarray, offset: np.ndarray | None) -> Validation:
        """Return the ratings where the mask `chosen` is true, none of which is trained on, to measure by.

        Parameters
        ----------
        by : {"user", "item"}
            What rows are.
        chosen : ndarray of bool
            Which ratings.
        offset : ndarray of float32, shape (ratings, K), or None
            What is known to be added to the logits of each rating of the table.
        """
        # Sums of errors, and with them the figures in the file, must not depend on the order of the input.
        at = self.order(by, chosen)
        row, column = self.axes(by)
        users, items = len(self.codes.users), len(self.codes.items)
        start = np.zeros((users if by == "user" else items) + 1, np.int64)
        np.cumsum(np.bincount(row[at], minlength=len(start) - 1), out=start[1:])
        own = np.full(len(at), NOT_OWN, np.uint8)
        known = np.empty((0, 1), np.float32) if offset is None else offset[at]
        return Validation(Asked(start, column[at], own, known), self.level[at], self.rating[at])

    def day_offsets(
        self, learned: np.ndarray, item_prior: np.ndarray, of_user: Smoothing, of_day: Smoothing
    ) -> np.ndarray:
        """Return the day bias of each rating, float32 (ratings, K), made from those that are learned from.

        Of one of these, where the mask `learned` is true, it is made from the others. Needs days.
        """
        assert self.day is not None
        all_ = Occasions(self.codes.user_codes, self.codes.item_codes, self.level, self.day)
        own = np.where(learned, self.level, np.uint8(NOT_OWN))
        return day_offsets(all_.take(learned), all_._replace(level=own), item_prior, of_user, of_day)

    def also_rated_beyond(self, rated: CompressedRows, by: str) -> CompressedRows | None:
        """Return the pairs of unknown rating that are not among some ratings, in compressed rows."""
        if self.also_rated is None:
            return None
        row, column = self.also_rated if by == "user" else self.also_rated[::-1]
        return beyond_ratings(row, column, rated)


def shape_of(ratings: LevelledRatings, held_out: np.ndarray, levels: Levels) -> Shape:
    """Return what default settings follow from."""
    codes = ratings.codes
    return Shape(len(codes.users), len(codes.items), int(np.count_nonzero(~held_out)), len(levels))

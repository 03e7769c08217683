"""Leaves out users and items that have too few ratings."""

from __future__ import annotations

import numpy as np

from rbmcli.data.ordering import PairCodes


def well_rated(codes: PairCodes, min_user_ratings: int, min_item_ratings: int) -> np.ndarray:
    """Return which ratings stay when rare users and items are dropped until none is left.

    Dropping an item takes ratings from users and the other way round, so that it is repeated up to the
    fixed point; that point does not depend on who is dropped first.

    Parameters
    ----------
    codes : PairCodes
        Users and items of the ratings.
    min_user_ratings, min_item_ratings : int
        Ratings that a user and an item must have at least.

    Returns
    -------
    ndarray of bool, shape (rows,)
    """
    kept = np.ones(len(codes.user_codes), dtype=bool)
    while True:
        users = np.bincount(codes.user_codes[kept], minlength=len(codes.users))
        items = np.bincount(codes.item_codes[kept], minlength=len(codes.items))
        staying = kept & (users[codes.user_codes] >= min_user_ratings)
        staying &= items[codes.item_codes] >= min_item_ratings
        if np.array_equal(staying, kept):
            return kept
        kept = staying

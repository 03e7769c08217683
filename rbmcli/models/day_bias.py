"""The bias of a user on one day, for ratings and pairs in any order."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rbmcli.kernels.day_bias import NO_DAY, Dated, day_biases
from rbmcli.kernels.row_bias import Smoothing

_SECONDS = 86_400


class Occasions(NamedTuple):
    """Who has rated what, or is asked for it, and on which day.

    Attributes
    ----------
    user, item : ndarray of int32, shape (n,)
        Dense indices.
    level : ndarray of uint8, shape (n,)
        Level of each rating; of a pair its level where it is to be left out of the ratings, or `NOT_OWN`.
    day : ndarray of int64, shape (n,)
        Day of each, or `NO_DAY`.
    """

    user: np.ndarray
    item: np.ndarray
    level: np.ndarray
    day: np.ndarray

    def take(self, chosen: np.ndarray) -> Occasions:
        """Return some of them, by a mask or by positions."""
        return Occasions(*(array[chosen] for array in self))


def days_of(timestamp: pa.ChunkedArray) -> np.ndarray:
    """Return the days (UTC) of timestamps in seconds, int64; `NO_DAY` of null."""
    seconds = pc.fill_null(timestamp, 0).to_numpy()
    return np.where(pc.is_null(timestamp).to_numpy(), NO_DAY, seconds // _SECONDS)


def day_offsets(
    rated: Occasions, asked: Occasions, item_prior: np.ndarray, of_user: Smoothing, of_day: Smoothing
) -> np.ndarray:
    """Return the day bias of each pair, float32 (n, K), in the order of `asked`.

    Parameters
    ----------
    rated, asked : Occasions
        The ratings of all users, and the pairs.
    item_prior : ndarray of float32, shape (M, K)
        Base rates of each item.
    of_user, of_day : Smoothing
        What the biases of users, and of their days, are made by.
    """
    users = 1 + max(rated.user.max(initial=-1), asked.user.max(initial=-1))
    dated, _ = _by_user_and_day(rated, users)
    wanted, order = _by_user_and_day(asked, users)
    bias = np.empty((len(order), item_prior.shape[1]), np.float32)
    day_biases(dated, wanted, item_prior, of_user, of_day, bias)
    offsets = np.empty_like(bias)
    offsets[order] = bias
    return offsets


def _by_user_and_day(occasions: Occasions, users: int) -> tuple[Dated, np.ndarray]:
    """Return occasions sorted, and the order that sorts them; by item last, so that sums do not vary."""
    user, item, level, day = occasions
    order = np.lexsort((item, day, user))
    start = np.zeros(users + 1, np.int64)
    np.cumsum(np.bincount(user, minlength=users), out=start[1:])
    dated = Dated(
        start,
        np.ascontiguousarray(item[order], np.int32),
        np.ascontiguousarray(level[order], np.uint8),
        np.ascontiguousarray(day[order], np.int64),
    )
    return dated, order

"""Splits of ratings into training, validation and test, or into folds: functions of the ratings alone.

The random split hashes seed, user and item, so that a rating falls on the same side whatever else is in
the input, in whatever order, and whether its ids are numbers or the texts of these numbers. Folds are cut
from the order of such hashes, so that they are of equal size.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from rbmcli.config import PrepareSettings
from rbmcli.data.blocks import blocks
from rbmcli.data.hashing import hash_ids, mix
from rbmcli.data.ordering import PairCodes
from rbmcli.data.time_cuts import Tables, TimeCut, find_cut
from rbmcli.errors import DataError

PARTS = ("train", "valid", "test")
"""Names of the parts; a part's number is its position."""

TIMED_SPLITS = frozenset({"leave-last", "time"})
"""Splits that need timestamps."""

TimeCuts = tuple[TimeCut | None, TimeCut | None]
"""What ratings for validation, and for test, stand behind; None where there are none."""

_TRAIN, _VALID, _TEST = range(len(PARTS))
_FOLDS_SALT = 0x3C6EF372FE94F82B


def check_splittable(schema: pa.Schema, settings: PrepareSettings, where: str) -> None:
    """Raise `DataError` if a split needs timestamps and there are none."""
    if settings.split in TIMED_SPLITS and "timestamp" not in schema.names:
        raise DataError(
            f"{where}: there is no timestamp, expected one for --split {settings.split}",
            hint="name its column with --timestamp-column, or use --split random",
        )


def split_users(table: pa.Table, settings: PrepareSettings, cuts: TimeCuts | None = None) -> np.ndarray:
    """Return the part of each rating of some users, as a position in `PARTS`.

    Parameters
    ----------
    table : pyarrow.Table
        All ratings of the users, with timestamps where the split needs them.
    settings : PrepareSettings
        Which split (other than none), its shares and its seed.
    cuts : TimeCuts, optional
        Those of all ratings, with the split time.

    Returns
    -------
    ndarray of uint8, shape (rows,)
    """
    if settings.split == "time" and cuts is not None:
        return split_by_time(table, cuts)
    codes = PairCodes.of(table)
    if settings.split == "random":
        return split_random(codes, settings)
    return split_leave_last(codes, table.column("timestamp").to_numpy(), settings)


def split_random(codes: PairCodes, settings: PrepareSettings) -> np.ndarray:
    """Split each rating by itself: its hash, uniform in [0, 1), is below the test fraction, or valid's."""
    parts = np.full(len(codes.user_codes), _TRAIN, dtype=np.uint8)
    for block, hashes in _hashed_pairs(codes, settings.seed):
        # The upper 53 bits make a float64 in [0, 1) without rounding.
        uniform = (hashes >> np.uint64(11)).astype(np.float64) * 2.0**-53
        of_block = parts[block]
        of_block[uniform < settings.test_fraction + settings.valid_fraction] = _VALID
        of_block[uniform < settings.test_fraction] = _TEST
    return parts


def draw_folds(codes: PairCodes, folds: int, seed: int) -> np.ndarray:
    """Deal ratings out to folds at random: the sizes of two folds differ by one rating at most.

    A fold is a run of the ratings in the order of their hashes. So only a few ratings change their fold where
    a few are new, and none where the ratings of pairs or the order of rows are others.

    Parameters
    ----------
    codes : PairCodes
        Users and items of the ratings, no pair twice.
    folds : int
        How many, from 1 to the number of ratings.
    seed : int
        Another one draws other folds; those of a seed have nothing to do with its random split.

    Returns
    -------
    ndarray of int32, shape (rows,)
        The fold of each rating, from 0.
    """
    count = len(codes.user_codes)
    order = np.lexsort((codes.keys(), _hash_pairs(codes, seed ^ _FOLDS_SALT)))
    fold = np.empty(count, np.int32)
    fold[order] = np.arange(count) * folds // count
    return fold


def _hash_pairs(codes: PairCodes, seed: int) -> np.ndarray:
    """Return a uint64 for each rating that depends on seed, user and item alone."""
    return np.concatenate([np.empty(0, np.uint64), *(hashes for _, hashes in _hashed_pairs(codes, seed))])


def _hashed_pairs(codes: PairCodes, seed: int) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield the hashes of the ratings block by block, with which ratings these are."""
    mixed_seed = mix(np.array([seed], dtype=np.uint64))
    # Mixed between user and item, so that the pair (1, 2) differs from (2, 1).
    users = mix(hash_ids(codes.users.values) ^ mixed_seed)
    items = hash_ids(codes.items.values)
    for block in blocks(len(codes.user_codes)):
        yield block, mix(users[codes.user_codes[block]] ^ items[codes.item_codes[block]])


def split_leave_last(codes: PairCodes, timestamps: np.ndarray, settings: PrepareSettings) -> np.ndarray:
    """Put the last ratings of each user, by timestamp then item, into test, those before them into valid.

    A user who would have no training rating left keeps all there. A fraction of 0 leaves its part out.
    """
    n_test = settings.leave_last if settings.test_fraction else 0
    n_valid = settings.leave_last if settings.valid_fraction else 0
    order = np.lexsort((codes.item_codes, timestamps, codes.user_codes))
    counts = np.bincount(codes.user_codes, minlength=len(codes.users))
    ends = np.cumsum(counts)
    from_end = np.empty(len(order), dtype=np.int64)
    from_end[order] = ends[codes.user_codes[order]] - 1 - np.arange(len(order))
    parts = np.full(len(order), _TRAIN, dtype=np.uint8)
    parts[from_end < n_test + n_valid] = _VALID
    parts[from_end < n_test] = _TEST
    parts[counts[codes.user_codes] <= n_test + n_valid] = _TRAIN
    return parts


def find_time_cuts(tables: Tables, count: int, settings: PrepareSettings) -> TimeCuts:
    """Return the cuts of a split by time.

    Parameters
    ----------
    tables : callable
        As for `find_cut`.
    count : int
        How many ratings there are.
    settings : PrepareSettings
        The shares.
    """
    n_test = round(count * settings.test_fraction)
    n_valid = round(count * settings.valid_fraction)
    return (
        find_cut(tables, count - n_test - n_valid) if n_valid else None,
        find_cut(tables, count - n_test) if n_test else None,
    )


def split_by_time(table: pa.Table, cuts: TimeCuts) -> np.ndarray:
    """Put the last ratings of all, by timestamp, item and user, into test, those before them into valid."""
    parts = np.full(table.num_rows, _TRAIN, dtype=np.uint8)
    for part, cut in zip((_VALID, _TEST), cuts, strict=True):
        if cut is not None:
            parts[cut.behind(table)] = part
    return parts

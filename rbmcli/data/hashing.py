"""Hashes of ids and ratings that depend on the ids alone: not on types, order, or dense indices."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa

from rbmcli.data.ids import round_trips


def mix(keys: np.ndarray) -> np.ndarray:
    """Return uint64 whose every bit depends on every bit of the uint64 given (SplitMix64's finaliser)."""
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return keys ^ (keys >> np.uint64(31))


def hash_ids(ids: pa.Array) -> np.ndarray:
    """Return a uint64 for each id of an int64 or string array.

    A string that is the decimal text of an int64 has the hash of that integer, so that the hash of an
    id does not depend on the type of its column.
    """
    if pa.types.is_int64(ids.type):
        return mix(ids.to_numpy().view(np.uint64) + np.uint64(0x9E3779B97F4A7C15))
    if round_trips(ids):
        return hash_ids(ids.cast(pa.int64()))
    hashes = np.empty(len(ids), np.uint64)
    integers = []
    for place, value in enumerate(ids.to_pylist()):
        if _is_integer_text(value):
            integers.append(place)
        else:
            raw = hashlib.blake2b(value.encode(), digest_size=8).digest()
            hashes[place] = int.from_bytes(raw, "little")
    if integers:
        hashes[integers] = hash_ids(ids.take(pa.array(integers)).cast(pa.int64()))
    return hashes


def _is_integer_text(value: str) -> bool:
    # No int64 has more than 20 characters, and int() refuses texts of thousands of digits.
    if len(value) > 20 or not value.removeprefix("-").isdecimal() or not value.isascii():
        return False
    return str(int(value)) == value and -(2**63) <= int(value) < 2**63

"""The oracle of resampling: who is drawn, and what levels, one at a time in plain Python.

It stands on tests/reference.py, whose random numbers it shares.
"""

from __future__ import annotations

import numpy as np

from tests.reference import derive


def resampled_sums(rows: np.ndarray, key: int, resamples: int) -> np.ndarray:
    """Return the sums (B, C) of rows (U, C) drawn U at a time with replacement."""
    users = len(rows)
    sums = []
    for resample in range(resamples):
        stream = derive(key, resample)
        drawn = [((derive(stream, draw) >> 32) * users) >> 32 for draw in range(users)]
        sums.append(rows[drawn].sum(axis=0))
    return np.array(sums).reshape(resamples, rows.shape[1])

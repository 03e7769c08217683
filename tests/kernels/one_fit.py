"""Trains small models and prints the number of threads and a hash of all results.

A program of its own, because Numba's largest number of threads is fixed when a process starts:

    NUMBA_NUM_THREADS=4 python -m tests.kernels.one_fit
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numba
import numpy as np

from rbmcli.config import TrainSettings
from rbmcli.kernels.scoring import NOT_OWN, Asked
from rbmcli.models.fit import Validation, fit
from rbmcli.models.priors import column_counts, global_prior, smoothed
from rbmcli.progress import SILENT
from tests.kernels.cases import Shape, random_ratings

# Several chunks of rows and columns, and several blocks of rows, for the threads to share.
SHAPE = Shape(rows=200, columns=60, levels=5, hidden=12, density=0.3)
SETTINGS = TrainSettings(hidden=SHAPE.hidden, epochs=2, batch_size=150, cd_steps="1,2@2")


def fingerprint(seed: int = 0) -> str:
    """Return a hash of the parameters and figures of a sampled and of a mean-field fit."""
    generator = np.random.default_rng(7)
    ratings = random_ratings(SHAPE, generator)
    prior = global_prior(ratings.level, SHAPE.levels)
    column_prior = smoothed(column_counts(ratings, SHAPE.levels), prior, SETTINGS.prior_strength)
    values = np.arange(1, SHAPE.levels + 1, dtype=np.float32)
    column = generator.integers(SHAPE.columns, size=SHAPE.rows).astype(np.int32)
    level = generator.integers(SHAPE.levels, size=SHAPE.rows).astype(np.uint8)
    own = np.full(SHAPE.rows, NOT_OWN, np.uint8)
    asked = Asked(np.arange(SHAPE.rows + 1, dtype=np.int64), column, own)
    state = hashlib.blake2b(digest_size=16)
    # Of four hidden units the compiler once made other sums in one process than in the next.
    for reconstruction, inference, hidden in (
        ("sampled", "exact", 12),
        ("mean-field", "mean-field", 12),
        ("mean-field", "mean-field", 4),
    ):
        settings = replace(
            SETTINGS, seed=seed, hidden=hidden, reconstruction=reconstruction, inference=inference
        )
        validation = Validation(asked, level, values[level])
        outcome = fit(ratings, column_prior, values, settings, validation, SILENT)
        for array in outcome.parameters:
            state.update(array.tobytes())
        for report in outcome.epochs:
            state.update(repr((report.loss, report.valid_rmse, report.valid_nll)).encode())
    return state.hexdigest()


if __name__ == "__main__":
    print(numba.get_num_threads(), fingerprint())  # noqa: T201

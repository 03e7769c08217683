"""Compiles every kernel that a command can need, by training and asking a model of a handful of ratings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rbmcli.config import (
    AutoencoderSettings,
    FactorizationSettings,
    LevelSettings,
    NeighboursSettings,
    PredictSettings,
    TrainSettings,
)
from rbmcli.data.temporary import temporary_folder
from rbmcli.errors import UsageError
from rbmcli.kernels.cache import cache_figures, kernel_folder
from rbmcli.pipeline.evaluate import evaluate
from rbmcli.pipeline.predict import predict
from rbmcli.pipeline.recommend import recommend
from rbmcli.pipeline.train import train
from rbmcli.progress import SILENT, Progress

# Kernels take every form of the model as values, which do not change how they are compiled. So these are
# the ways to learn, and what has kernels of its own: items as rows, days, pairs of unknown rating, and two
# layers.
_SETTINGS = TrainSettings(by="item", layers="2,1", fine_tune=True, day_bias=True, epochs=1, validation="none")
_BY_USER = TrainSettings(by="user", epochs=1, validation="none")
_NEIGHBOURS = NeighboursSettings(base="bias", validation="none")
_FACTORIZATION = FactorizationSettings(latent_factors=1, sweeps=2, burn_in=0, samples=1, validation="none")
_AUTOENCODER = AutoencoderSettings(layers="2", epochs=1, validation="none")
_LEVELS = LevelSettings(levels=(1.0, 2.0, 3.0, 4.0, 5.0))


@dataclass(frozen=True)
class WarmupResult:
    """What warming up has found and made.

    Attributes
    ----------
    compiled : int
        Kernels that this process has compiled; none where all were there already.
    loaded : int
        Kernels that this process has found compiled.
    folder : Path
        Where compiled kernels are kept, for this version and these sources.
    size_bytes : int
        What they take there.
    """

    compiled: int
    loaded: int
    folder: Path
    size_bytes: int


def warmup(*, progress: Progress = SILENT) -> WarmupResult:
    """Compile every kernel that is not compiled yet, for this version on this type of CPU.

    Parameters
    ----------
    progress : Progress
        Told what is done.

    Raises
    ------
    UsageError
        If what was compiled cannot be kept for the next process.
    """
    folder = kernel_folder()
    with progress.step("compiling kernels, which takes a minute or two the first time", 8) as step:
        ratings, others = _ratings("abcdef"), _ratings("uvwxyz")
        pairs = ratings.select(["user", "item"])
        model = train(ratings, also_rated=pairs.slice(1, 2), settings=_SETTINGS, level_settings=_LEVELS).model
        step.advance(1)
        # People whom the model does not know are folded in.
        settings = PredictSettings(probabilities=True)
        predicted = predict(model, others, others.drop_columns("rating"), settings=settings)
        step.advance(1)
        evaluate(predicted.table, truth=others, resamples=2)
        step.advance(1)
        recommend(model, ratings, also_rated=pairs.slice(1, 2))
        step.advance(1)
        factorization = train(ratings, settings=_FACTORIZATION, level_settings=_LEVELS).model
        predict(factorization, others, others.drop_columns("rating"))
        step.advance(1)
        autoencoder = train(ratings, settings=_AUTOENCODER, level_settings=_LEVELS).model
        # Those whom it knows, and those whom it has to fold in.
        everybody = pa.concat_tables([ratings, others])
        predict(autoencoder, everybody, everybody.drop_columns("rating"))
        step.advance(1)
        near = train(ratings, settings=_NEIGHBOURS, level_settings=_LEVELS).model
        predict(near, others, others.drop_columns("rating"))
        step.advance(1)
        with temporary_folder() as temporary:
            # Files are read piece by piece; as they stand here, the ratings are in no order.
            backwards = ratings.take(pa.array(np.arange(ratings.num_rows)[::-1]))
            pq.write_table(backwards, temporary / "ratings.parquet")
            by_user = train(temporary / "ratings.parquet", settings=_BY_USER, level_settings=_LEVELS).model
        recommend(by_user, ratings)
        step.advance(1)
    figures = cache_figures()
    if figures.failure is not None:
        raise UsageError(
            f"{folder}: compiled kernels cannot be kept here: {figures.failure}",
            hint="name a folder that can be written in NUMBA_CACHE_DIR, for warmup and the commands after it",
        )
    size = sum(path.stat().st_size for path in folder.glob("*.nbc"))
    progress.info(
        f"{figures.compiled} kernels compiled, {figures.loaded} were there already: "
        f"{size / 1e6:.1f} MB in {folder}"
    )
    return WarmupResult(figures.compiled, figures.loaded, folder, size)


def _ratings(users: str) -> pa.Table:
    """Return ratings of four items by each of some users, and when they rated."""
    user, item = (axis.ravel() for axis in np.meshgrid(np.arange(len(users)), np.arange(4), indexing="ij"))
    return pa.table(
        {
            "user": [users[number] for number in user],
            "item": item,
            "rating": pa.array(1 + (user + item) % 5, pa.float32()),
            "timestamp": 86_400 * (user % 2 + item % 2),
        }
    )

"""Training on tables of which a part is held out, without the pipeline."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from rbmcli.config import TrainSettings
from rbmcli.data.levels import Levels
from rbmcli.data.ordering import PairCodes
from rbmcli.models.levelled import LevelledRatings
from rbmcli.models.rbm import Rbm
from rbmcli.models.training import train_rbm
from rbmcli.progress import Progress
from tests.models.dense import Pairs

SCALE = Levels(np.arange(1, 6, dtype=np.float32))


def levelled(table: pa.Table, also_rated: Pairs = (), day: np.ndarray | None = None) -> LevelledRatings:
    """Return ratings, and pairs of unknown rating, as training takes them."""
    rating, codes, pairs = table["rating"].to_numpy(), PairCodes.of(table), list(also_rated)
    if not pairs:
        return LevelledRatings(codes, SCALE.assign(rating), rating, day=day)
    user, item = (pa.array([pair[side] for pair in pairs]) for side in (0, 1))
    places = codes.users.lookup(user), codes.items.lookup(item)
    return LevelledRatings(codes, SCALE.assign(rating), rating, places, day)


def fit_on(
    table: pa.Table,
    held_out: np.ndarray,
    settings: TrainSettings,
    progress: Progress | None = None,
    also_rated: Pairs = (),
    day: np.ndarray | None = None,
) -> Rbm:
    """Train on a table, some of whose rows are held out."""
    return train_rbm(levelled(table, also_rated, day), held_out, SCALE, settings, progress or Progress())


def every_tenth(table: pa.Table) -> np.ndarray:
    """Return which rows of a table are held out."""
    return np.arange(table.num_rows) % 10 == 0

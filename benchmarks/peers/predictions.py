"""Predictions of a peer, made ready for `rbmcli evaluate`: checked, on the scale, and with its levels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rbmcli.data.levels import Levels
from rbmcli.data.metadata import described
from rbmcli.data.schemas import PREDICTIONS
from rbmcli.data.storage import read_footer


class PredictionsError(Exception):
    """A peer has not answered all that it was asked."""


@dataclass(frozen=True)
class Scale:
    """What ratings there are: levels, and the lowest and the highest rating that training has."""

    levels: Levels
    low: float
    high: float

    @classmethod
    def of(cls, train: Path) -> Scale:
        """Return the scale of a file of training ratings, with the levels that `prepare` noted, if it did."""
        with pq.ParquetFile(train) as file:
            rating = np.asarray(file.read(columns=["rating"])["rating"], np.float32)
        noted = Levels.from_metadata(read_footer(train)[1])
        return cls(noted or Levels(np.unique(rating)), float(rating.min()), float(rating.max()))


def take_over(answer: Path, pairs: Path, scale: Scale, target: Path) -> None:
    """Write what a peer has answered as predictions that tell their levels.

    Parameters
    ----------
    answer : Path
        Columns user, item, prediction, and probabilities if there are any.
    pairs : Path
        The pairs that it was asked, in the same order.
    scale : Scale
        Predictions beyond its ends are put on them.
    target : Path
        File to write.

    Raises
    ------
    PredictionsError
        If a pair is missing, or a prediction is no finite number.
    """
    told, asked = _read(answer), _read(pairs)
    if any(told[name].cast(asked[name].type) != asked[name] for name in ("user", "item")):
        raise PredictionsError("the predictions are not those of the pairs asked for")
    prediction = np.asarray(told["prediction"], np.float64)
    bad = int(np.count_nonzero(~np.isfinite(prediction)))
    if bad:
        raise PredictionsError(f"{bad:,} of {len(prediction):,} predictions are not finite")
    clipped = pa.array(np.clip(prediction, scale.low, scale.high), pa.float32())
    columns = {"user": asked["user"], "item": asked["item"], "prediction": clipped}
    if "probabilities" in told.column_names:
        columns["probabilities"] = told["probabilities"]
    pq.write_table(described(pa.table(columns), PREDICTIONS, scale.levels.as_metadata()), target)


def _read(path: Path) -> pa.Table:
    with pq.ParquetFile(path) as file:
        return file.read()

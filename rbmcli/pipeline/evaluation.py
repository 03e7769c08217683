"""What an evaluation found, as tables and as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rbmcli.models.reliability import Reliability
from rbmcli.pipeline.measuring import ALL, LevelTables, Metric

if TYPE_CHECKING:
    from rbmcli.pipeline.calibrate import Calibrated

SCHEMA = pa.schema(
    [
        ("metric", pa.string()),
        ("predictor", pa.string()),
        ("against", pa.string()),
        ("segment", pa.string()),
        ("value", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("n", pa.int64()),
    ]
)


@dataclass(frozen=True)
class Evaluation:
    """The figures of one or several predictors, whatever was measured.

    Attributes
    ----------
    metrics : list of Metric
        Every figure: of each predictor those of all that was measured and then those of segments; then
        differences.
    predictors : list of str
        Names of the predictors, in the order they were given.
    n : int
        Pairs that were measured; of ranked lists, users.
    metadata : dict
        What was compared with what.
    """

    metrics: list[Metric]
    predictors: list[str]
    n: int
    metadata: dict[str, Any]

    @property
    def table(self) -> pa.Table:
        """The metrics under the contract of metrics files."""
        return pa.Table.from_pylist([vars(entry) for entry in self.metrics], schema=SCHEMA)

    def segments(self, predictor: str | None = None) -> dict[str, dict[str, float]]:
        """Return the figures of a predictor, by default the first, by segment and metric, and each `n`."""
        found: dict[str, dict[str, float]] = {}
        for entry in self._plain(predictor):
            # Figures of probabilities may have fewer pairs than the errors, which come first and tell the n.
            segment = found.setdefault(entry.segment, {"n": entry.n})
            segment[entry.metric] = entry.value
        return found

    def intervals(self, predictor: str | None = None) -> dict[str, dict[str, list[float]]]:
        """Return the ends of the intervals of those figures, by segment and metric, as far as known."""
        found: dict[str, dict[str, list[float]]] = {}
        for entry in self._plain(predictor):
            if entry.low is not None and entry.high is not None:
                found.setdefault(entry.segment, {})[entry.metric] = [entry.low, entry.high]
        return found

    def differences(self) -> list[Metric]:
        """Return the figures that are differences between two predictors."""
        return [entry for entry in self.metrics if entry.against is not None]

    def gated(self) -> dict[str, float]:
        """Return the figures of the first predictor that a gate may be on, as far as they are known."""
        return {**self.segments().get(ALL, {}), "n": self.n}

    def _told_differences(self) -> list[dict[str, Any]]:
        return [{**vars(entry), "beyond_chance": entry.beyond_chance} for entry in self.differences()]

    def _plain(self, predictor: str | None) -> list[Metric]:
        name = self.predictors[0] if predictor is None else predictor
        return [entry for entry in self.metrics if entry.predictor == name and entry.against is None]


@dataclass(frozen=True)
class EvaluateResult(Evaluation):
    """What an evaluation of predictions found.

    Attributes
    ----------
    metrics, predictors, n, metadata
        As of `Evaluation`; the predictors are the predictions and then the baselines.
    n_given : int
        How many of the predictors are predictions that were given, and no baselines.
    unmatched : int
        Pairs of the first predictions left out because the truth, or other predictions, do not hold them.
    excluded : int
        Ratings of the history that were asked pairs too, and that no baseline was fitted on.
    level_tables : dict of str to LevelTables
        Of each predictor with probabilities, what became of them.
    calibrated : Calibrated or None
        The copy of the model that was set right, where that was wanted.
    """

    n_given: int
    unmatched: int
    excluded: int
    level_tables: dict[str, LevelTables] = field(default_factory=dict, compare=False)
    calibrated: Calibrated | None = field(default=None, compare=False)

    def as_dict(self) -> dict[str, Any]:
        """Return the result as plain values, ready for JSON."""
        return {
            "n": self.n,
            "unmatched": self.unmatched,
            "excluded": self.excluded,
            "predictors": [self._described(place, name) for place, name in enumerate(self.predictors)],
            "differences": self._told_differences(),
            **({} if self.calibrated is None else {"calibration": self.calibrated.as_dict()}),
            "compared": self.metadata,
        }

    def _described(self, place: int, name: str) -> dict[str, Any]:
        described: dict[str, Any] = {
            "name": name,
            "is_baseline": place >= self.n_given,
            "segments": self.segments(name),
            "intervals": self.intervals(name),
        }
        tables = self.level_tables.get(name)
        if tables is not None:
            levels = [float(value) for value in tables.levels.values]
            pooled, by_level = _bins(tables.reliability.pooled()), _bins(tables.reliability)
            described["reliability"] = {
                "all": pooled[0],
                "levels": [
                    {"level": level, "bins": bins} for level, bins in zip(levels, by_level, strict=True)
                ],
            }
            described["confusion"] = {"levels": levels, "counts": tables.confusion.tolist()}
        return described


def _bins(table: Reliability) -> list[list[Mapping[str, float | int]]]:
    """Return the bins of each row that are not empty."""
    edges = np.linspace(0, 1, table.count.shape[1] + 1)
    return [
        [
            {
                "from": float(edges[place]),
                "to": float(edges[place + 1]),
                "n": int(table.count[row, place]),
                "probability": float(table.mean_probability[row, place]),
                "share": float(table.share[row, place]),
            }
            for place in np.flatnonzero(table.count[row])
        ]
        for row in range(len(table.count))
    ]

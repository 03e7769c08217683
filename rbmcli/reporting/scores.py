"""The figures of an evaluation, looked up by what they are of, and how they are told."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import PurePath

from rbmcli.pipeline.evaluation import EvaluateResult
from rbmcli.pipeline.measuring import ALL, LevelTables, Metric
from rbmcli.reporting import wording

TITLES = {
    "rmse": "RMSE",
    "mae": "MAE",
    "nll": "NLL",
    "rps": "RPS",
    "accuracy": "Right level",
    "kappa": "Kappa",
}
MEANINGS = {
    "rmse": "typical error in units of the rating, in which large errors count more",
    "mae": "mean error in units of the rating",
    "nll": "negative log-likelihood, in nats: how improbable the rating that came true was held to be",
    "rps": "ranked probability score: 0 is certain and right, 1 certain and as wrong as can be",
    "accuracy": "share of ratings that are on the level held most probable",
    "kappa": "quadratic-weighted kappa of true and most probable level: 1 is the same, 0 chance",
}
_SHARES = frozenset({"accuracy"})


def told_value(name: str, value: float | None) -> str:
    """Return a figure with the digits and the unit that it is told with."""
    return wording.percent(value) if name in _SHARES and value is not None else wording.figure(value)


def told_interval(found: Metric) -> str:
    """Return the interval of a figure in words; empty where there is none."""
    if found.low is None or found.high is None:
        return ""
    return f"{told_value(found.metric, found.low)} to {told_value(found.metric, found.high)}"


class Scores:
    """The figures of an evaluation.

    Parameters
    ----------
    result : EvaluateResult
        The evaluation.
    """

    def __init__(self, result: EvaluateResult) -> None:
        self.result = result
        self.model = result.predictors[0]
        self.given = result.predictors[: result.n_given]
        self.baselines = result.predictors[result.n_given :]

    @cached_property
    def _by_key(self) -> dict[tuple[str, str, str, str | None], Metric]:
        return {
            (entry.metric, entry.predictor, entry.segment, entry.against): entry
            for entry in self.result.metrics
        }

    def metric(
        self, name: str, predictor: str | None = None, segment: str = ALL, against: str | None = None
    ) -> Metric | None:
        """Return a figure, by default of the model; None where it was not measured."""
        return self._by_key.get((name, predictor or self.model, segment, against))

    def best_baseline(self, name: str = "rmse") -> Metric | None:
        """Return the smallest figure of a baseline; None where none has it."""
        known = [found for each in self.baselines if (found := self.metric(name, each)) is not None]
        return min(known, key=lambda found: found.value) if known else None

    def shown(self, predictor: str) -> str:
        """Return the name that a predictor is told by: never with the folders of a file."""
        if predictor in self.baselines:
            return predictor
        names = [PurePath(each).name for each in self.given]
        place = self.given.index(predictor)
        return names[place] if names.count(names[place]) == 1 else f"{names[place]} ({place + 1})"

    def kinds(self) -> list[str]:
        """Return what the pairs were cut by, in order, such as 'level'."""
        names = [entry.segment for entry in self.result.metrics if entry.predictor == self.model]
        return list(dict.fromkeys(name.partition("=")[0] for name in names if name != ALL))

    def segments(self, kind: str) -> list[str]:
        """Return the segments of one kind, in order."""
        names = [entry.segment for entry in self.result.metrics if entry.predictor == self.model]
        return list(dict.fromkeys(name for name in names if name.partition("=")[0] == kind and name != ALL))

    def present(self, predictors: Sequence[str]) -> list[str]:
        """Return the names of the figures that one of some predictors has."""
        return [name for name in TITLES if any(self.metric(name, each) for each in predictors)]

    @property
    def tables(self) -> LevelTables | None:
        """What became of the model's probabilities."""
        return self.result.level_tables.get(self.model)

"""The figures of an evaluation, looked up by what they are of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rbmcli.pipeline.evaluate import ALL, BASELINE, EvaluateResult
from rbmcli.pipeline.measuring import Metric

MODEL = "model"

TITLES = {
    "rmse": "RMSE",
    "mae": "MAE",
    "nll": "NLL",
    "rps": "RPS",
    "accuracy": "Right level",
    "kappa": "Kappa",
}
MEANINGS = {
    "rmse": "typical error in units of the rating; large errors count more",
    "mae": "mean error in units of the rating",
    "nll": "negative log-likelihood, how improbable the model held what came true, in nats",
    "rps": "ranked probability score: 0 is certain and right, 1 certain and as wrong as can be",
    "accuracy": "share of ratings whose level was held to be the most probable one",
    "kappa": "quadratic-weighted kappa of the true and the most probable level: 1 is the same, 0 chance",
}
SHARES = frozenset({"accuracy"})
"""Figures that are told as percentages."""


@dataclass(frozen=True)
class Scores:
    """The figures of an evaluation.

    Attributes
    ----------
    result : EvaluateResult
        The evaluation.
    """

    result: EvaluateResult

    @property
    def predictors(self) -> list[str]:
        """Names of what was evaluated: predictions first, as they were given, then baselines."""
        return [MODEL, *self.baselines]

    @property
    def baselines(self) -> list[str]:
        """Names of the baselines."""
        segments = [entry.segment for entry in self.result.metrics if entry.segment.startswith(BASELINE)]
        return [segment.removeprefix(BASELINE) for segment in dict.fromkeys(segments)]

    def metric(self, name: str, predictor: str = MODEL, segment: str = ALL) -> Metric | None:
        """Return a figure, None where it was not measured."""
        wanted = segment if predictor == MODEL else f"{BASELINE}{predictor}"
        found = (entry for entry in self.result.metrics if entry.metric == name and entry.segment == wanted)
        return next(found, None)

    def best(self, name: str, predictors: Sequence[str]) -> str | None:
        """Return which of some predictors has the smallest figure; None where none has it."""
        known = {each: found.value for each in predictors if (found := self.metric(name, each)) is not None}
        return min(known, key=lambda each: known[each]) if known else None

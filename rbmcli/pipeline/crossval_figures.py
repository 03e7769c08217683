"""The figures of a cross-validation: of each fold, their mean and spread, and of all predictions together.

The spread is the standard deviation of the figures of the folds, with their number less one in the
denominator. It tells how far one fold is from another; it is no standard error of the mean, because the
models of two folds share most of their ratings. How sure the figures are is told by the interval of all
predictions together, among which each rating stands once.

Source: Y. Bengio, Y. Grandvalet (2004), "No unbiased estimator of the variance of K-fold cross-validation",
J. Mach. Learn. Res.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from rbmcli.models.moments import FIGURES
from rbmcli.pipeline.evaluation import SCHEMA, EvaluateResult
from rbmcli.pipeline.measuring import ALL, Metric

GATED_FIGURES = (*FIGURES, "calibration_error", "coverage")
FOLD, MEAN, SPREAD = "fold", "mean", "spread"

Figures = dict[str, dict[str, float]]
"""By the name of the model or a baseline, then by the name of the figure."""


@dataclass(frozen=True)
class FoldFigures:
    """The figures of a fold.

    Attributes
    ----------
    fold : int
        Its number, from 1.
    n, n_train : int
        Ratings that were predicted, and those that the model was trained on.
    figures : dict
        Of the model and of the baselines; each of all ratings of the fold.
    training : dict
        How its model was trained: `best_epoch`, `valid_rmse`, `valid_nll` and all `settings`.
    """

    fold: int
    n: int
    n_train: int
    figures: Figures
    training: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Return the figures as plain values, ready for JSON."""
        return dict(vars(self))


def figures_of(result: EvaluateResult) -> Figures:
    """Return the figures of all pairs of an evaluation, of the model and of each baseline."""
    whole = {name: result.segments(name)[ALL] for name in result.predictors}
    return {
        name: {metric: value for metric, value in figures.items() if metric != "n"}
        for name, figures in whole.items()
    }


def mean_of(folds: Sequence[FoldFigures]) -> Figures:
    """Return the mean over folds of each figure that all of them have."""
    return _over(folds, lambda values: float(np.mean(values)))


def spread_of(folds: Sequence[FoldFigures]) -> Figures:
    """Return the standard deviation over folds of each figure that all of them have.

    sqrt(1/(k - 1) sum_i (x_i - mean)^2) for figures x_1 ... x_k.
    """
    return _over(folds, lambda values: float(np.std(values, ddof=1)))


def _over(folds: Sequence[FoldFigures], of_values: Callable[[list[float]], float]) -> Figures:
    return {
        predictor: {
            name: of_values([fold.figures[predictor][name] for fold in folds])
            for name in figures
            if all(name in fold.figures[predictor] for fold in folds)
        }
        for predictor, figures in folds[0].figures.items()
    }


def metrics_table(folds: Sequence[FoldFigures], pooled: EvaluateResult) -> pa.Table:
    """Return all figures under the contract of metrics files.

    Those of all predictions together come first, as `evaluate` gives them, then those of each fold, their
    mean and their spread.
    """
    entries = list(pooled.metrics)
    for fold in folds:
        entries += _metrics(f"{FOLD}={fold.fold}", fold.figures, fold.n)
    entries += _metrics(MEAN, mean_of(folds), pooled.n) + _metrics(SPREAD, spread_of(folds), pooled.n)
    return pa.Table.from_pylist([vars(entry) for entry in entries], schema=SCHEMA)


def _metrics(segment: str, figures: Figures, n: int) -> list[Metric]:
    return [
        Metric(name, predictor, None, segment, value, n)
        for predictor, of_predictor in figures.items()
        for name, value in of_predictor.items()
    ]

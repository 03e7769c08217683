"""A model and its predictions of ratings that it has not seen -> a copy whose probabilities are set right."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from rbmcli.data.fingerprints import ratings_fingerprint
from rbmcli.data.levels import UNKNOWN
from rbmcli.data.outputs import Target
from rbmcli.data.schemas import FROM_MODEL
from rbmcli.errors import DataError, MismatchError, UsageError
from rbmcli.models.calibration import Calibration, apply, fit_calibration
from rbmcli.models.metrics import nll
from rbmcli.models.rbm import Rbm
from rbmcli.models.reliability import reliability
from rbmcli.models.store import fingerprint, save_model
from rbmcli.pipeline.asking import Model, open_model
from rbmcli.pipeline.evaluation_input import EvaluationInput


@dataclass(frozen=True)
class Calibrated:
    """A model that was set right.

    Attributes
    ----------
    model : Rbm
        The copy.
    fitted : Calibration
        What was fitted to the predictions, on top of a calibration that the model had before.
    n : int
        Predictions that it was fitted to: those that the model itself made, of ratings on its levels.
    nll, calibration_error : tuple of float
        Before and after, of the very predictions that it was fitted to.
    """

    model: Rbm
    fitted: Calibration
    n: int
    nll: tuple[float, float]
    calibration_error: tuple[float, float]

    def save(self, target: Target) -> None:
        """Write the model to a file, whole or not at all; '-' is standard output."""
        save_model(self.model, target)

    def as_dict(self) -> dict[str, Any]:
        """Return the result as plain values, ready for JSON."""
        return {
            **self.fitted.as_dict(),
            "n": self.n,
            "nll": list(self.nll),
            "calibration_error": list(self.calibration_error),
        }


def calibrate_model(model: Model, given: EvaluationInput) -> Calibrated:
    """Set a model right by its predictions.

    Parameters
    ----------
    model : Rbm or path
        The model that has made the predictions.
    given : EvaluationInput
        One file of predictions with probabilities, of ratings that the model was not trained on.

    Raises
    ------
    UsageError
        If there are several files of predictions.
    DataError
        If the predictions tell no probabilities, or none of them is the model's.
    MismatchError
        If another model has made them, or they are of the ratings that it was trained on.
    """
    if len(given.predicted) > 1:
        raise UsageError(
            "--calibrate: expected one file of predictions, those of --model on validation ratings"
        )
    model = open_model(model)
    asked, scored, predicted = given.asked[0], given.scored[0], given.predicted[0]
    if predicted.probabilities is None or predicted.level is None:
        raise DataError(
            f"{asked.where}: there are no probabilities to calibrate", hint="predict with --probabilities"
        )
    if asked.metadata.get("model_fingerprint") != fingerprint(model):
        raise MismatchError(
            f"{asked.where}: the predictions are not of the model that is to be calibrated",
            hint="predict validation ratings with that very model, and give these predictions",
        )
    told = scored.pairs.append_column("rating", pa.array(scored.rating, pa.float32()))
    if ratings_fingerprint(told, model.levels) == model.record.get("data_fingerprint"):
        raise MismatchError(
            f"{asked.where}: these are the ratings that the model was trained on, on which it looks better "
            "than it is",
            hint="predict validation ratings that were kept out of training",
        )
    chosen = predicted.level != UNKNOWN
    if scored.source is not None:
        chosen &= np.isin(scored.source, FROM_MODEL)
    if not chosen.any():
        raise DataError(
            f"{asked.where}: none of the {len(scored):,} predictions is the model's own and of a rating on "
            "one of its levels",
            hint=f"their column 'source' would be {' or '.join(FROM_MODEL)}",
        )
    # In a certain order, so that that of the rows makes no difference to the sums.
    order = np.lexsort((predicted.level[chosen], *predicted.probabilities[chosen].T))
    probabilities, level = predicted.probabilities[chosen][order], predicted.level[chosen][order]
    fitted = fit_calibration(probabilities, level)
    right = apply(fitted, probabilities)
    whole = fitted if model.calibration is None else fitted.after(model.calibration)
    likelihoods = (nll(probabilities, level), nll(right, level))
    errors = (reliability(probabilities, level).error, reliability(right, level).error)
    record = {"n": len(level), "nll": list(likelihoods), "calibration_error": list(errors)}
    copy = replace(model, calibration=whole, record={**model.record, "calibrated_on": record})
    return Calibrated(copy, fitted, len(level), likelihoods, errors)

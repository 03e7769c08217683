"""How good parameters are on the validation pairs."""

from __future__ import annotations

import numpy as np

from rbmcli.config import ResolvedSettings
from rbmcli.data.blocks import blocks
from rbmcli.kernels.arrays import Form, Parameters
from rbmcli.kernels.scoring import score_pairs
from rbmcli.models.states import row_states
from rbmcli.models.training_data import TrainingData, Validation

_SMALLEST_PROBABILITY = 1e-12


class Validator:
    """Measures parameters on the validation pairs, from rows that hold none of them."""

    def __init__(self, validation: Validation, data: TrainingData, settings: ResolvedSettings) -> None:
        self.validation, self.data, self.settings = validation, data, settings
        self.level_values = data.level_values.astype(np.float64)
        self.probability = np.empty((len(validation.rating), len(self.level_values)), np.float32)
        self.on_level = np.flatnonzero(validation.level < len(self.level_values))

    def measure(self, parameters: Parameters, form: Form) -> tuple[float, float | None]:
        """Return RMSE and mean negative log-likelihood; None for it if no rating is on a level."""
        data = self.data
        states = row_states(
            data.ratings, parameters, data.column_prior, data.smoothing, form, data.also_rated
        )
        score_pairs(
            self.validation.asked,
            states,
            parameters,
            data.column_prior,
            form,
            data.smoothing,
            self.settings.inference == "exact",
            self.probability,
        )
        error = np.empty(len(self.probability), np.float64)
        for block in blocks(len(error)):
            error[block] = self.probability[block] @ self.level_values - self.validation.rating[block]
        true = self.probability[self.on_level, self.validation.level[self.on_level]]
        nll = -np.log(np.maximum(true.astype(np.float64), _SMALLEST_PROBABILITY))
        return float(np.sqrt(np.mean(error**2))), float(nll.mean()) if len(nll) else None

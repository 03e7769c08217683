"""A task for training that can be learned: two kinds of rows with opposite tastes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rbmcli.config import ResolvedSettings
from rbmcli.data.ratings import CompressedRows
from rbmcli.kernels.arrays import Parameters
from rbmcli.kernels.scoring import NOT_OWN, Asked, score_pairs
from rbmcli.models.fit import Fit, fit
from rbmcli.models.form import form_of
from rbmcli.models.priors import column_base_rates, column_counts, global_prior, smoothings
from rbmcli.models.states import row_states
from rbmcli.models.training_data import TrainingData, Validation
from rbmcli.progress import SILENT, Progress

VALUES = np.arange(1, 6, dtype=np.float32)
ROWS, COLUMNS, LEVELS = 160, 30, len(VALUES)
SETTINGS = ResolvedSettings(
    hidden=10,
    objective="divergence",
    epochs=20,
    batch_size=40,
    patience=20,
    average=1,
    learning_rate=0.3,
    weight_decay=0.01,
    network_rate=0.03,
    penalty=1.0,
)
"""Settings that learn the task in no time."""


@dataclass(frozen=True)
class Task:
    """Training ratings, and validation pairs that are not among them.

    Attributes
    ----------
    ratings : CompressedRows
        The training ratings.
    validation : Validation
        Pairs to measure on.
    also_rated : CompressedRows or None
        Pairs of unknown rating.
    """

    ratings: CompressedRows
    validation: Validation
    also_rated: CompressedRows | None = None

    def data(self, settings: ResolvedSettings) -> TrainingData:
        """Return what is learned from."""
        overall = global_prior(self.ratings.level, LEVELS)
        of_columns, of_rows = smoothings(settings, VALUES, overall)
        prior = column_base_rates(self.ratings, overall, of_columns, of_rows)
        return TrainingData(self.ratings, prior, VALUES, of_rows, self.also_rated)

    def fit(self, settings: ResolvedSettings, progress: Progress = SILENT) -> Fit:
        """Train with validation."""
        return fit(self.data(settings), settings, self.validation, progress)

    def fit_without_validation(
        self, settings: ResolvedSettings, epochs: tuple[int, ...] | None = None
    ) -> Fit:
        """Train for all epochs of the settings, or for as many in each stage as are given."""
        return fit(self.data(settings), settings, None, SILENT, epochs)

    def base_rate_rmse(self) -> float:
        """Return the validation error of predicting each column's mean."""
        counts = column_counts(self.ratings, LEVELS)
        means = counts @ VALUES / counts.sum(axis=1)
        prediction = means[self.validation.asked.column]
        return float(np.sqrt(np.mean((prediction - self.validation.rating) ** 2)))

    def rmse_of(self, parameters: Parameters, settings: ResolvedSettings) -> float:
        """Return the validation error of parameters in the form of a model, measured anew."""
        data, form = self.data(settings), form_of(settings, VALUES)
        probability = np.empty((len(self.validation.rating), LEVELS), np.float32)
        score_pairs(
            self.validation.asked,
            row_states(self.ratings, parameters, data.column_prior, data.smoothing, form, self.also_rated),
            parameters,
            data.column_prior,
            form,
            data.smoothing,
            settings.inference == "exact",
            probability,
        )
        return float(np.sqrt(np.mean((probability @ VALUES - self.validation.rating) ** 2)))


def taste(seed: int = 1) -> Task:
    """Return two kinds of rows that like and dislike opposite halves of the columns.

    Columns do not differ on average, so that base rates alone say nothing; a fifth is held out.
    """
    generator = np.random.default_rng(seed)
    row, column = np.nonzero(generator.random((ROWS, COLUMNS)) < 0.5)
    likes = generator.integers(2, size=ROWS)[row] == (column % 2)
    level = np.where(likes, generator.integers(3, 5, len(row)), generator.integers(0, 2, len(row)))
    held_out = generator.random(len(row)) < 0.2
    ratings = CompressedRows.build(row[~held_out], column[~held_out], level[~held_out], (ROWS, COLUMNS))
    asked = CompressedRows.build(row[held_out], column[held_out], level[held_out], (ROWS, COLUMNS))
    own = np.full(asked.n_ratings, NOT_OWN, np.uint8)
    asked_of = Asked(asked.start, asked.column, own, np.empty((0, LEVELS), np.float32))
    validation = Validation(asked_of, asked.level, VALUES[asked.level])
    return Task(ratings, validation)


def bytes_of(parameters: Parameters) -> list[bytes]:
    """Return the bytes of all arrays."""
    return [array.tobytes() for array in parameters]

"""From ratings to a matrix factorization with a probability of each level."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from rbmcli.config.factorization import FactorizationSettings
from rbmcli.data.levels import Levels
from rbmcli.kernels.factor_folding import ItemSamples
from rbmcli.models.alternation import stacked
from rbmcli.models.factorization import FactorizationModel
from rbmcli.models.factorization_fit import FactorizationFit, as_stored
from rbmcli.models.gibbs import Sampler
from rbmcli.models.least_squares_training import fit_least_squares
from rbmcli.models.levelled import LevelledRatings
from rbmcli.models.mean_training import MeanFit, train_mean_model
from rbmcli.models.rating_model import RatingModel
from rbmcli.progress import EpochReport, Progress

REPORTS = 10
"""How often a sampling tells its figures."""


def train_factorization(
    ratings: LevelledRatings,
    held_out: np.ndarray,
    levels: Levels,
    settings: FactorizationSettings,
    progress: Progress,
    measured: Callable[[RatingModel], None] | None = None,
) -> FactorizationModel:
    """Fit a factorization to ratings, some of which serve as validation; see `train_mean_model`."""

    def fit(learned: np.ndarray, asked: np.ndarray, first: MeanFit | None) -> MeanFit:
        """Find a factorization of some ratings, by the method of the settings."""
        given = ratings, learned, asked, levels, settings, progress
        if settings.method == "als":
            return fit_least_squares(*given, first)
        sampling = _Sampling(*given)
        sampling.run()
        return sampling

    model = train_mean_model(ratings, held_out, levels, settings, progress, fit, measured)
    assert isinstance(model, FactorizationModel)
    return model


class _Sampling(FactorizationFit):
    """The sweeps of a sampler, with the samples that are kept and figures on validation ratings."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        settings = self.settings
        self.sampler = Sampler(
            self.rows, self.value, settings.latent_factors, settings.seed, implicit=settings.implicit
        )
        self._kept: list[tuple[np.ndarray, ...]] = []
        self._total, self._counted = np.zeros(len(self.truth)), 0

    @property
    def mean(self) -> float:
        """Mean of the ratings, mu."""
        return self.sampler.mean

    def run(self) -> None:
        """Do all sweeps."""
        settings = self.settings
        every, started = max(settings.sweeps // REPORTS, 1), time.perf_counter()
        with self.progress.step("sampling", settings.sweeps, is_brief=True) as step:
            for sweep in range(settings.sweeps):
                self.sampler.sweep()
                if sweep >= settings.burn_in:
                    self._total += np.clip(self.sampler.predicted(*self.pairs), *self.scale)
                    self._counted += 1
                if settings.is_kept(sweep):
                    self._kept.append(self.sampler.sample())
                step.advance(1)
                if (sweep + 1) % every == 0 or sweep + 1 == settings.sweeps:
                    self._report(sweep + 1, time.perf_counter() - started)

    def _report(self, sweep: int, seconds: float) -> None:
        loss, rmse = self.sampler.mean_square(), None
        if self._counted and len(self.truth):
            rmse = self.rmse(self._total / self._counted)
        left = seconds / sweep * (self.settings.sweeps - sweep)
        speed = sweep * self.rows.n_ratings / max(seconds, 1e-9)
        is_best = sweep == self.settings.sweeps
        self.progress.epoch(EpochReport(sweep, self.settings.sweeps, loss, rmse, None, is_best, speed, left))
        self.reports.append({"epoch": sweep, "loss": loss, "valid_rmse": rmse, "valid_nll": None})

    def samples(self) -> ItemSamples:
        """Return the samples that are kept, of all items, with numbers as they are stored."""
        return as_stored(stacked(self._kept))

"""From ratings to a matrix factorization with a probability of each level."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from rbmcli.config.factorization import FactorizationSettings
from rbmcli.data.levels import Levels
from rbmcli.data.ratings import CompressedRows
from rbmcli.kernels.factor_folding import ItemSamples
from rbmcli.models.factorization import FactorizationModel, expected
from rbmcli.models.alternation import stacked
from rbmcli.models.gibbs import Sampler
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
    """Sample a factorization of ratings, some of which serve as validation; see `train_mean_model`."""

    def fit(learned: np.ndarray, asked: np.ndarray, first: MeanFit | None) -> MeanFit:
        sampling = _Sampling(ratings, learned, asked, levels, settings, progress)
        sampling.run()
        return sampling

    model = train_mean_model(ratings, held_out, levels, settings, progress, fit, measured)
    assert isinstance(model, FactorizationModel)
    return model


class _Sampling(MeanFit):
    """The sweeps of a sampler, with the samples that are kept and figures on validation ratings."""

    def __init__(
        self,
        ratings: LevelledRatings,
        learned: np.ndarray,
        asked: np.ndarray,
        levels: Levels,
        settings: FactorizationSettings,
        progress: Progress,
    ) -> None:
        codes = ratings.codes
        user, item = codes.user_codes, codes.item_codes
        shape = (len(codes.users), len(codes.items))
        self.rows = CompressedRows.build(user[learned], item[learned], ratings.level[learned], shape)
        self.value = ratings.rating[learned].astype(np.float64)
        self.pairs = user[asked], item[asked]
        self.truth = ratings.rating[asked].astype(np.float64)
        self.scale = float(levels.values[0]), float(levels.values[-1])
        self.settings, self.progress = settings, progress
        self.sampler = Sampler(
            self.rows, self.value, settings.latent_factors, settings.seed, implicit=settings.implicit
        )
        self.best_epoch, self.reports = settings.sweeps, []
        self._kept: list[tuple[np.ndarray, ...]] = []
        self._total, self._counted = np.zeros(len(asked)), 0

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
            rmse = float(np.sqrt(np.mean((self._total / self._counted - self.truth) ** 2)))
        left = seconds / sweep * (self.settings.sweeps - sweep)
        speed = sweep * self.rows.n_ratings / max(seconds, 1e-9)
        is_best = sweep == self.settings.sweeps
        self.progress.epoch(EpochReport(sweep, self.settings.sweeps, loss, rmse, None, is_best, speed, left))
        self.reports.append({"epoch": sweep, "loss": loss, "valid_rmse": rmse, "valid_nll": None})

    @property
    def deviation(self) -> float:
        """Standard deviation of ratings, by the samples that are kept."""
        return float(np.mean(self.samples().alpha) ** -0.5)

    def model(self, known_items: np.ndarray, **common: Any) -> FactorizationModel:
        """Return the model."""
        samples = _of_known(self.samples(), known_items)
        return FactorizationModel(mean=self.sampler.mean, samples=samples, **common)

    def samples(self) -> ItemSamples:
        """Return the samples that are kept, of all items, with numbers as they are stored."""
        return ItemSamples(*(array.astype(np.float32).astype(array.dtype) for array in stacked(self._kept)))

    def expected(self) -> tuple[np.ndarray, np.ndarray]:
        """Return what the samples that are kept expect of the validation ratings, and its variance."""
        known = self.rows.start, self.rows.column, self.value
        asked = (*self.pairs, np.full(len(self.truth), np.nan))
        seen = np.bincount(self.rows.column, minlength=self.rows.columns)[asked[1]] > 0
        asked = asked[0], np.where(seen, asked[1], -1), asked[2]
        return expected(self.samples(), self.sampler.mean, known, asked, self.scale)


def _of_known(samples: ItemSamples, known: np.ndarray) -> ItemSamples:
    """Return the samples of some items, and of those that are not known."""
    places = np.append(known, samples.factors.shape[1] - 1)
    return samples._replace(factors=samples.factors[:, places], implicit=samples.implicit[:, places])

"""What the fits of a factorization have in common, by whatever method: ratings, samples, what they expect."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np

from rbmcli.config.factorization import FactorizationSettings
from rbmcli.data.levels import Levels
from rbmcli.data.ratings import CompressedRows
from rbmcli.kernels.factor_folding import ItemSamples
from rbmcli.models.factorization import FactorizationModel, expected
from rbmcli.models.levelled import LevelledRatings
from rbmcli.models.mean_training import MeanFit
from rbmcli.progress import Progress


class FactorizationFit(MeanFit):
    """A factorization that is fitted to some of the ratings, to be measured on others.

    Attributes
    ----------
    rows : CompressedRows
        The ratings that are learned from, users as rows.
    value : ndarray of float64, shape (ratings,)
        Value of each.
    pairs : tuple of ndarray of int
        Users and items of the validation ratings.
    truth : ndarray of float64, shape (n,)
        These.
    scale : tuple of float
        The ends of the scale.
    """

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
        self.best_epoch, self.reports = settings.sweeps, []

    @property
    @abstractmethod
    def mean(self) -> float:
        """Mean of the ratings, mu."""

    @abstractmethod
    def samples(self) -> ItemSamples:
        """Return what is kept of all items, with numbers as they are stored."""

    @property
    def deviation(self) -> float:
        """Standard deviation of ratings, by what is kept."""
        return float(np.mean(self.samples().alpha) ** -0.5)

    def rmse(self, said: np.ndarray) -> float:
        """Return the RMSE of what is said of the validation ratings, kept within the scale."""
        return float(np.sqrt(np.mean((np.clip(said, *self.scale) - self.truth) ** 2)))

    def model(self, known_items: np.ndarray, **common: Any) -> FactorizationModel:
        """Return the model."""
        samples = self.samples()
        # Of some items, and of those that are not known.
        places = np.append(known_items, samples.factors.shape[1] - 1)
        samples = samples._replace(
            factors=samples.factors[:, places],
            implicit=samples.implicit[:, places],
            noise_precision=samples.noise_precision[:, places],
        )
        return FactorizationModel(mean=self.mean, samples=samples, **common)

    def expected(self) -> tuple[np.ndarray, np.ndarray]:
        """Return what the samples expect of the validation ratings, and its variance."""
        return self.asked(self.samples(), *self.pairs, np.full(len(self.truth), np.nan))

    def asked(
        self, samples: ItemSamples, user: np.ndarray, item: np.ndarray, own: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return what samples expect of pairs, and its variance, as `factorization.expected` does."""
        known = self.rows.start, self.rows.column, self.value
        seen = np.bincount(self.rows.column, minlength=self.rows.columns)[item] > 0
        return expected(samples, self.mean, known, (user, np.where(seen, item, -1), own), self.scale)


def as_stored(samples: ItemSamples) -> ItemSamples:
    """Return samples with numbers as a model file has them."""
    return ItemSamples(*(array.astype(np.float32).astype(array.dtype) for array in samples))

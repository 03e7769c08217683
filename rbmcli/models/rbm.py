"""What a trained RBM is: its parameters, and what is known of the rows and columns it was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from rbmcli.config import ResolvedSettings
from rbmcli.data.ids import IdIndex
from rbmcli.data.levels import Levels
from rbmcli.kernels.arrays import Form, Parameters
from rbmcli.kernels.row_bias import Smoothing
from rbmcli.kernels.scoring import RowStates
from rbmcli.models.calibration import Calibration
from rbmcli.models.form import form_of
from rbmcli.models.priors import day_smoothings, smoothings
from rbmcli.models.rating_model import RatingModel


@dataclass(frozen=True)
class Rbm:
    """A Restricted Boltzmann Machine for ratings.

    Rows are the training cases, columns the visible groups: users and items, or with ``by="item"``
    items and users.

    Attributes
    ----------
    settings : ResolvedSettings
        How it was trained.
    levels : Levels
        The K levels of its scale.
    row_ids, column_ids : IdIndex
        The R rows and N columns of the training ratings.
    row_ratings, column_ratings : ndarray of int64, shapes (R,) and (N,)
        Training ratings of each.
    row_prior, column_prior : ndarray of float32, shapes (R, K) and (N, K)
        Smoothed base rates of each.
    global_prior : ndarray of float32, shape (K,)
        Base rates of all training ratings.
    parameters : Parameters
        The trained parameters.
    states : RowStates or None
        What the training rows come down to; kept with ``by="item"`` only, where rows are the items.
    user_hash : ndarray of uint64
        A hash of each training user's ratings, to tell whether a history is the one trained on.
    record : dict
        JSON-ready facts of the training: figures per epoch, best epoch, fingerprint of the data.
    calibration : Calibration or None
        What its probabilities are set right by.
    """

    settings: ResolvedSettings
    levels: Levels
    row_ids: IdIndex
    column_ids: IdIndex
    row_ratings: np.ndarray
    column_ratings: np.ndarray
    row_prior: np.ndarray
    column_prior: np.ndarray
    global_prior: np.ndarray
    parameters: Parameters
    states: RowStates | None
    user_hash: np.ndarray
    record: dict[str, Any]
    calibration: Calibration | None = None

    @property
    def kind(self) -> str:
        """Name of its kind."""
        return "rbm"

    @property
    def rows(self) -> str:
        """Whose ratings make one training case, "user" or "item"."""
        return self.settings.by

    @property
    def members(self) -> tuple[RatingModel, ...]:
        """Models that it is made of: none."""
        return ()

    @property
    def takes_days(self) -> bool:
        """Whether it makes use of the days of ratings."""
        return self.settings.day_bias

    @property
    def takes_also_rated(self) -> bool:
        """Whether it makes use of pairs whose rating is unknown."""
        return self.settings.conditional

    @cached_property
    def form(self) -> Form:
        """What kind of machine it is."""
        return form_of(self.settings, self.levels.values)

    @cached_property
    def _smoothings(self) -> tuple[Smoothing, Smoothing]:
        return smoothings(self.settings, self.levels.values, self.global_prior)

    @property
    def column_smoothing(self) -> Smoothing:
        """What base rates are made by."""
        return self._smoothings[0]

    @property
    def row_smoothing(self) -> Smoothing:
        """What the row bias is made by."""
        return self._smoothings[1]

    @cached_property
    def day_smoothings(self) -> tuple[Smoothing, Smoothing]:
        """What the biases of users, and of their days, are made by."""
        return day_smoothings(self.settings, self.levels.values, self.global_prior)

    @cached_property
    def mean_of_columns(self) -> tuple[np.ndarray, np.ndarray]:
        """Weights, float32 (functions, V), and visible bias, float32 (K,), of the mean column."""
        return self.parameters.weights.mean(axis=0), self.parameters.visible_bias.mean(axis=0)

    @property
    def by_user(self) -> bool:
        """Whether rows are users."""
        return self.settings.by == "user"

    @property
    def user_ids(self) -> IdIndex:
        """The training users."""
        return self.row_ids if self.by_user else self.column_ids

    @property
    def item_ids(self) -> IdIndex:
        """The training items."""
        return self.column_ids if self.by_user else self.row_ids

    @property
    def user_ratings(self) -> np.ndarray:
        """Training ratings of each user."""
        return self.row_ratings if self.by_user else self.column_ratings

    @property
    def item_ratings(self) -> np.ndarray:
        """Training ratings of each item."""
        return self.column_ratings if self.by_user else self.row_ratings

    @property
    def item_prior(self) -> np.ndarray:
        """Base rates of each item, float32 (items, K)."""
        return self.column_prior if self.by_user else self.row_prior

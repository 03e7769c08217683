"""A dense float64 twin of everything between histories and level probabilities, from the formulas alone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from rbmcli.config import ResolvedSettings
from rbmcli.kernels.row_bias import Smoothing
from rbmcli.models.rbm import Rbm
from tests import reference
from tests.reference import Model
from tests.small_ratings import rows_of

Pairs = Collection[tuple[object, object]]
"""Users and items."""


def smoothing_of(
    strength: float, settings: ResolvedSettings, values: np.ndarray, prior: np.ndarray
) -> Smoothing:
    """Return what counts are smoothed by, on a scale made to have mean 0 and variance 1 under base rates."""
    values, share = np.asarray(values, np.float64), prior.astype(np.float64) / prior.sum(dtype=np.float64)
    mean = share @ values
    return Smoothing(
        strength, settings.tilt_strength, (values - mean) / np.sqrt(share @ (values - mean) ** 2)
    )


def smoothed(counts: np.ndarray, model: Rbm) -> np.ndarray:
    """Return rates from counts alone, by level (K,), on the scale and by the settings of a model."""
    prior = model.global_prior.astype(np.float64)
    how = smoothing_of(model.settings.prior_strength, model.settings, model.levels.values, prior)
    return reference.smoothed(np.atleast_2d(counts).astype(np.float64), prior, how)[0]


def column_rates(model: Rbm, table: pa.Table) -> dict[object, np.ndarray]:
    """Return base rates of the columns of a model, by id, from the ratings that it was trained on."""
    settings, prior = model.settings, model.global_prior.astype(np.float64)
    names = [index.values.to_pylist() for index in (model.row_ids, model.column_ids)]
    visible = np.zeros((len(names[0]), len(names[1]), len(prior)))
    for user, item, rating in rows_of(table):
        row, column = (user, item) if model.by_user else (item, user)
        level = model.levels.values.tolist().index(rating)
        visible[names[0].index(row), names[1].index(column), level] = 1.0
    of_columns, of_rows = (
        smoothing_of(strength, settings, model.levels.values, prior)
        for strength in (settings.prior_strength, settings.row_bias_strength if settings.row_bias else 0.0)
    )
    rates = reference.base_rates(visible, prior, of_columns, of_rows)
    return dict(zip(names[1], rates, strict=True))


@dataclass(frozen=True)
class DenseModel:
    """A model with what it was trained on.

    Attributes
    ----------
    rbm : Rbm
        The model.
    training : pyarrow.Table
        Its ratings.
    also_rated : collection of (user, item)
        Pairs that are known to have been rated, whatever else is; one with a rating adds nothing.
    """

    rbm: Rbm
    training: pa.Table
    also_rated: Pairs = ()

    @property
    def model(self) -> Model:
        """The parameters, in float64."""
        return Model.of(self.rbm.parameters, self.rbm.form)

    def level(self, rating: float) -> int:
        """Return the level of a rating."""
        return self.rbm.levels.values.tolist().index(rating)

    def visible(self, rated: list[tuple[object, float]]) -> np.ndarray:
        """Return one row of visibles, (N, K), of (column id, rating) pairs; those not known are left out."""
        columns = self.rbm.column_ids.values.to_pylist()
        row = np.zeros((len(columns), len(self.rbm.levels)))
        for column, rating in rated:
            if column in columns:
                row[columns.index(column), self.level(rating)] = 1.0
        return row

    def known_to_be_rated(self, visible: np.ndarray, besides: Collection[object]) -> np.ndarray:
        """Return r of one row, (N,): the columns in its visibles, and those known besides."""
        rated = visible.sum(axis=1)
        for place, column in enumerate(self.rbm.column_ids.values.to_pylist()):
            if column in besides:
                rated[place] = 1.0
        return rated

    def bias(self, visible: np.ndarray) -> np.ndarray:
        """Return the row bias of a row of visibles."""
        settings, prior = self.rbm.settings, self.rbm.column_prior.astype(np.float64)
        strength = settings.row_bias_strength if settings.row_bias else 0.0
        how = smoothing_of(strength, settings, self.rbm.levels.values, self.rbm.global_prior)
        return reference.row_bias(visible[None], prior, how)[0]

    def score(
        self,
        rated: list[tuple[object, float]],
        column: object,
        *,
        exact: bool,
        besides: Collection[object] = (),
        offset: np.ndarray | float = 0.0,
    ) -> np.ndarray:
        """Return the level probabilities of one column, given the rest of its row."""
        visible = self.visible(rated)
        place = self.rbm.column_ids.values.to_pylist().index(column)
        score = reference.exact_score if exact else reference.mean_field_score
        known = self.known_to_be_rated(visible, besides)
        return score(self.model, visible, place, self.bias(visible) + offset, known)

    def score_pair(
        self,
        history: pa.Table,
        user: object,
        item: object,
        *,
        exact: bool,
        leave_out: bool = True,
        offset: np.ndarray | float = 0.0,
    ) -> np.ndarray:
        """Return the level probabilities of a pair whose user and item the model knows.

        With rows of items the ratings of the history are not looked at: rows are what was trained on.
        """
        if self.rbm.by_user:
            rated = [(i, rating) for u, i, rating in rows_of(history) if u == user]
            besides, column = {i for u, i in self.also_rated if u == user}, item
        else:
            rated = [(u, rating) for u, i, rating in rows_of(self.training) if i == item]
            besides, column = {u for u, i in self.also_rated if i == item}, user
        # A pair of the history has its rating, and nothing besides.
        besides -= {name for name, _ in rated}
        kept = [each for each in rated if not (leave_out and each[0] == column)]
        return self.score(kept, column, exact=exact, besides=besides, offset=offset)

    def day_bias(self, history: pa.Table, user: object, item: object, day: int) -> np.ndarray:
        """Return the day bias of a pair, (K,), from the other ratings of the user."""
        settings, values, overall = self.rbm.settings, self.rbm.levels.values, self.rbm.global_prior
        of_user = smoothing_of(settings.row_bias_strength, settings, values, overall)
        items = self.rbm.item_ids.values.to_pylist()
        visible, of_day = np.zeros((len(items), len(values))), np.zeros(len(items), bool)
        for row in history.to_pylist():
            if row["user"] == user and row["item"] != item and row["item"] in items:
                place = items.index(row["item"])
                visible[place, self.level(row["rating"])] = 1.0
                of_day[place] = row["timestamp"] // 86_400 == day
        prior = self.rbm.item_prior.astype(np.float64)
        strength = of_user._replace(tilt_strength=settings.day_bias_strength)
        return reference.day_bias(visible, of_day, prior, of_user, strength)

    def item_rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Return what columns meet (R, F) and row bias (R, K) of the trained rows of items."""
        by_item: dict[object, list] = {item: [] for item in self.rbm.row_ids.values.to_pylist()}
        for user, item, rating in rows_of(self.training):
            by_item[item].append((user, rating))
        visible = np.array([self.visible(rated) for rated in by_item.values()])
        known = np.array(
            [
                self.known_to_be_rated(row, {u for u, i in self.also_rated if i == item})
                for item, row in zip(by_item, visible, strict=True)
            ]
        )
        hidden = reference.decoded_mean(self.model, visible, known)
        return hidden, np.array([self.bias(row) for row in visible])

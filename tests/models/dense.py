"""A dense float64 twin of everything between histories and level probabilities, from the formulas alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from rbmcli.models.rbm import Rbm
from tests import reference
from tests.reference import Model
from tests.small_ratings import rows_of


@dataclass(frozen=True)
class DenseModel:
    """A model with what it was trained on.

    Attributes
    ----------
    rbm : Rbm
        The model.
    training : pyarrow.Table
        Its ratings.
    """

    rbm: Rbm
    training: pa.Table

    @property
    def model(self) -> Model:
        """The parameters, in float64."""
        return Model.of(self.rbm.parameters, self.rbm.settings.hidden)

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

    def bias(self, visible: np.ndarray) -> np.ndarray:
        """Return the row bias of a row of visibles."""
        prior = self.rbm.column_prior.astype(np.float64)
        return reference.row_bias(visible[None], prior, self.rbm.row_bias_strength)[0]

    def score(self, rated: list[tuple[object, float]], column: object, *, exact: bool) -> np.ndarray:
        """Return the level probabilities of one column, given the rest of its row."""
        visible, bias = self.visible(rated), self.bias(self.visible(rated))
        place = self.rbm.column_ids.values.to_pylist().index(column)
        score = reference.exact_score if exact else reference.mean_field_score
        return score(self.model, visible, place, bias)

    def score_pair(
        self, history: pa.Table, user: object, item: object, *, exact: bool, leave_out: bool = True
    ) -> np.ndarray:
        """Return the level probabilities of a pair whose user and item the model knows.

        With rows of items the history is not looked at: rows are what was trained on.
        """
        if self.rbm.by_user:
            rated = [(i, rating) for u, i, rating in rows_of(history) if u == user]
            row, column = rated, item
        else:
            row, column = [(u, rating) for u, i, rating in rows_of(self.training) if i == item], user
        kept = [each for each in row if not (leave_out and each[0] == column)]
        return self.score(kept, column, exact=exact)

    def item_rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Return hidden probabilities (R, F) and row bias (R, K) of the trained rows of items."""
        by_item: dict[object, list] = {item: [] for item in self.rbm.row_ids.values.to_pylist()}
        for user, item, rating in rows_of(self.training):
            by_item[item].append((user, rating))
        visible = np.array([self.visible(rated) for rated in by_item.values()])
        hidden = reference.sigmoid(reference.activation(self.model, visible, visible.sum(axis=2)))
        return hidden, np.array([self.bias(row) for row in visible])

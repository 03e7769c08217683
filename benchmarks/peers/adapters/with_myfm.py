"""myFM: factorization machines by Gibbs sampling, as regression or with an ordered probit likelihood.

Users and items are relation blocks: their own number and, if `implicit`, everything that they are rated
with, each of n entries 1 / sqrt(n). With `days` the day of a rating is a feature too. Every kind of feature
has a prior of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from myfm import MyFMOrderedProbit, MyFMRegressor, RelationBlock
from scipy import sparse

from benchmarks.peers.adapters.answering import Answer, Model, Pairs, Ratings, run


def fit(ratings: Ratings, settings: dict[str, Any], seed: int) -> Model:
    """Train with settings `rank`, `samples`, `implicit`, `days` and `probit`; every sample is kept."""
    features = _Features(ratings, settings)
    model = (MyFMOrderedProbit if settings["probit"] else MyFMRegressor)(
        rank=settings["rank"], random_seed=seed
    )
    days, blocks = features.of(ratings.pairs)
    model.fit(
        days,
        ratings.level() if settings["probit"] else ratings.rating,
        X_rel=blocks,
        group_shapes=features.sizes,
        n_iter=settings["samples"],
        n_kept_samples=settings["samples"],
    )

    def answer(pairs: Pairs) -> Answer:
        asked = features.of(pairs)
        if not settings["probit"]:
            return Answer(model.predict(*asked))
        probabilities = model.predict_proba(*asked)
        return Answer(probabilities @ ratings.levels, probabilities)

    return answer


class _Features:
    """Features of pairs: `sizes` has how many there are of each kind."""

    def __init__(self, ratings: Ratings, settings: dict[str, Any]) -> None:
        pairs, self._days = ratings.pairs, None
        shape = (ratings.n_users, ratings.n_items)
        self._users, self._items = (_own_number(size) for size in shape)
        self.sizes = list(shape)
        if settings["implicit"]:
            rated = sparse.csr_matrix((np.ones(len(pairs.user)), (pairs.user, pairs.item)), shape)
            self._users = sparse.hstack([self._users, _shared_out(rated)], format="csr")
            self._items = sparse.hstack([self._items, _shared_out(rated.T.tocsr())], format="csr")
            self.sizes = [*shape, *shape[::-1]]
        if settings["days"]:
            if pairs.day is None:
                raise ValueError("the ratings have no timestamps")
            self._days = np.unique(pairs.day)
            self.sizes = [len(self._days), *self.sizes]

    def of(self, pairs: Pairs) -> tuple[sparse.csr_matrix | None, list[RelationBlock]]:
        """Return the features of pairs by day, and those by user and by item; what is new has none."""
        blocks = []
        for number, features in ((pairs.user, self._users), (pairs.item, self._items)):
            place = np.minimum(number, features.shape[0] - 1)
            blocks.append(RelationBlock(place, features))
        if self._days is None:
            return None, blocks
        assert pairs.day is not None
        place = np.searchsorted(self._days, pairs.day).clip(max=len(self._days) - 1)
        is_known = self._days[place] == pairs.day
        row, column = np.flatnonzero(is_known), place[is_known]
        shape = (len(place), len(self._days))
        return sparse.csr_matrix((np.ones(len(row)), (row, column)), shape), blocks


def _own_number(size: int) -> sparse.csr_matrix:
    """Return a feature for each number, and a last row, for new ones, without any."""
    return sparse.vstack([sparse.identity(size), sparse.csr_matrix((1, size))], format="csr")


def _shared_out(rated: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return rows of n ones as rows of n numbers 1 / sqrt(n), and a last one without any."""
    count = np.maximum(np.diff(rated.indptr), 1)
    rows = sparse.diags(1 / np.sqrt(count)) @ rated
    return sparse.vstack([rows, sparse.csr_matrix((1, rated.shape[1]))], format="csr")


if __name__ == "__main__":
    run("myfm", fit)

"""Cornac: biased matrix factorization by stochastic gradient descent."""

from __future__ import annotations

from typing import Any

import numpy as np
from cornac.data import Dataset
from cornac.models import MF

from benchmarks.peers.adapters.answering import Answer, Model, Pairs, Ratings, run


def fit(ratings: Ratings, settings: dict[str, Any], seed: int) -> Model:
    """Train MF with the settings as its arguments; with a seed it keeps to one thread."""
    columns = (ratings.pairs.user, ratings.pairs.item, ratings.rating)
    data = Dataset.from_uir(zip(*(column.tolist() for column in columns), strict=True))
    model = MF(seed=seed, **settings).fit(data)

    def answer(pairs: Pairs) -> Answer:
        user = (data.uid_map.get(each, data.num_users) for each in pairs.user.tolist())
        item = (data.iid_map.get(each, data.num_items) for each in pairs.item.tolist())
        asked = zip(user, item, strict=True)
        return Answer(np.array([float(model.rate(*each)) for each in asked]))

    return answer


if __name__ == "__main__":
    run("cornac", fit)

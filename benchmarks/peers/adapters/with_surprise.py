"""Surprise: SVD and SVD++ by stochastic gradient descent."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from surprise import SVD, Dataset, Reader, SVDpp

from benchmarks.peers.adapters.answering import Answer, Model, Pairs, Ratings, run

_MODELS = {"SVD": SVD, "SVDpp": SVDpp}


def fit(ratings: Ratings, settings: dict[str, Any], seed: int) -> Model:
    """Train the model of the setting `model` with the others as its arguments."""
    arguments = {name: value for name, value in settings.items() if name != "model"}
    columns = {"user": ratings.pairs.user, "item": ratings.pairs.item, "rating": ratings.rating}
    data = Dataset.load_from_df(pd.DataFrame(columns), Reader(rating_scale=(ratings.low, ratings.high)))
    model = _MODELS[settings["model"]](random_state=seed, **arguments)
    model.fit(data.build_full_trainset())

    def answer(pairs: Pairs) -> Answer:
        asked = zip(pairs.user, pairs.item, strict=True)
        return Answer(np.array([model.predict(user, item).est for user, item in asked]))

    return answer


if __name__ == "__main__":
    run("scikit-surprise", fit)

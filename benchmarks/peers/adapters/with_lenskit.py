"""LensKit: item neighbours, and biased matrix factorization by alternating least squares."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from lenskit.als import BiasedMFScorer
from lenskit.batch import predict
from lenskit.data import ItemListCollection, from_interactions_df
from lenskit.knn import ItemKNNScorer
from lenskit.pipeline import predict_pipeline
from lenskit.training import TrainingOptions

from benchmarks.peers.adapters.answering import Answer, Model, Pairs, Ratings, run

_MODELS = {"ItemKNN": ItemKNNScorer, "BiasedMF": BiasedMFScorer}
_IDS = ["user_id", "item_id"]


def fit(ratings: Ratings, settings: dict[str, Any], seed: int) -> Model:
    """Train the model of the setting `model` with the others as its arguments.

    Pairs that it cannot answer get LensKit's own fallback, user and item bias.
    """
    arguments = {name: value for name, value in settings.items() if name != "model"}
    columns = (ratings.pairs.user, ratings.pairs.item, ratings.rating)
    frame = pd.DataFrame(dict(zip([*_IDS, "rating"], columns, strict=True)))
    pipeline = predict_pipeline(_MODELS[settings["model"]](**arguments))
    pipeline.train(from_interactions_df(frame), TrainingOptions(rng=seed))

    def answer(pairs: Pairs) -> Answer:
        asked = pd.DataFrame(dict(zip(_IDS, (pairs.user, pairs.item), strict=True)))
        lists = ItemListCollection.from_df(asked, ["user_id"])
        told = predict(pipeline, lists, n_jobs=1).to_df()
        return Answer(np.asarray(asked.merge(told[[*_IDS, "score"]], on=_IDS, how="left")["score"], float))

    return answer


if __name__ == "__main__":
    run("lenskit", fit)

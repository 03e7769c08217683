"""An adapter of no library, which shows what a job holds: what it predicts tells what it was given."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.peers.adapters.answering import Answer, Model, Pairs, Ratings, run


def fit(ratings: Ratings, settings: dict[str, Any], seed: int) -> Model:
    """Learn the mean of each item; `add` is added, `fail` raises, `nan` spoils the answer."""
    if settings.get("fail"):
        raise ValueError("this model cannot be trained")
    mean = float(ratings.rating.mean())
    item = ratings.pairs.item
    counts = np.bincount(item, minlength=ratings.n_items)
    sums = np.bincount(item, weights=ratings.rating - mean, minlength=ratings.n_items)
    effect = np.append(sums / (counts + 5), 0.0)

    def answer(pairs: Pairs) -> Answer:
        prediction = mean + effect[np.minimum(pairs.item, ratings.n_items)] + settings.get("add", 0)
        if settings.get("nan"):
            prediction[0] = np.nan
        probabilities = None
        if settings.get("probabilities"):
            share = np.bincount(ratings.level(), minlength=len(ratings.levels)) / len(ratings.rating)
            probabilities = np.tile(share, (len(prediction), 1))
        return Answer(prediction, probabilities)

    return answer


if __name__ == "__main__":
    run("numpy", fit)

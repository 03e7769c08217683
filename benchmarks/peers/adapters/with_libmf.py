"""LIBMF, by its Python binding: matrix factorization by stochastic gradient descent, without biases."""

from __future__ import annotations

from typing import Any

import numpy as np
from libmf import mf

from benchmarks.peers.adapters.answering import Answer, Model, Pairs, Ratings, run


def fit(ratings: Ratings, settings: dict[str, Any], seed: int) -> Model:
    """Train on one thread with the settings as arguments; `penalty` stands for both L2 penalties.

    The library takes no seed: it always starts from the same one.
    """
    arguments = {name: value for name, value in settings.items() if name != "penalty"}
    if "penalty" in settings:
        arguments |= {"lambda_p2": settings["penalty"], "lambda_q2": settings["penalty"]}
    model = mf.MF(nr_threads=1, quiet=True, **arguments)
    columns = (ratings.pairs.user, ratings.pairs.item, ratings.rating)
    model.fit(np.ascontiguousarray(np.stack(columns, axis=1), np.float32))

    def answer(pairs: Pairs) -> Answer:
        # The binding reads pairs column by column here, though ratings row by row.
        asked = np.asfortranarray(np.stack([pairs.user, pairs.item], axis=1), np.float32)
        return Answer(model.predict(asked).astype(np.float64))

    return answer


if __name__ == "__main__":
    run("libmf", fit)

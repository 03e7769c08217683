"""How often the intervals of `rbmcli evaluate` hold the true figure: about as often as they claim.

    python -m benchmarks.coverage [--sets N] [--users N,...] [--json FILE]

What is true has to be known for that, so the population is made up: many users, of very unequal activity,
with effects of their own on what they rate and on how far off two models are. A data set is some users
drawn from the population; the true figures are those of the whole of it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import description
from benchmarks.results import print_table, write_json
from rbmcli.models.bootstrap import LEVEL, RESAMPLES, intervals, paired_intervals
from rbmcli.models.moments import FIGURES, figures_from, moments_of

POPULATION = 50_000
LEVELS = np.arange(1, 6)
DATA_SETS = 500
USERS = (50, 200, 1000)
WANTED = (0.93, 0.97)


def population(users: int, seed: int = 0) -> list[np.ndarray]:
    """Return the moments of the users of a population, as of two models.

    Half of the users rate ten items or fewer, one in a hundred a hundred or more. A user's effect is seen
    by the models in part, and those who rate more are easier to predict.

    Parameters
    ----------
    users : int
        Users.
    seed : int
        Seed of all that is drawn.

    Returns
    -------
    list of ndarray of float64, shape (users, M)
        For each of the two models.
    """
    generator = np.random.default_rng(seed)
    activity = 1 + generator.lognormal(2.3, 1.0, users).astype(np.int64)
    user = np.repeat(np.arange(users), activity)
    effect = generator.normal(0, 0.6, users)[user]
    spread = (np.exp(generator.normal(0, 0.3, users)) * activity**-0.1)[user]
    expected = generator.normal(3.5, 0.7, len(user)) + effect
    rating = np.clip(np.rint(expected + spread * generator.normal(0, 1.2, len(user))), 1, 5)
    level = (rating - 1).astype(np.uint8)
    moments = []
    for missed, noise in ((0.4, 0.2), (0.5, 0.25)):
        seen = expected - missed * effect + generator.normal(0, noise, len(user))
        odds = np.exp(-0.5 * (LEVELS - seen[:, None]) ** 2)
        probabilities = odds / odds.sum(axis=1, keepdims=True)
        moments.append(moments_of(user, users, probabilities @ LEVELS, rating, probabilities, level))
    return moments


def coverage(models: list[np.ndarray], data_sets: int, users: int, seed: int = 0) -> dict[str, list[float]]:
    """Return the share of data sets whose interval holds the true figure, by figure.

    Parameters
    ----------
    models : list of ndarray of float64, shape (N, M)
        Moments of the population's users, of two models.
    data_sets, users : int
        How many data sets are drawn, and how many users each has.
    seed : int
        Seed of the draws.

    Returns
    -------
    dict of str to list of float
        Under `figures` those of the first model, under `differences` those of how the two differ; in the
        order of `rbmcli.models.moments.FIGURES`.
    """
    generator = np.random.default_rng(seed)
    first, second = (figures_from(moments.sum(axis=0)) for moments in models)
    held = np.zeros((2, len(FIGURES)))
    for number in range(data_sets):
        chosen = generator.integers(len(models[0]), size=users)
        drawn = [moments[chosen] for moments in models]
        low, high = intervals(drawn[0], number)
        held[0] += (low <= first) & (first <= high)
        (found,) = paired_intervals(drawn, number)
        held[1] += (found.low <= first - second) & (first - second <= found.high)
    shares = (held / data_sets).tolist()
    return {"figures": shares[0], "differences": shares[1]}


def _sizes(text: str) -> list[int]:
    return [int(size) for size in text.split(",")]


def main() -> int:
    """Measure, print a table, and write the figures if asked to; return 0 if all coverage is as wanted."""
    parser = argparse.ArgumentParser(description="Measure how often intervals hold the true figure.")
    parser.add_argument("--sets", type=int, default=DATA_SETS, help="data sets to draw")
    parser.add_argument("--users", type=_sizes, default=list(USERS), help="users of a data set, or several")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    chosen = parser.parse_args()
    models, rows = population(POPULATION), []
    result: dict[str, Any] = {"benchmark": "coverage", "machine": description(), "sets": chosen.sets}
    result |= {"level": LEVEL, "resamples": RESAMPLES, "coverage": []}
    for users in chosen.users:
        found = coverage(models, chosen.sets, users)
        for what, shares in found.items():
            by_figure = dict(zip(FIGURES, shares, strict=True))
            result["coverage"].append({"users": users, "of": what, **by_figure})
            rows.append([users, what, *(f"{100 * share:.1f} %" for share in shares)])
    print_table(
        f"Intervals of {chosen.sets} data sets that hold the true figure", ["users", "of", *FIGURES], rows
    )
    if chosen.json:
        write_json(chosen.json, result)
    least, most = WANTED
    return int(not all(least <= each[name] <= most for each in result["coverage"] for name in FIGURES))


if __name__ == "__main__":
    sys.exit(main())

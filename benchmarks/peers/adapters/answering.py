"""What all adapters share: a job is read, a model trained and asked, the answer written and its cost told.

A job is a JSON file with these members; its answer are predictions for the pairs, and a report as JSON.

- `train`, `pairs`: Parquet files, the ratings with and the pairs without ratings;
- `predictions`, `report`: files to write;
- `settings`: those of the model; `search`: values to try for some of them, by name;
- `levels`, `edges`: the levels of the scale, and what cuts a continuous one into them, or null;
- `seed`.
"""

from __future__ import annotations

import itertools
import json
import resource
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.memory import peak_of_this_process

_HELD_OUT = 0.1
_SECONDS_A_DAY = 86_400


@dataclass(frozen=True)
class Pairs:
    """Users and items, by number.

    Attributes
    ----------
    user, item : ndarray of int64, shape (n,)
        Numbers from 0; those that have no rating are numbered from `n_users` and `n_items`.
    day : ndarray of int64, shape (n,), or None
        Day of each rating, counted from the first of all; None where there are no timestamps.
    """

    user: np.ndarray
    item: np.ndarray
    day: np.ndarray | None

    def take(self, chosen: np.ndarray) -> Pairs:
        """Return some of them."""
        return Pairs(self.user[chosen], self.item[chosen], None if self.day is None else self.day[chosen])


@dataclass(frozen=True)
class Ratings:
    """Ratings to train on.

    Attributes
    ----------
    pairs : Pairs
        Who rated what; n of them.
    rating : ndarray of float64, shape (n,)
        The ratings.
    n_users, n_items : int
        How many there are.
    levels : ndarray of float64, shape (K,)
        Levels of the scale.
    edges : ndarray of float64, shape (K-1,), or None
        What separates the levels of a continuous scale.
    low, high : float
        Ends of the scale.
    """

    pairs: Pairs
    rating: np.ndarray
    n_users: int
    n_items: int
    levels: np.ndarray
    edges: np.ndarray | None
    low: float
    high: float

    def level(self) -> np.ndarray:
        """Return the place of each rating among the levels, int64 from 0."""
        if self.edges is not None:
            return np.searchsorted(self.edges, self.rating, side="left")
        return np.abs(self.rating[:, None] - self.levels).argmin(axis=1)

    def take(self, chosen: np.ndarray) -> Ratings:
        """Return some of them, on the same numbers."""
        return replace(self, pairs=self.pairs.take(chosen), rating=self.rating[chosen])


@dataclass(frozen=True)
class Answer:
    """Predictions, float64 of shape (n,), and where the library tells them probabilities, (n, K)."""

    prediction: np.ndarray
    probabilities: np.ndarray | None = None


Model = Callable[[Pairs], Answer]
Fit = Callable[[Ratings, dict[str, Any], int], Model]
"""Trains on ratings with settings and a seed, and returns what answers pairs."""


def run(package: str, fit: Fit) -> None:
    """Do the job that the command line names, with one library.

    Parameters
    ----------
    package : str
        Name of the library in the package index.
    fit : callable
        Trains its model.
    """
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    table = _read(job["train"])
    asked = _read(job["pairs"])
    ratings, pairs = _numbered(table, asked, job)
    began = _cpu_seconds()
    settings = _searched(fit, ratings, job)
    searching = _cpu_seconds() - began
    model = fit(ratings, settings, job["seed"])
    trained = _cpu_seconds()
    answer = model(pairs)
    columns = {"user": asked["user"], "item": asked["item"], "prediction": pa.array(answer.prediction)}
    if answer.probabilities is not None:
        flat = pa.array(np.asarray(answer.probabilities, np.float32).ravel())
        columns["probabilities"] = pa.FixedSizeListArray.from_arrays(flat, len(ratings.levels))
    pq.write_table(pa.table(columns), job["predictions"])
    report = {
        "version": version(package),
        "settings": settings,
        "search_cpu_seconds": searching if job["search"] else None,
        "train_cpu_seconds": trained - searching,
        "predict_cpu_seconds": _cpu_seconds() - trained,
        "peak_bytes": peak_of_this_process(),
    }
    Path(job["report"]).write_text(json.dumps(report), encoding="utf-8")


def _searched(fit: Fit, ratings: Ratings, job: dict[str, Any]) -> dict[str, Any]:
    """Return the settings with the best RMSE on a tenth of the ratings, held out of training."""
    search: dict[str, list[Any]] = job["search"]
    if not search:
        return dict(job["settings"])
    is_held = np.random.default_rng(job["seed"]).random(len(ratings.rating)) < _HELD_OUT
    rest, held = ratings.take(~is_held), ratings.take(is_held)
    tried = []
    for values in itertools.product(*search.values()):
        settings = {**job["settings"], **dict(zip(search, values, strict=True))}
        prediction = fit(rest, settings, job["seed"])(held.pairs).prediction
        error = np.clip(prediction, ratings.low, ratings.high) - held.rating
        tried.append((float(np.mean(error**2)), settings))
    # A model that left the finite numbers is not the best one.
    return min(tried, key=lambda each: each[0] if np.isfinite(each[0]) else np.inf)[1]


def _read(path: str) -> pa.Table:
    with pq.ParquetFile(path) as file:
        return file.read()


def _numbered(table: pa.Table, asked: pa.Table, job: dict[str, Any]) -> tuple[Ratings, Pairs]:
    user, asked_user, n_users = _numbers(table["user"], asked["user"])
    item, asked_item, n_items = _numbers(table["item"], asked["item"])
    day, asked_day = _days(table, asked)
    rating = np.asarray(table["rating"], np.float64)
    edges = None if job["edges"] is None else np.asarray(job["edges"], np.float64)
    ratings = Ratings(
        Pairs(user, item, day),
        rating,
        n_users,
        n_items,
        np.asarray(job["levels"], np.float64),
        edges,
        float(rating.min()),
        float(rating.max()),
    )
    return ratings, Pairs(asked_user, asked_item, asked_day)


def _numbers(known: pa.ChunkedArray, asked: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the numbers of known ids and of asked ones, new ones last, and how many are known."""
    ids = pa.chunked_array([*known.chunks, *asked.chunks]).dictionary_encode().combine_chunks()
    # In the order of first sight, so that ids with ratings come before all others.
    number = np.asarray(ids.indices, np.int64)
    n_known = int(number[: len(known)].max()) + 1
    return number[: len(known)], number[len(known) :], n_known


def _days(table: pa.Table, asked: pa.Table) -> tuple[np.ndarray | None, np.ndarray | None]:
    if "timestamp" not in table.column_names or "timestamp" not in asked.column_names:
        return None, None
    days = [np.asarray(each["timestamp"], np.int64) // _SECONDS_A_DAY for each in (table, asked)]
    first = min(int(each.min()) for each in days)
    return days[0] - first, days[1] - first


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)

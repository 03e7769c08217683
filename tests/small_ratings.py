"""Small made-up ratings, and models trained on them in no time, for tests of models, pipeline and commands.

Users are strings and items integers, so that mixing up the two sides shows.
"""

from __future__ import annotations

import functools

import numpy as np
import pyarrow as pa

import rbmcli
from rbmcli.models.rbm import Rbm

HIDDEN = 6
"""Not a multiple of the vector width: the arrays in memory have padding."""


def ratings(users: int = 30, items: int = 12, *, levels: int = 5, seed: int = 3) -> pa.Table:
    """Return ratings 1, 2, ... of about half of all pairs: users u00, u01 ..., items 100, 101 ..."""
    generator = np.random.default_rng(seed)
    user, item = np.nonzero(generator.random((users, items)) < 0.5)
    rating = 1 + (user + 2 * item + generator.integers(0, 2, len(user))) % levels
    return table_of([f"u{number:02d}" for number in user], list(item + 100), list(rating))


def table_of(user: list, item: list, rating: list) -> pa.Table:
    """Return a table of ratings."""
    return pa.table({"user": user, "item": item, "rating": pa.array(rating, pa.float32())})


def pairs_of(user: object, *items: object) -> pa.Table:
    """Return pairs of one user with some items."""
    return pa.table({"user": [user] * len(items), "item": list(items)})


def rows_of(table: pa.Table) -> list[tuple]:
    """Return user, item and rating of each rating."""
    columns = (table[name].to_pylist() for name in ("user", "item", "rating"))
    return list(zip(*columns, strict=True))


def without(table: pa.Table, user: object, item: object = None) -> pa.Table:
    """Return ratings without one of a user, or without all of them where no item is given."""
    gone = [row[0] == user and item in {None, row[1]} for row in rows_of(table)]
    return table.filter(pa.array([not each for each in gone]))


def with_rating(table: pa.Table, user: object, item: object, rating: float) -> pa.Table:
    """Return ratings with one more, or with another one in the place of the one there is."""
    return pa.concat_tables([without(table, user, item), table_of([user], [item], [rating])])


def shuffled(table: pa.Table, seed: int = 1) -> pa.Table:
    """Return the rows of a table in another order."""
    return table.take(pa.array(np.random.default_rng(seed).permutation(table.num_rows)))


def quick(by: str = "user", **changes: object) -> rbmcli.TrainSettings:
    """Return settings that train a small model on all ratings."""
    chosen = {"hidden": HIDDEN, "epochs": 8, "learning_rate": 0.3, "validation": "none"}
    return rbmcli.TrainSettings(by=by, **{**chosen, **changes})


def trained(by: str, table: pa.Table | None = None, **changes: object) -> Rbm:
    """Return a model of some ratings, by default those of `ratings`; it is not to be changed."""
    if table is None:
        return _trained_on_default(by, tuple(sorted(changes.items())))
    return rbmcli.train(table, settings=quick(by, **changes)).model


@functools.cache
def _trained_on_default(by: str, changes: tuple) -> Rbm:
    return rbmcli.train(ratings(), settings=quick(by, **dict(changes))).model


def predicted(model: Rbm, history: pa.Table, pairs: pa.Table, **options: object) -> list[dict]:
    """Return the predictions of pairs, with probabilities, row by row."""
    settings = rbmcli.PredictSettings(probabilities=True, **options)
    return rbmcli.predict(model, history, pairs, settings=settings).table.to_pylist()

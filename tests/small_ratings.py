"""Small made-up ratings, and models trained on them in no time, for tests of models, pipeline and commands.

Users are strings and items integers, so that mixing up the two sides shows.
"""

from __future__ import annotations

import functools

import numpy as np
import pyarrow as pa
import pytest

import rbmcli
from rbmcli.models.rbm import Rbm

HIDDEN = 6
"""Not a multiple of the vector width: the arrays in memory have padding."""

FORMS: dict[str, dict[str, object]] = {
    "plain": {},
    "without D": {"conditional": False},
    "gaussian": {"hidden_units": "gaussian", "learning_rate": 0.1},
    "factored": {"factors": 3, "learning_rate": 0.1},
    "sharing levels": {"level_functions": 2},
    "all at once": {"hidden_units": "gaussian", "factors": 3, "level_functions": 2, "learning_rate": 0.03},
}
"""Settings of every form that a model can have."""

WAYS: dict[str, dict[str, object]] = {
    **FORMS,
    "exact": {"inference": "exact"},
    "averaged": {"average": 4},
    "persistent": {"persistent": True},
    "more Gibbs steps": {"cd_steps": "1,3@2"},
    "discriminative": {"objective": "discriminative", "network_rate": 0.03},
    "fine-tuned": {"fine_tune": True, "network_rate": 0.03},
    "three layers": {"layers": "6,4,3", "fine_tune": True, "network_rate": 0.03},
}
"""Settings of those and of every way to train a model."""

ALL_WAYS = pytest.mark.parametrize("changes", WAYS.values(), ids=WAYS)


def ratings(users: int = 30, items: int = 12, *, levels: int = 5, seed: int = 3) -> pa.Table:
    """Return ratings 1, 2, ... of about half of all pairs: users u00, u01 ..., items 100, 101 ..."""
    generator = np.random.default_rng(seed)
    user, item = np.nonzero(generator.random((users, items)) < 0.5)
    rating = 1 + (user + 2 * item + generator.integers(0, 2, len(user))) % levels
    return table_of([f"u{number:02d}" for number in user], list(item + 100), list(rating))


def tastes(users: int = 60, items: int = 20, *, seed: int = 1) -> pa.Table:
    """Return ratings 1, 2, 4 or 5 by two kinds of users, who like and dislike opposite halves of the items.

    Base rates say nothing of them, and hidden units all.
    """
    generator = np.random.default_rng(seed)
    user, item = np.nonzero(generator.random((users, items)) < 0.6)
    likes = generator.integers(2, size=users)[user] == item % 2
    rating = np.where(likes, generator.integers(4, 6, len(user)), generator.integers(1, 3, len(user)))
    return table_of([f"u{number:02d}" for number in user], list(item + 100), list(rating))


def table_of(user: list, item: list, rating: list) -> pa.Table:
    """Return a table of ratings."""
    return pa.table({"user": user, "item": item, "rating": pa.array(rating, pa.float32())})


def dated(table: pa.Table, days: int = 3, seed: int = 4) -> pa.Table:
    """Return a table with a timestamp for each of its rows, on one of so many days."""
    generator = np.random.default_rng(seed)
    day = generator.integers(days, size=table.num_rows) if days < 1000 else np.arange(table.num_rows)
    seconds = 86_400 * (day + 11_000) + generator.integers(86_400, size=len(day))
    return table.append_column("timestamp", pa.array(seconds))


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
    """Return settings that train a small model on all ratings, by contrastive divergence.

    Whatever would follow from the shape of the ratings is given.
    """
    chosen = {
        "hidden": HIDDEN,
        "level_functions": 0,
        "objective": "divergence",
        "batch_size": 100,
        "epochs": 20,
        "average": 1,
        "learning_rate": 0.3,
        "weight_decay": 0.01,
        "penalty": 1.0,
        "validation": "none",
    }
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

"""Small lists of recommendations, and held-out ratings that they are held against."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from rbmcli.models.ranking import RankedItems, RelevantItems


def lists(rows: Sequence[tuple[object, int, object]], name: str = "rank") -> pa.Table:
    """Return lists of user, rank (or score, by the name) and item."""
    user, place, item = zip(*rows, strict=True)
    return pa.table({"user": user, name: place, "item": item})


def held_out(rows: Sequence[tuple[object, object, float]]) -> pa.Table:
    """Return ratings of user, item and rating."""
    user, item, rating = zip(*rows, strict=True)
    return pa.table({"user": user, "item": item, "rating": pa.array(rating, pa.float32())})


def tables_of(ranked: RankedItems, relevant: RelevantItems) -> tuple[pa.Table, pa.Table]:
    """Return lists and a truth whose ratings are the gains; users are text, items integers."""
    listed = zip(map(name_of, ranked.user), ranked.rank.tolist(), ranked.item.tolist(), strict=True)
    held = zip(map(name_of, relevant.user), relevant.item.tolist(), relevant.gain.tolist(), strict=True)
    return lists(list(listed)), held_out(list(held))


def name_of(user: int) -> str:
    """Return the id of a user with a number."""
    return f"u{user:03d}"


LISTS = lists([(1, 1, "a"), (1, 2, "b"), (1, 3, "c"), (2, 1, "c"), (2, 2, "a"), (3, 1, "a")])
TRUTH = held_out([(1, "b", 5), (1, "z", 4), (2, "c", 3), (2, "b", 2), (4, "a", 5)])
HISTORY = held_out(
    [(1, "x", 1), (2, "x", 2), (2, "y", 3), (9, "a", 3), (9, "c", 3), (9, "b", 4), (8, "a", 1)]
)

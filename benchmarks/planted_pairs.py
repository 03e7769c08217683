"""Pairs of users and items to predict, of a rating set that `benchmarks.planted` has drawn.

    python -m benchmarks.planted_pairs FILE [--pairs N] [--shuffled] [--users N] [--items N] [--seed N]

Distinct pairs, about as many of each user, the items drawn evenly; so few of them have been rated. Rows are
sorted by user, and the items of a user are in no order; `--shuffled` leaves users in no order either.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.generated import Size
from benchmarks.planted import ItemDrawer
from benchmarks.planted_model import NETFLIX, Planted

PAIRS = 10_000_000

_ITEMS_STREAM, _ORDER_STREAM = 11, 12


def planted_pairs(planted: Planted, pairs: int, shuffled: bool = False) -> pa.Table:
    """Draw pairs: columns user and item (int64).

    Parameters
    ----------
    planted : Planted
        The users and items; how many ratings there are, and which, is no matter.
    pairs : int
        How many pairs.
    shuffled : bool
        Whether rows are in no order, rather than sorted by user.
    """
    generator = np.random.default_rng(planted.key(_ORDER_STREAM))
    order = np.argsort(planted.user_ids)
    each, over = divmod(pairs, planted.size.users)
    counts = np.full(planted.size.users, each)
    counts[generator.permutation(planted.size.users)[:over]] += 1
    draw = ItemDrawer(np.ones(planted.size.items), planted.key(_ITEMS_STREAM))
    _, item = draw(order, counts)
    user = np.repeat(planted.user_ids[order], counts)
    row = generator.permutation(pairs) if shuffled else slice(None)
    return pa.table({"user": user[row], "item": item[row].astype(np.int64) + 1})


def main() -> int:
    """Write pairs as the command line says, and return 0."""
    parser = argparse.ArgumentParser(description="Write pairs of users and items of a planted set.")
    parser.add_argument("file", type=Path, help="Parquet file to write")
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--shuffled", action="store_true", help="in no order, rather than sorted by user")
    parser.add_argument("--users", type=int, default=NETFLIX.users, help="users of the set")
    parser.add_argument("--items", type=int, default=NETFLIX.items, help="items of the set")
    parser.add_argument("--seed", type=int, default=0, help="seed of the set")
    chosen = parser.parse_args()
    try:
        size = Size.parse(f"{chosen.users},{chosen.items},{chosen.pairs}")
    except ValueError:
        parser.error("--users, --items and --pairs must be 1 or more, and no more pairs than there are")
    pq.write_table(
        planted_pairs(Planted(size, seed=chosen.seed), chosen.pairs, chosen.shuffled),
        chosen.file,
        compression="zstd",
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

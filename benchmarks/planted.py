"""Rating sets of any size, drawn from a planted RBM, with tails like those of Netflix.

    python -m benchmarks.planted FOLDER [--users N] [--items N] [--ratings N] [--levels N] [--hidden N] \\
        [--seed N] [--files N]

The folder is of Parquet files, with user and item (int64) and rating (float32), of distinct pairs. As in a
log, the ratings of a user are spread over all files and come in no order. The same numbers give the same
bytes. Users are drawn block by block, so that memory is that of a block. `benchmarks.planted_model` tells
what is drawn from.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.generated import Size
from benchmarks.planted_kernels import draw_items, draw_levels
from benchmarks.planted_model import HIDDEN, NETFLIX, Planted

BLOCK = 16_384
"""Users that are drawn at once."""

FILES = 32

_SCHEMA = pa.schema([("user", pa.int64()), ("item", pa.int64()), ("rating", pa.float32())])
_ITEMS_STREAM, _LEVELS_STREAM = 1, 2


class ItemDrawer:
    """Draws distinct items for users, in proportion to the popularity of the items.

    Parameters
    ----------
    popularity : ndarray of float64, shape (items,)
        What items are drawn in proportion to.
    key : uint64
        Key of the random numbers.
    """

    def __init__(self, popularity: np.ndarray, key: np.uint64) -> None:
        self._threshold, self._alias = alias_table(popularity)
        self._interval = 1.0 / popularity
        self._key = key

    def __call__(self, users: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Draw so many items for each user.

        Parameters
        ----------
        users, counts : ndarrays of int64, shape (rows,)
            Numbers of the users, and how many items are drawn for each.

        Returns
        -------
        start : ndarray of int64, shape (rows + 1,)
            Where the items of each user begin.
        item : ndarray of int32, shape (ratings,)
            Numbers of the items, from 0.
        """
        start = np.concatenate([[0], np.cumsum(counts)])
        item = np.empty(start[-1], np.int32)
        draw_items(users, start, self._threshold, self._alias, self._interval, self._key, item)
        return start, item


def alias_table(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return thresholds and aliases, float64 and int32, that numbers are drawn by in proportion to weights.

    A number that is drawn evenly is replaced by its alias where a second draw, from [0, 1), reaches its
    threshold. M. D. Vose (1991), "A linear algorithm for generating random numbers with a given
    distribution", IEEE Trans. Softw. Eng.
    """
    left = weight * (len(weight) / weight.sum())
    threshold, alias = np.ones(len(weight)), np.arange(len(weight), dtype=np.int32)
    small, large = list(np.flatnonzero(left < 1)), list(np.flatnonzero(left >= 1))
    while small and large:
        poor, rich = small.pop(), large[-1]
        threshold[poor], alias[poor] = left[poor], rich
        left[rich] -= 1 - left[poor]
        if left[rich] < 1:
            small.append(large.pop())
    return threshold, alias


def blocks_of(planted: Planted, block: int = BLOCK) -> Iterator[tuple[pa.Table, np.ndarray]]:
    """Draw all ratings, so many users at a time.

    Yields
    ------
    table : pyarrow.Table
        Ratings of some users, in an order that is drawn.
    place : ndarray of uint64, shape (ratings,)
        Numbers that grow, evenly spread over all 64 bits: those the ratings are ordered by.
    """
    draw = ItemDrawer(planted.popularity, planted.key(_ITEMS_STREAM))
    for first in range(0, planted.size.users, block):
        users = np.arange(first, min(first + block, planted.size.users))
        counts = planted.counts[users]
        start, item = draw(users, counts)
        level, place = np.empty(len(item), np.uint8), np.empty(len(item), np.uint64)
        draw_levels(
            users,
            start,
            item,
            planted.hidden_units(users),
            planted.bias,
            planted.weights,
            planted.key(_LEVELS_STREAM),
            level,
            place,
        )
        order = np.argsort(place)
        columns = [
            np.repeat(planted.user_ids[users], counts)[order],
            item[order].astype(np.int64) + 1,
            level[order].astype(np.float32) + np.float32(1),
        ]
        yield pa.Table.from_arrays(columns, schema=_SCHEMA), place[order]


def write_planted(folder: Path, planted: Planted, files: int = FILES, block: int = BLOCK) -> None:
    """Write all ratings to a folder, which must not be there yet and appears when all are written.

    Parameters
    ----------
    folder : Path
        Folder to write.
    planted : Planted
        What is drawn from.
    files : int
        Parquet files; a hash tells which one a rating goes to.
    block : int
        Users that are drawn at once; each file gets a row group from them.

    Raises
    ------
    FileExistsError
        If the folder is there.
    """
    if folder.exists():
        raise FileExistsError(f"{folder} is there already: remove it, or name another folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    bounds = np.array([(number << 64) // files for number in range(1, files)], np.uint64)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as above:
        unfinished = Path(above) / "ratings"
        unfinished.mkdir()
        with contextlib.ExitStack() as stack:
            writers = [
                stack.enter_context(
                    pq.ParquetWriter(unfinished / f"part-{number:03d}.parquet", _SCHEMA, compression="zstd")
                )
                for number in range(files)
            ]
            for table, place in blocks_of(planted, block):
                ends = [0, *np.searchsorted(place, bounds).tolist(), len(table)]
                for number, writer in enumerate(writers):
                    part = table.slice(ends[number], ends[number + 1] - ends[number])
                    writer.write_table(part, row_group_size=max(1, len(part)))
        unfinished.rename(folder)


def main() -> int:
    """Write a rating set as the command line says, and return 0."""
    parser = argparse.ArgumentParser(description="Write ratings that are drawn from a planted RBM.")
    parser.add_argument("folder", type=Path, help="folder to write, which is not there yet")
    parser.add_argument("--users", type=int, default=NETFLIX.users)
    parser.add_argument("--items", type=int, default=NETFLIX.items)
    parser.add_argument("--ratings", type=int, default=NETFLIX.ratings, help="ratings in all")
    parser.add_argument("--levels", type=int, default=5, help="levels: 1, 2, ...")
    parser.add_argument("--hidden", type=int, default=HIDDEN, help="hidden units of the planted RBM")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--files", type=int, default=FILES, help="Parquet files in the folder")
    chosen = parser.parse_args()
    try:
        size = Size.parse(f"{chosen.users},{chosen.items},{chosen.ratings}")
    except ValueError:
        parser.error("--users, --items and --ratings must be 1 or more, and no more ratings than pairs")
    if size.ratings < size.users:
        parser.error("every user has a rating: --ratings must not be less than --users")
    if min(chosen.levels - 1, chosen.hidden, chosen.files) < 1:
        parser.error("--hidden and --files must be 1 or more, --levels 2 or more")
    write_planted(chosen.folder, Planted(size, chosen.levels, chosen.hidden, chosen.seed), chosen.files)
    return 0


if __name__ == "__main__":
    sys.exit(main())

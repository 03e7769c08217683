"""Long arrays block by block, where NumPy would make a temporary several times as large as what comes out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

BLOCK = 1 << 22
"""Numbers of a block."""


def blocks(count: int) -> Iterator[slice]:
    """Yield slices that cover so many numbers, in order."""
    for at in range(0, count, BLOCK):
        yield slice(at, min(at + BLOCK, count))


def looked_up(table: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return table[places]; NumPy makes int64 of all places at once."""
    found = np.empty((len(places), *table.shape[1:]), table.dtype)
    for block in blocks(len(places)):
        found[block] = table[places[block]]
    return found


def marked_before(marks: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return how many of `marks`, bool (n,), are true before each of some rising places in 0..n, int64."""
    before, total = np.zeros(len(places), np.int64), 0
    for block in blocks(len(marks)):
        running = np.concatenate(([0], np.cumsum(marks[block])))
        inside = slice(*np.searchsorted(places, (block.start, block.stop), side="left"))
        before[inside] = total + running[places[inside] - block.start]
        total += int(running[-1])
    before[np.searchsorted(places, len(marks), side="left") :] = total
    return before

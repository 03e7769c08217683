"""Reading the next piece while the last one is used."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Piece = TypeVar("Piece")


def ahead(pieces: Iterator[Piece]) -> Generator[Piece, None, None]:
    """Yield pieces, of which a thread makes the next one meanwhile; it raises what making one raises."""
    end = object()
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(next, pieces, end)
        while (piece := future.result()) is not end:
            future = pool.submit(next, pieces, end)
            yield piece  # type: ignore[misc]

"""The lines of a text with their numbers, none held in memory beyond a bound."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pyarrow as pa

MOST_CHARACTERS = 4 << 20
"""Of a line; more are no row of ratings, and a text without line ends must not fill the memory."""

TOO_LONG = f"longer than {MOST_CHARACTERS:,} characters"


def numbered_lines(stream: pa.NativeFile) -> Iterator[tuple[int, str]]:
    r"""Yield the number and the content of each line with its end; \n, \r and \r\n end one.

    Of a line that is too long the start is given, one character more than `MOST_CHARACTERS`. Bytes that are
    no UTF-8 come through as surrogates.
    """
    lines = io.TextIOWrapper(
        io.BufferedReader(stream), encoding="utf-8-sig", errors="surrogateescape", newline=""
    )
    number = 0
    while line := lines.readline(MOST_CHARACTERS + 1):
        number += 1
        yield number, line
        while len(line) > MOST_CHARACTERS and not line.endswith(("\n", "\r")):
            line = lines.readline(MOST_CHARACTERS + 1)
            if len(line) <= MOST_CHARACTERS:
                break

"""Which part of a piece of work is to be done."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rbmcli.errors import UsageError

MOST_SHARDS = 10_000
_SHARD = re.compile(r"(\d{1,6})/(\d{1,6})")


@dataclass(frozen=True)
class Shard:
    """One of several parts of about equal size.

    Attributes
    ----------
    number : int
        Which one, from 1.
    count : int
        How many there are.
    """

    number: int
    count: int

    @classmethod
    def of(cls, text: str) -> Shard:
        """Read a shard such as '2/8'.

        Raises
        ------
        UsageError
            If it is none.
        """
        match = _SHARD.fullmatch(text.strip())
        if match is None or not 1 <= int(match[1]) <= int(match[2]) <= MOST_SHARDS:
            raise UsageError(
                f"--shard {text!r}: expected i/n, shard i of n, with 1 <= i <= n <= {MOST_SHARDS:,}",
                hint="such as --shard 2/8",
            )
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def range_of(self, total: int) -> tuple[int, int]:
        """Return the first of so many things that is the shard's, and the end."""
        return total * (self.number - 1) // self.count, total * self.number // self.count

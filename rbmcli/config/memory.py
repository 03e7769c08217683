"""How much memory a command may take: sizes as users write them, and what there is of it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from rbmcli.errors import UsageError

_UNITS = {"": 1, "B": 1, **{f"{letter}B": 1000**power for power, letter in enumerate("KMGT", start=1)}}
_UNITS |= {f"{letter}IB": 1024**power for power, letter in enumerate("KMGT", start=1)}
_LEAST = 256_000_000
_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
_OF_THE_PROGRAM = 256_000_000
"""What the program itself takes, with the libraries that it loads."""


def parse_memory(text: str) -> int:
    """Return the bytes of a size such as 4GB, 500MB or 2GiB.

    Raises
    ------
    UsageError
        If it is none, or less than the program itself needs.
    """
    found = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*", text)
    if found is None or found[2].upper() not in _UNITS:
        raise UsageError(f"--memory {text!r}: expected a size such as 4GB, 500MB or 2GiB")
    size = int(float(found[1]) * _UNITS[found[2].upper()])
    if size < _LEAST:
        raise UsageError(f"--memory {text}: expected at least {_LEAST // 1_000_000}MB")
    return size


def default_memory() -> int:
    """Return half of the memory of this machine, or of what the group of this process may have of it."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for path in _LIMITS:
        try:
            memory = min(memory, int(path.read_text()))
        except (OSError, ValueError):
            # No such group, or no limit.
            continue
    return memory // 2


def memory_for_rows(memory: int | None) -> int:
    """Return what is left for rows of a memory that was given, or of the default."""
    total = default_memory() if memory is None else memory
    return max(total - _OF_THE_PROGRAM, total // 4)

"""Damages content as disks, networks and people do: bits flipped, parts cut, swapped, zeroed, repeated."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

_END = 3000
"""Bytes at the end of a file in which half of all damage is done: there Parquet keeps its footer."""

_LONGEST = 400


def damaged(content: bytes, count: int, seed: str) -> Iterator[tuple[str, bytes]]:
    """Yield the content with one damage after another, each with words that tell it; all differ from it."""
    chance = random.Random(seed)
    made = 0
    while made < count:
        what = WAYS[made % len(WAYS)]
        words, result = what(content, chance)
        if result != content:
            made += 1
            yield words, result


def every_byte_flipped(content: bytes, bits: tuple[int, ...] = (0, 6)) -> Iterator[tuple[str, bytes]]:
    """Yield the content with one bit flipped, for some bits of each byte."""
    for place in range(len(content)):
        for bit in bits:
            yield (
                f"bit {bit} of byte {place} flipped",
                _with(content, place, bytes([content[place] ^ 1 << bit])),
            )


def _place(content: bytes, chance: random.Random) -> int:
    first = max(0, len(content) - _END) if chance.random() < 0.5 else 0
    return chance.randrange(first, len(content))


def _with(content: bytes, place: int, part: bytes) -> bytes:
    return content[:place] + part + content[place + len(part) :]


def _flip_bit(content: bytes, chance: random.Random) -> tuple[str, bytes]:
    place, bit = _place(content, chance), chance.randrange(8)
    return f"bit {bit} of byte {place} flipped", _with(content, place, bytes([content[place] ^ 1 << bit]))


def _change_bytes(content: bytes, chance: random.Random) -> tuple[str, bytes]:
    place = _place(content, chance)
    part = chance.randbytes(chance.randrange(1, min(9, len(content) - place + 1)))
    return f"{part!r} at byte {place}", _with(content, place, part)


def _cut_end(content: bytes, chance: random.Random) -> tuple[str, bytes]:
    place = _place(content, chance)
    return f"cut after byte {place}", content[:place]


def _cut_out(content: bytes, chance: random.Random) -> tuple[str, bytes]:
    place, length = _place(content, chance), chance.randrange(1, _LONGEST)
    return f"{length} bytes cut out at {place}", content[:place] + content[place + length :]


def _swap(content: bytes, chance: random.Random) -> tuple[str, bytes]:
    length = chance.randrange(1, min(_LONGEST, len(content) // 2))
    one = chance.randrange(len(content) - 2 * length + 1)
    two = chance.randrange(one + length, len(content) - length + 1)
    first, second = content[one : one + length], content[two : two + length]
    return f"{length} bytes at {one} and {two} swapped", _with(_with(content, one, second), two, first)


def _zero(content: bytes, chance: random.Random) -> tuple[str, bytes]:
    place = _place(content, chance)
    length = min(chance.randrange(1, _LONGEST), len(content) - place)
    return f"{length} bytes zeroed at {place}", _with(content, place, bytes(length))


def _repeat(content: bytes, chance: random.Random) -> tuple[str, bytes]:
    place, length = _place(content, chance), chance.randrange(1, _LONGEST)
    part = content[place : place + length]
    return f"{len(part)} bytes at {place} twice", content[:place] + part + content[place:]


WAYS: list[Callable[[bytes, random.Random], tuple[str, bytes]]] = [
    _flip_bit,
    _cut_end,
    _swap,
    _zero,
    _change_bytes,
    _repeat,
    _cut_out,
]

"""Pieces that are made ahead: the same ones, in order, with the errors of making them."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from rbmcli.data.ahead import ahead


def test_pieces_are_those_there_are_in_their_order() -> None:
    assert list(ahead(iter(range(100)))) == list(range(100))
    assert list(ahead(iter([]))) == []


def test_a_piece_is_made_while_the_one_before_is_used() -> None:
    second = threading.Event()

    def pieces() -> Iterator[int]:
        yield 1
        second.set()
        yield 2

    found = ahead(pieces())

    assert next(found) == 1
    assert second.wait(30)
    assert list(found) == [2]


def test_what_making_a_piece_raises_comes_after_the_pieces_before_it() -> None:
    def pieces() -> Iterator[int]:
        yield 1
        raise ValueError("damaged")

    found = ahead(pieces())

    assert next(found) == 1
    with pytest.raises(ValueError, match="damaged"):
        next(found)


def test_who_wants_no_more_pieces_leaves_no_thread_behind() -> None:
    before = threading.active_count()

    found = ahead(iter(range(100)))
    next(found)
    found.close()

    assert threading.active_count() == before

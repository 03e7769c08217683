"""Numbers are told with few digits, a real minus sign, and thousands apart."""

from __future__ import annotations

import math

import pytest

from rbmcli.reporting import wording


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (wording.count(1234567), "1,234,567"),
        (wording.count(-1234), "−1,234"),
        (wording.figure(0.85079), "0.851"),
        (wording.figure(1234.5, 1), "1,234.5"),
        (wording.figure(-0.0001), "0.000"),
        (wording.figure(-0.5), "−0.500"),
        (wording.figure(None), "–"),
        (wording.figure(math.nan), "–"),
        (wording.signed(0.02), "+0.020"),
        (wording.signed(-0.02), "−0.020"),
        (wording.signed(0.0), "0.000"),
        (wording.signed(10, 0), "+10"),
        (wording.percent(0.0807), "8.1%"),
        (wording.percent(0), "0.0%"),
        (wording.percent(0.0002), "<0.1%"),
        (wording.percent(0.99998), ">99.9%"),
        (wording.percent(0.9996, 2), "99.96%"),
        (wording.percent(0.001, 0), "<1%"),
        (wording.percent(1), "100.0%"),
        (wording.interval(0.826, -0.5), "0.826 to −0.500"),
        (wording.interval(None, 1), ""),
        (wording.level(4.0), "4"),
        (wording.level(-0.5), "−0.5"),
        (wording.level(1995.25), "1995.25"),
        (wording.level(-8.5742), "−8.57"),
        (wording.plural(1, "rating"), "1 rating"),
        (wording.plural(0, "rating"), "0 ratings"),
        (wording.listed(["a"]), "a"),
        (wording.listed(["a", "b", "c"]), "a, b and c"),
        (wording.shortened("abcdef", 6), "abcdef"),
        (wording.shortened("abc defg", 5), "abc…"),
        *((wording.ordinal(number), text) for number, text in {1: "1st", 2: "2nd", 3: "3rd"}.items()),
        *((wording.ordinal(number), f"{number}th") for number in (4, 11, 12, 13, 111)),
        (wording.ordinal(1022), "1,022nd"),
    ],
)
def test_a_number_is_told_as_people_write_it(told: str, expected: str) -> None:
    assert told == expected

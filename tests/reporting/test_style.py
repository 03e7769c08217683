"""The colours of page and pictures: the same in both, and dark enough, or light enough, to be read."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from rbmcli.reporting import drawing
from rbmcli.reporting.level_pictures import DEEPEST

STYLE = files("rbmcli.reporting").joinpath("style.css").read_text(encoding="utf-8")
LIGHT, DARK, PRINT = (
    dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6});", block))
    for block in re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
)


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour, as WCAG 2 defines it."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, from 1 to 21."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def blended(colour: str, ground: str, share: float) -> str:
    parts = [
        round(share * int(colour[place : place + 2], 16) + (1 - share) * int(ground[place : place + 2], 16))
        for place in (1, 3, 5)
    ]
    return "#" + "".join(f"{part:02x}" for part in parts)


@pytest.mark.parametrize("scheme", [LIGHT, DARK, PRINT], ids=["light", "dark", "print"])
@pytest.mark.parametrize("ground", ["paper", "panel"])
@pytest.mark.parametrize("text", ["ink", "muted", "accent", "second"])
def test_text_has_the_contrast_that_wcag_asks_for(scheme: dict[str, str], ground: str, text: str) -> None:
    assert contrast(scheme[text], scheme[ground]) >= 4.5


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_numbers_can_be_read_on_the_deepest_cell_of_a_heat_map(scheme: dict[str, str]) -> None:
    assert contrast(scheme["ink"], blended(scheme["accent"], scheme["paper"], DEEPEST)) >= 4.5


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_bars_and_lines_stand_out_from_the_page(scheme: dict[str, str]) -> None:
    assert all(contrast(scheme[name], scheme["paper"]) >= 3 for name in ("accent", "fill", "second", "muted"))


def test_pictures_are_drawn_in_the_light_colours_and_what_is_printed_has_these_too() -> None:
    names = ("ink", "muted", "grid", "paper", "accent", "fill", "second")

    assert {name: getattr(drawing, name.upper()) for name in names} == {name: LIGHT[name] for name in names}
    assert {name: colour for name, colour in PRINT.items() if name != "panel"} == {
        name: colour for name, colour in LIGHT.items() if name != "panel"
    }


def test_every_colour_that_is_used_is_defined_in_both_schemes() -> None:
    used = set(re.findall(r"var\(--([a-z]+)\)", STYLE))

    assert used <= set(LIGHT)
    assert set(LIGHT) == set(DARK)

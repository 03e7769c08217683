"""Pictures are the page's own: its colours and fonts, names of their own, and equal bytes each time."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable

import matplotlib
import numpy as np
import pytest

from rbmcli.errors import UsageError
from rbmcli.models.reliability import reliability
from rbmcli.reporting.drawing import Picture, check_matplotlib
from rbmcli.reporting.level_pictures import heat_map, reliability_curve, reliability_panels
from rbmcli.reporting.pictures import Dot, bars, curve, dots, spread

EPOCHS = np.arange(1, 41)
GENERATOR = np.random.default_rng(0)
PROBABILITIES = GENERATOR.dirichlet(np.ones(3), 500).astype(np.float32)
TABLE = reliability(PROBABILITIES, GENERATOR.integers(3, size=500))
SHARES = np.array([[0.7, 0.3, 0.0], [0.2, 0.5, 0.3], [np.nan] * 3])

KINDS: dict[str, Callable[[str], Picture]] = {
    "bars": lambda name: bars(name, "How", ["1", "2", "3"], [0.2, 0.5, 0.3], "rating"),
    "spread": lambda name: spread(name, "Ratings", np.arange(1, 2000), "users"),
    "curve": lambda name: curve(name, "RMSE", EPOCHS, 1 / EPOCHS, 40),
    "dots": lambda name: dots(
        name, "RMSE", [Dot("a", 1, 0.9, 1.1, note="7", other=1.2), Dot("b", 2, None, None)], "x"
    ),
    "reliability": lambda name: reliability_curve(name, "All", TABLE.pooled()),
    "panels": lambda name: reliability_panels(name, "Each", TABLE, ["1", "2", "3"]),
    "heat map": lambda name: heat_map(name, "Percent", SHARES, np.array([10, 1200, 0]), ["1", "2", "3"]),
}
ALL = pytest.mark.parametrize("kind", KINDS)


@ALL
def test_a_picture_in_the_page_has_its_colours_and_fonts_and_a_text_in_place_of_it(kind: str) -> None:
    told = KINDS[kind]("one").inline()

    assert "var(--" in told
    assert not re.search(r"(fill|stroke):\s*#|font-family|font:|<style|<metadata|Date|<\?xml", told)
    assert re.match(r'<svg viewBox="0 0 360 [\d.]+" role="img" aria-label="[^"]{20,}', told)
    assert re.search(r"<text[^>]*>[^<]+</text>", told)


@ALL
def test_two_pictures_of_one_page_share_no_name(kind: str) -> None:
    def ids(name: str) -> set[str]:
        return set(re.findall(r' id="([^"]+)"', KINDS[kind](name).inline()))

    assert not ids("one") & ids("two")


@ALL
def test_what_a_picture_refers_to_is_in_it(kind: str) -> None:
    told = KINDS[kind]("one").inline()

    assert set(re.findall(r'(?:href="|url\()#([^")]+)', told)) <= set(re.findall(r' id="([^"]+)"', told))


@ALL
@pytest.mark.parametrize("file_format", ["png", "svg"])
def test_the_file_of_a_picture_has_equal_bytes_each_time(kind: str, file_format: str) -> None:
    files = [KINDS[kind]("one").file(file_format) for _ in range(2)]

    assert files[0] == files[1]
    assert files[0].startswith(b"\x89PNG" if file_format == "png" else b"<?xml")
    assert b"matplotlib.org" not in files[0] or file_format == "svg"


def test_settings_of_the_user_change_nothing_and_are_not_changed() -> None:
    before = KINDS["curve"]("one").inline()

    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.fonttype": "path"}):
        after = KINDS["curve"]("one").inline()
        assert matplotlib.rcParams["font.size"] == 30

    assert after == before


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a $x^2$ & b", "ж日本語🙂", "\x00\x1b"])
def test_a_name_of_the_users_is_drawn_as_it_is(name: str) -> None:
    told = dots("one", "RMSE", [Dot(name[:20], 1, 0.9, 1.1)], "x").inline()

    assert "<script" not in told
    if "&" in name:
        assert "a $x^2$ &amp; b" in told


@pytest.mark.parametrize("values", [[0.9], [0.9, 0.9, 0.9], [0.9, np.nan, 0.8]])
def test_curves_of_few_or_equal_values_are_drawn(values: list[float]) -> None:
    told = curve("one", "RMSE", np.arange(1, len(values) + 1), np.array(values), 1)

    assert "epoch 1: 0.9000" in told.inline()


@pytest.mark.parametrize("ratings", [[1], [5, 5, 5], [0, 1, 2], [1, 10**6]])
def test_any_numbers_of_ratings_make_a_picture(ratings: list[int]) -> None:
    assert "median" in spread("one", "Ratings", np.array(ratings), "users").inline()


def test_without_matplotlib_the_error_names_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    with pytest.raises(UsageError) as raised:
        check_matplotlib()

    assert raised.value.hint == "pip install 'rbmcli[report]'"

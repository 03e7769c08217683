"""Reports in a browser, of the demo and of a blend: on a wide screen and a phone, light and dark, on paper.

Chromium opens the file; where it is not installed this is skipped, but fails with CI=true.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from rbmcli.cli.main import main
from tests.browser import Browser, browser, chromium
from tests.conftest import ROOT
from tests.demo import Demo

SCREENS = [(width, scheme) for width in (1280, 390) for scheme in ("light", "dark")]
EACH = pytest.mark.parametrize(("width", "scheme"), SCREENS)

OVERFLOWING = """
(() => {
    const scrolls = node => node !== null
        && (/auto|scroll/.test(getComputedStyle(node).overflowX) || scrolls(node.parentElement));
    const hasText = node => [...node.childNodes].some(child => child.nodeType === 3 && child.data.trim());
    return [...document.querySelectorAll('body *')]
        .filter(node => hasText(node) && !node.ownerSVGElement && node.scrollWidth > node.clientWidth
            && getComputedStyle(node).display !== 'inline' && !scrolls(node))
        .map(node => node.tagName + ': ' + node.textContent.slice(0, 60));
})()
"""
OUTSIDE = """
[...document.querySelectorAll('body *')]
    .filter(node => !node.closest('.scroll') && node.getBoundingClientRect().right > innerWidth + 0.5)
    .map(node => node.tagName + ': ' + node.textContent.slice(0, 60))
"""
TEXT_OUTSIDE_ITS_PICTURE = """
[...document.querySelectorAll('svg')].flatMap(picture => {
    const box = picture.getBoundingClientRect();
    return [...picture.querySelectorAll('text')].filter(text => {
        const place = text.getBoundingClientRect();
        return place.left < box.left - 1 || place.right > box.right + 1
            || place.top < box.top - 1 || place.bottom > box.bottom + 1;
    }).map(text => picture.getAttribute('aria-label').slice(0, 30) + ': ' + text.textContent);
})
"""
SMALLEST_TEXT = """
Math.min(...[...document.querySelectorAll('svg text')].map(text => {
    const picture = text.ownerSVGElement;
    const scale = picture.getBoundingClientRect().width / picture.viewBox.baseVal.width;
    return parseFloat(getComputedStyle(text).fontSize) * scale;
}))
"""

OF_A_BLEND = (
    "prepare {sample}/ratings.csv -o prepared",
    "train prepared/train.parquet --model blend --member bias --member neighbours:base=bias "
    "--member mf:latent-factors=8,sweeps=30,burn-in=10,samples=4 "
    "--member rbm:by=item,objective=discriminative,hidden=20,epochs=10 -o model.parquet",
    "predict model.parquet --history prepared/train.parquet --pairs prepared/test.parquet --probabilities "
    "-o predictions.parquet",
    "report --model model.parquet --predictions predictions.parquet --history prepared/train.parquet "
    "--items {sample}/items.csv -o report.html",
)
"""What `make demo` does, with a blend that is trained in seconds."""


@pytest.fixture(scope="module", params=["demo", "blend"])
def page(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report that `make demo` writes, or that of a blend of models of the same ratings."""
    chromium()
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "demo":
        demo = Demo(folder)
        demo.run()
        return demo.folder / "demo" / "report.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for command in OF_A_BLEND:
            assert main([*command.format(sample=ROOT / "sample_data").split(), "-q"]) == 0
    return folder / "report.html"


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser."""
    with browser(tmp_path_factory.mktemp("profile")) as running:
        yield running


@EACH
def test_it_opens_without_a_complaint_and_asks_for_nothing_else(
    opened: Browser, page: Path, width: int, scheme: str
) -> None:
    opened.open(page, width=width, scheme=scheme)

    assert opened.complaints() == []
    assert opened.requested() == [page.as_uri()]
    assert opened.value("document.querySelectorAll('section').length") == 9


@EACH
def test_nothing_is_wider_than_the_screen_or_than_its_place(
    opened: Browser, page: Path, width: int, scheme: str
) -> None:
    opened.open(page, width=width, scheme=scheme)
    opened.value("document.querySelectorAll('details').forEach(part => part.open = true)")

    assert opened.value("[document.scrollingElement.scrollWidth, innerWidth]") == [width, width]
    assert opened.value(OVERFLOWING) == []
    assert opened.value(OUTSIDE) == []
    assert opened.value(TEXT_OUTSIDE_ITS_PICTURE) == []


@pytest.mark.parametrize("width", [1280, 390, 320])
def test_text_in_pictures_is_large_enough_to_be_read(opened: Browser, page: Path, width: int) -> None:
    opened.open(page, width=width, scheme="light")

    assert opened.value(SMALLEST_TEXT) >= 7.5 * min(1, width / 390)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_colours_are_those_of_the_scheme(opened: Browser, page: Path, scheme: str) -> None:
    opened.open(page, width=1280, scheme=scheme)

    def brightness(expression: str) -> float:
        colour = opened.value(f"getComputedStyle({expression}")
        return sum(int(part) for part in re.findall(r"\d+", colour)[:3]) / 765

    ground = brightness("document.body).backgroundColor")
    texts = [
        brightness("document.body).color"),
        brightness("document.querySelector('figcaption')).color"),
        brightness("document.querySelector('svg text')).fill"),
    ]
    assert (ground > 0.9) if scheme == "light" else (ground < 0.15)
    assert all(abs(text - ground) > 0.4 for text in texts)


def test_it_prints_on_paper_light_and_with_what_is_folded_on_screen(opened: Browser, page: Path) -> None:
    opened.open(page, width=1280, scheme="dark")
    opened.ask("Emulation.setEmulatedMedia", media="print")

    assert opened.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert opened.value("getComputedStyle(document.querySelector('nav')).display") == "none"
    folded = "document.querySelector('details table').getBoundingClientRect().height"
    assert opened.value(folded) > 50
    sizes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", opened.printed())
    assert len(sizes) > 4
    # A4, in points.
    assert all(abs(float(width) - 595) < 2 and abs(float(height) - 842) < 2 for width, height in sizes)

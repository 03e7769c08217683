"""Whatever text gets into a page, it stays text."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from rbmcli.reporting.markup import Markup, element, joined


class Reader(HTMLParser):
    """Reads back what a browser would see of an element: its tags, an attribute and its text."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.title: str | None = None
        self.text = ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.title = dict(attrs).get("title")

    def handle_data(self, data: str) -> None:
        self.text += data


TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"))


@given(TEXT)
def test_any_text_is_read_back_as_that_text_in_an_element_and_in_an_attribute(text: str) -> None:
    read = Reader(element("b", text, title=text))

    assert (read.tags, read.text, read.title) == (["b"], text, text)


def test_markup_is_left_as_it_is_and_text_beside_it_is_not() -> None:
    assert joined(Markup("<i>"), "<i>", None) == "<i>&lt;i&gt;"
    assert isinstance(joined("a"), Markup)


def test_names_of_attributes_are_those_of_html() -> None:
    assert element("a", class_="x", aria_label="y", hidden=True, href=None, open=False) == (
        '<a class="x" aria-label="y" hidden></a>'
    )


def test_an_element_that_can_have_no_content_has_no_end() -> None:
    assert element("br") == "<br>"


def test_what_no_page_may_hold_is_replaced() -> None:
    assert (
        joined("a\x00b\x1b\udcffc\nd")
        == "a\N{REPLACEMENT CHARACTER}b" + "\N{REPLACEMENT CHARACTER}" * 2 + "c\nd"
    )
    joined("a\x00\ud800").encode()

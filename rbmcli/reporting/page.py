"""The page: sections in one HTML file that needs nothing else, neither network nor scripts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.resources import files

from rbmcli.reporting.markup import Markup, element, joined
from rbmcli.reporting.parts import Section, heading, items, paragraph

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""What a browser is told to allow: should anything slip through, it does not run and asks for nothing."""


def page(title: str, head: Section, sections: Sequence[Section], left_out: Sequence[str]) -> str:
    """Return the HTML of a report.

    Parameters
    ----------
    title : str
        Its title, as text.
    head : Section
        What stands before all others, without a heading of its own.
    sections : sequence of Section
        The sections, in order.
    left_out : sequence of str
        A line for each thing that is not shown, and what would add it.
    """
    links = [element("a", section.title, href=f"#{section.name}") for section in sections]
    body = element(
        "main",
        element("header", heading(1, title), head.content),
        element("nav", items("ul", links), aria_label="Sections"),
        *(_section(section) for section in sections),
        _left_out(left_out),
    )
    document = element("html", _head(title), element("body", body), lang="en")
    return f"<!DOCTYPE html>\n{document}\n"


def _head(title: str) -> Markup:
    style = files("rbmcli.reporting").joinpath("style.css").read_text(encoding="utf-8")
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        # Else a browser asks the place of the file for a picture of it.
        element("link", rel="icon", href="data:,"),
        element("style", Markup(style)),
    )


def _section(section: Section) -> Markup:
    label = f"{section.name}-heading"
    return element(
        "section",
        element("h2", section.title, id=label),
        section.content,
        id=section.name,
        aria_labelledby=label,
    )


def _left_out(lines: Sequence[str]) -> Markup | None:
    if not lines:
        return None
    told = joined(paragraph("Not shown here:"), items("ul", map(_with_options, lines)))
    return element("aside", told, class_="left-out", aria_label="What is not shown")


def _with_options(line: str) -> Markup:
    """Return a line in which options are set as what they are."""
    parts = re.split(r"(--[a-z-]+)", line)
    return joined(*(element("code", part) if part.startswith("--") else part for part in parts))

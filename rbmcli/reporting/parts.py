"""What sections are made of: paragraphs, tables, figures, lists of facts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rbmcli.reporting.drawing import Picture
from rbmcli.reporting.markup import Content, Markup, element, joined


@dataclass(frozen=True)
class Section:
    """A section of the report.

    Attributes
    ----------
    name : str
        Its anchor: lower-case letters and hyphens.
    title : str
        Its heading.
    content : Markup
        What stands below.
    pictures : list of Picture
        The pictures in it.
    """

    name: str
    title: str
    content: Markup
    pictures: list[Picture] = field(default_factory=list)


def paragraph(*content: Content, class_: str | None = None) -> Markup:
    """Return a paragraph."""
    return element("p", *content, class_=class_)


def table(
    caption: str,
    heads: Sequence[str],
    rows: Sequence[Sequence[Content]],
    *,
    texts: Sequence[int] = (0,),
    strong: Sequence[int] = (),
) -> Markup:
    """Return a table whose first column names the rows; it scrolls by itself where it is too wide.

    Parameters
    ----------
    caption : str
        What the table holds.
    heads : sequence of str
        Heads of the columns.
    rows : sequence of sequences
        Cells of each row; a column without any cell that is filled is left out.
    texts : sequence of int
        Columns of text; all others are numbers, and stand to the right.
    strong : sequence of int
        Rows to emphasise.
    """
    kept = [place for place in range(len(heads)) if not rows or any(row[place] for row in rows)]
    heads, rows = [heads[place] for place in kept], [[row[place] for place in kept] for row in rows]
    kinds = [None if place in texts else "number" for place in range(len(heads))]
    head = [element("th", name, scope="col", class_=kind) for name, kind in zip(heads, kinds, strict=True)]
    body = []
    for number, (first, *others) in enumerate(rows):
        cells = [element("th", first, scope="row", class_=kinds[0])]
        cells += [element("td", cell, class_=kind) for cell, kind in zip(others, kinds[1:], strict=True)]
        body.append(element("tr", *cells, class_="strong" if number in strong else None))
    whole = element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *head)),
        element("tbody", *body),
    )
    # A region that can be reached by the keyboard, because it may have to be scrolled.
    return element("div", whole, class_="scroll", tabindex=0, role="region", aria_label=caption)


def figure(picture: Picture, *caption: Content) -> Markup:
    """Return a picture with its caption."""
    return element("figure", picture.inline(), element("figcaption", *caption))


def side_by_side(*parts: Content, class_: str = "") -> Markup:
    """Return parts that stand beside each other where there is room."""
    return element("div", *parts, class_=f"beside {class_}".rstrip())


def facts(pairs: Iterable[tuple[str, Content]]) -> Markup:
    """Return a list of names with what is known of each, in large type."""
    return _definitions(pairs, "facts")


def compact(pairs: Iterable[tuple[str, Content]]) -> Markup:
    """Return a list of names with what is known of each, in small type and columns."""
    return _definitions(pairs, "compact")


def _definitions(pairs: Iterable[tuple[str, Content]], class_: str) -> Markup:
    entries = [element("div", element("dt", name), element("dd", value)) for name, value in pairs]
    return element("dl", *entries, class_=class_)


def details(summary: str, *content: Content) -> Markup:
    """Return something that is shown when it is asked for."""
    return element("details", element("summary", summary), *content)


def items(tag: str, entries: Iterable[Content], class_: str | None = None) -> Markup:
    """Return a list, ordered (`ol`) or not (`ul`)."""
    return element(tag, *(element("li", entry) for entry in entries), class_=class_)


def heading(depth: int, *content: Content) -> Markup:
    """Return a heading."""
    return element(f"h{depth}", *content)


def named(id_: object, title: str | None) -> Markup:
    """Return an item: its title, or where none is known its id."""
    return joined(f"item {id_}") if title is None else joined(title)

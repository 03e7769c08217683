"""HTML, built of elements: whatever is not markup already is escaped, wherever it comes from."""

from __future__ import annotations

import html
import re

VOID = frozenset({"br", "link", "meta"})
_NOT_TEXT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Content = str | Markup | None
"""What may stand in an element: markup as it is, plain text escaped, None left out."""


def joined(*content: Content) -> Markup:
    """Return the HTML of some content, one after the other."""
    return Markup("".join(_escaped(part) for part in content if part is not None))


def element(tag: str, *content: Content, **attributes: str | int | bool | None) -> Markup:
    """Return an element.

    Parameters
    ----------
    tag : str
        Name of the element.
    *content : str, Markup or None
        What stands in it.
    **attributes : str, int, bool or None
        Its attributes; `_` stands for `-`, and one at the end of a name is dropped. True is an attribute
        without a value, False and None are no attribute.
    """
    told = "".join(_attribute(name, value) for name, value in attributes.items())
    if tag in VOID:
        return Markup(f"<{tag}{told}>")
    return Markup(f"<{tag}{told}>{joined(*content)}</{tag}>")


def _escaped(part: str) -> str:
    return part if isinstance(part, Markup) else html.escape(storable(part), quote=False)


def _attribute(name: str, value: str | int | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = name.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{html.escape(storable(str(value)))}"'


def storable(text: str) -> str:
    """Return text with what no HTML or SVG may hold replaced: control characters, halves of characters."""
    return _NOT_TEXT.sub("\N{REPLACEMENT CHARACTER}", text)

"""Pictures by matplotlib: as SVG within the page, in its colours and fonts, and as files of their own.

A picture is drawn 360 units wide, which is about the width of a phone, with text of 9 to 12 units: so it can
be read there, and stands beside others where there is more room. Its colours are names of the page's style,
of which there is one for light and one for dark surroundings.
"""

from __future__ import annotations

import io
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from rbmcli.errors import UsageError
from rbmcli.reporting.markup import Markup, element

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 360
"""Units, which are pixels of a phone."""

INK, MUTED, GRID, PAPER = "#1c2126", "#59636e", "#dde2e8", "#ffffff"
ACCENT, FILL, SECOND = "#0a5ca8", "#3a7cbd", "#a8480a"
"""The colours of style.css in light surroundings, by the names that they have there."""

_VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    GRID: "var(--grid)",
    ACCENT: "var(--accent)",
    FILL: "var(--fill)",
    SECOND: "var(--second)",
    PAPER: "var(--paper)",
}
_DOTS_PER_INCH = 72
_FILE_DOTS_PER_INCH = 216
_SETTINGS: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": MUTED,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 11,
    "axes.linewidth": 0.8,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlepad": 9,
    "axes.titlesize": 12.5,
    "axes.titleweight": "bold",
    "axes.unicode_minus": True,
    "figure.constrained_layout.h_pad": 0.02,
    "figure.constrained_layout.w_pad": 0.02,
    "figure.dpi": _DOTS_PER_INCH,
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "savefig.dpi": _FILE_DOTS_PER_INCH,
    "svg.fonttype": "none",
    "svg.hashsalt": "rbmcli",
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": MUTED,
    "xtick.labelsize": 10.5,
    "xtick.major.size": 3,
    "xtick.minor.size": 0,
    "ytick.color": MUTED,
    "ytick.labelsize": 10.5,
    "ytick.major.size": 0,
    "ytick.minor.size": 0,
}


def check_matplotlib() -> None:
    """Raise `UsageError`, naming the command that installs it, if matplotlib is not installed."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise UsageError(
            "report needs the package matplotlib, which is not installed",
            hint="pip install 'rbmcli[report]'",
        ) from None
    # It tells of the fonts that it looks for, and of folders that it cannot write to.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)


@dataclass(frozen=True)
class Picture:
    """A picture.

    Attributes
    ----------
    name : str
        Its name as a file, without an ending: lower-case letters, digits and hyphens.
    text : str
        What is seen, for those who do not see it.
    drawn : matplotlib.figure.Figure
        The picture.
    """

    name: str
    text: str
    drawn: Figure

    def inline(self) -> Markup:
        """Return the picture as an element of the page."""
        with _settings():
            tree = ElementTree.fromstring(self._saved("svg", transparent=True))
        return _Inlined(tree, self.name).as_image(self.text)

    def file(self, file_format: str) -> bytes:
        """Return the picture as a file, on white ground.

        Parameters
        ----------
        file_format : {"png", "svg"}
            Format of the file.
        """
        # Letters are outlines there: who opens the file may not have the font.
        with _settings({"svg.fonttype": "path"}):
            return self._saved(file_format, facecolor=PAPER)

    def _saved(self, file_format: str, **how: Any) -> bytes:
        file = io.BytesIO()
        without_traces = {"Date": None} if file_format == "svg" else {"Software": None}
        self.drawn.savefig(file, format=file_format, metadata=without_traces, **how)
        return file.getvalue()


@contextmanager
def _settings(further: dict[str, Any] | None = None) -> Iterator[None]:
    """Have matplotlib draw as this project does, whatever the user's own settings are."""
    import matplotlib

    chosen: Any = {**_SETTINGS, **(further or {})}
    with matplotlib.rc_context(), warnings.catch_warnings():
        # A name may have letters that the font lacks; in a browser there are other fonts.
        warnings.filterwarnings("ignore", "Glyph", UserWarning)
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(chosen)
        yield


@contextmanager
def canvas(height: int, rows: int = 1, columns: int = 1, **how: Any) -> Iterator[tuple[Figure, list[Axes]]]:
    """Yield a figure of the common width with axes to draw in, while the settings of this project hold.

    Parameters
    ----------
    height : int
        Its height, in units.
    rows, columns : int
        How many axes there are.
    **how
        Further arguments of matplotlib's `Figure.subplots`.
    """
    from matplotlib.figure import Figure

    with _settings():
        size = (WIDTH / _DOTS_PER_INCH, height / _DOTS_PER_INCH)
        drawn = Figure(figsize=size, dpi=_DOTS_PER_INCH, layout="constrained")
        axes = drawn.subplots(rows, columns, squeeze=False, **how)
        yield drawn, list(axes.flat)


class _Inlined:
    """A tree of SVG as elements of HTML: names of its own, colours of the page, coordinates of few digits."""

    _COORDINATES = frozenset(("d", "x", "y", "width", "height", "transform", "points", "viewBox"))
    _REFERENCE = re.compile(r"(url\()?#([\w-]+)(\))?")

    def __init__(self, tree: ElementTree.Element, name: str) -> None:
        self._tree, self._name = tree, name
        values = [value for part in tree.iter() for value in part.attrib.values()]
        self._used = {match[2] for value in values for match in self._REFERENCE.finditer(value)}

    def as_image(self, text: str) -> Markup:
        """Return the whole, with a text in place of it for those who do not see it."""
        inner = [self._element(part) for part in self._tree]
        box = self._coordinates(self._tree.attrib["viewBox"])
        return element("svg", *inner, viewBox=box, role="img", aria_label=text)

    def _element(self, part: ElementTree.Element) -> Markup | None:
        tag = part.tag.rpartition("}")[2]
        # A rule of its own would hold for the whole page, which has it as well.
        if tag in {"metadata", "style"}:
            return None
        attributes = {}
        for key, value in part.attrib.items():
            name = key.rpartition("}")[2]
            if (name == "id" and value not in self._used) or value.startswith("rotate(-0 "):
                continue
            attributes[name] = self._attribute(name, value)
        inner = [self._element(child) for child in part]
        if tag == "g" and not attributes:
            return Markup("".join(child for child in inner if child))
        return element(tag, (part.text or "").strip() or None, *inner, **attributes)

    def _attribute(self, name: str, value: str) -> str:
        if name == "id":
            return f"{self._name}-{value}"
        if name == "style":
            return self._style(value)
        if name in self._COORDINATES:
            value = self._coordinates(value)
        return self._REFERENCE.sub(
            lambda match: f"{match[1] or ''}#{self._name}-{match[2]}{match[3] or ''}", value
        )

    @staticmethod
    def _style(value: str) -> str:
        for colour, variable in _VARIABLES.items():
            value = value.replace(colour, variable)
        # The fonts are those of the page; versions of matplotlib name theirs in one property or in several.
        value = re.sub(r"font-family: [^;]*;?", "", value)
        value = re.sub(
            r"font: (?:(bold|\d+) )?([\d.]+px) [^;]*",
            lambda match: f"font-size: {match[2]}" + (f"; font-weight: {match[1]}" if match[1] else ""),
            value,
        )
        return re.sub(r"\s*([:;])\s*", r"\1", value)

    @staticmethod
    def _coordinates(value: str) -> str:
        rounded = re.sub(r"\d+\.\d+", lambda match: f"{float(match[0]):.2f}".rstrip("0").rstrip("."), value)
        return re.sub(r"\s+", " ", rounded).strip()

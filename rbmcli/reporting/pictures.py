"""The kinds of pictures that sections show: bars, spreads, curves, dots with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rbmcli.reporting import wording
from rbmcli.reporting.drawing import ACCENT, FILL, INK, MUTED, SECOND, Picture, canvas
from rbmcli.reporting.markup import storable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BINS = 20
_MOST_BARS_TOLD = 11
_MOST_CHARACTERS = 40
_MOST_TICKS = 7


@dataclass(frozen=True)
class Dot:
    """A figure with its interval.

    Attributes
    ----------
    name : str
        What it is the figure of.
    value : float
        The figure.
    low, high : float or None
        Ends of its interval; None where there is none.
    is_model : bool
        Whether it is one of the models', and no baseline's.
    note : str
        What stands below the name, such as a number of ratings.
    other : float or None
        What the figure is to be seen beside.
    """

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    is_model: bool = True
    note: str = ""
    other: float | None = None


def bars(name: str, title: str, labels: Sequence[str], shares: Sequence[float], axis: str) -> Picture:
    """Return bars of shares, each with its percentage, one for each of some labels."""
    place = np.arange(len(labels))
    with canvas(205) as (drawn, (axes,)):
        axes.bar(place, shares, width=0.72, color=FILL)
        axes.set_title(title)
        axes.set_xlabel(axis)
        axes.yaxis.set_visible(False)
        axes.grid(visible=False)
        axes.margins(x=0.02, y=0.14)
        every = -(-len(labels) * max(map(len, labels)) // _MOST_CHARACTERS)
        shown = range(0, len(labels), every)
        axes.set_xticks(list(shown), [labels[number] for number in shown])
        axes.tick_params(axis="x", length=0)
        if len(labels) <= _MOST_BARS_TOLD:
            for at, share in zip(place, shares, strict=True):
                told = wording.percent(share, 0)
                axes.annotate(
                    told,
                    (at, share),
                    (0, 3),
                    textcoords="offset points",
                    ha="center",
                    fontsize=10.5,
                    color=INK,
                )
    told = ", ".join(
        f"{label}: {wording.percent(share)}" for label, share in zip(labels, shares, strict=True)
    )
    return Picture(name, f"Bars. {title}: {told}.", drawn)


def spread(name: str, title: str, ratings: np.ndarray, what: str) -> Picture:
    """Return how many users, or items, have how many ratings, on a logarithmic axis, with the median.

    Parameters
    ----------
    name, title : str
        Of the picture.
    ratings : ndarray of int64
        Ratings of each.
    what : str
        What has the ratings: "users" or "items".
    """
    ratings = np.maximum(ratings, 1)
    edges, median = _edges(int(ratings.min()), int(ratings.max())), float(np.median(ratings))
    counts, _ = np.histogram(ratings, edges)
    with canvas(205) as (drawn, (axes,)):
        axes.stairs(counts, edges, fill=True, color=FILL, linewidth=0)
        axes.set_title(title)
        axes.set_xscale("log")
        _plain_powers(axes, edges[0], edges[-1])
        axes.set_xlabel("ratings (logarithmic)")
        axes.set_ylabel(what)
        axes.grid(visible=False, axis="x")
        axes.locator_params(axis="y", nbins=4, integer=True)
        axes.yaxis.set_major_formatter(lambda value, _: wording.count(value))
        axes.axvline(median, color=SECOND, linewidth=1.5)
        late = median > np.sqrt(edges[0] * edges[-1])
        axes.annotate(
            f"median {median:,.0f}",
            (median, 1),
            (-4 if late else 4, -2),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="right" if late else "left",
            va="top",
            fontsize=10.5,
            color=SECOND,
        )
        axes.margins(y=0.2)
    text = (
        f"Histogram. {title}: from {int(ratings.min()):,} to {int(ratings.max()):,}, "
        f"half of the {what} have {median:,.0f} or more."
    )
    return Picture(name, text, drawn)


def _edges(least: int, most: int) -> np.ndarray:
    """Return edges of bins that are about as wide on a logarithmic axis, each with a whole number in it."""
    edges = np.unique(np.ceil(np.geomspace(least, most + 1, _BINS + 1) - 1e-9))
    # Between whole numbers, so that each is clearly in one of them.
    return np.append(edges, edges[-1] + 1)[: max(len(edges), 2)] - 0.5


def _plain_powers(axes: Axes, low: float, high: float) -> None:
    """Label a logarithmic axis by 1, 2, 5, 10 ..., as many as there is room for."""
    chosen: list[int] = []
    for factors in (range(1, 10), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,)):
        chosen = [
            factor * 10**power
            for power in range(10)
            for factor in factors
            if low <= factor * 10**power <= high
        ]
        if len(chosen) <= _MOST_TICKS:
            break
    axes.set_xticks(chosen, [f"{tick:,}" for tick in chosen])
    axes.set_xticks([], minor=True)
    axes.set_xlim(low, high)


def curve(
    name: str,
    title: str,
    epochs: np.ndarray,
    values: np.ndarray,
    best: int | None,
    step: str = "epoch",
    digits: int = 4,
) -> Picture:
    """Return a figure by epoch, with that of the best epoch marked.

    Parameters
    ----------
    name, title : str
        Of the picture.
    epochs, values : ndarray, shape (E,)
        The epochs and the figure of each; NaN where there is none.
    best : int or None
        The best epoch.
    step : str
        What an epoch is called.
    digits : int
        Digits that the figure is told with.
    """
    known = np.isfinite(values)
    epochs, values = epochs[known], values[known]
    with canvas(205) as (drawn, (axes,)):
        axes.plot(epochs, values, color=ACCENT, linewidth=1.8, marker="o" if len(epochs) < 3 else "")
        axes.set_title(title)
        axes.set_xlabel(step)
        axes.locator_params(axis="x", nbins=6, integer=True)
        axes.locator_params(axis="y", nbins=6)
        axes.margins(x=0.03)
        axes.set_xlim(left=0)
        axes.set_ylim(*_range(values))
        marked = np.flatnonzero(epochs == best)
        if len(marked):
            at, value = float(epochs[marked[0]]), float(values[marked[0]])
            late = at > epochs.max() / 2
            axes.plot([at], [value], "o", color=SECOND, markersize=6)
            axes.annotate(
                f"{step} {best:,}: {wording.figure(value, digits)}",
                (at, value),
                (4 if late else 0, -8),
                textcoords="offset points",
                ha="right" if late else "left",
                va="top",
                fontsize=10.5,
                color=SECOND,
            )
    text = f"Curve. {title} by {step}, from {wording.figure(values[0], digits)} in {step} {epochs[0]:,} "
    text += f"to {wording.figure(values[-1], digits)} in {step} {epochs[-1]:,}."
    return Picture(name, text, drawn)


def _range(values: np.ndarray) -> tuple[float, float]:
    """Return what is shown of a curve: room below it for a word, no first epochs that flatten all others."""
    low, high = float(values.min()), float(values.max())
    later = float(np.quantile(values, 0.97))
    if len(values) >= 20 and high - low > 2.5 * (later - low) > 0:
        high = later + 0.15 * (later - low)
    height = high - low or max(abs(high), 1.0) * 0.01
    return low - 0.22 * height, high + 0.08 * height


def dots(name: str, title: str, entries: Sequence[Dot], axis: str, digits: int = 3) -> Picture:
    """Return figures as dots with their intervals, one a line, each named and told beside it."""
    height = 70 + 37 * len(entries)
    line = np.arange(len(entries))[::-1]
    with canvas(height) as (drawn, (axes,)):
        for at, entry in zip(line, entries, strict=True):
            colour = ACCENT if entry.is_model else MUTED
            if entry.low is not None and entry.high is not None:
                axes.plot(
                    [entry.low, entry.high], [at, at], color=colour, linewidth=2.2, solid_capstyle="butt"
                )
            if entry.other is not None:
                axes.plot(
                    [entry.other],
                    [at],
                    "o",
                    markerfacecolor="none",
                    markeredgecolor=MUTED,
                    markersize=5.5,
                    zorder=3,
                )
            axes.plot([entry.value], [at], "o", color=colour, markersize=6.5)
            axes.annotate(
                wording.figure(entry.value, digits),
                (entry.value, at),
                (0, 6),
                textcoords="offset points",
                ha="center",
                fontsize=10.5,
                fontweight="bold" if entry.is_model else "normal",
                color=INK if entry.is_model else MUTED,
            )
        axes.set_title(title, loc="left", x=0)
        axes.set_xlabel(axis)
        axes.set_yticks(line, [_label(entry) for entry in entries], color=INK)
        axes.set_ylim(-0.6, len(entries) - 0.25)
        axes.margins(x=0.08)
        axes.grid(visible=False, axis="y")
        axes.locator_params(axis="x", nbins=7)
    told = "; ".join(_told(entry, digits) for entry in entries)
    return Picture(name, f"Dots with intervals. {title}: {told}.", drawn)


def _label(entry: Dot) -> str:
    name = wording.shortened(storable(entry.name), 22)
    return f"{name}\n{entry.note}" if entry.note else name


def _told(entry: Dot, digits: int) -> str:
    ends = wording.interval(entry.low, entry.high, digits)
    return f"{entry.name} {wording.figure(entry.value, digits)}" + (f" ({ends})" if ends else "")

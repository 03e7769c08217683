"""The pictures of level probabilities: whether they come true, and which levels are taken for which."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rbmcli.models.reliability import Reliability
from rbmcli.reporting import wording
from rbmcli.reporting.drawing import ACCENT, INK, MUTED, PAPER, WIDTH, Picture, canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_PANELS = 12
"""Levels that are shown each by itself, at most."""

MOST_CELLS = 40
"""Levels of a heat map, at most."""

FEWEST = 20
"""Cases that a bin must have to be drawn: the shares of fewer are mostly chance."""

_MOST_NUMBERED = 11
DEEPEST = 0.5
"""How much of its colour the darkest cell has, so that numbers can be read on it."""

_DEVIATIONS = 1.96


def reliability_curve(name: str, title: str, table: Reliability) -> Picture:
    """Return the shares that came true by the probability that was said, of a table with one row."""
    with canvas(330) as (drawn, (axes,)):
        _panel(axes, table, 0)
        axes.set_title(title)
        axes.set_xlabel("probability that was said, %")
        axes.set_ylabel("share that came true, %")
    told = "; ".join(
        f"said {wording.percent(table.mean_probability[0, place], 0)}, "
        f"came true {wording.percent(table.share[0, place], 0)}"
        for place in _filled(table.count[0])
    )
    return Picture(name, f"Curve. {title}: {told}.", drawn)


def reliability_panels(name: str, title: str, table: Reliability, levels: list[str]) -> Picture:
    """Return the same for each level by itself, in small panels."""
    columns = min(len(levels), 3 if len(levels) <= 6 else 4)
    rows = -(-len(levels) // columns)
    height = 64 + rows * (WIDTH // columns + 8)
    with canvas(height, rows, columns, sharex=True, sharey=True) as (drawn, axes):
        for place, (panel, level) in enumerate(zip(axes, levels, strict=False)):
            _panel(panel, table, place, small=True)
            panel.set_title(level, fontsize=10.5, pad=3)
        for above, panel in zip(axes[len(levels) - columns :], axes[len(levels) :], strict=False):
            above.tick_params(labelbottom=True)
            panel.set_axis_off()
        drawn.set_layout_engine("constrained", w_pad=0.06, h_pad=0.05, rect=(0, 0, 1, 0.99))
        drawn.suptitle(title, x=0.01, ha="left", fontsize=12.5, fontweight="bold", color=INK)
        drawn.supxlabel("probability that was said, %", fontsize=11, color=MUTED)
        drawn.supylabel("came true, %", fontsize=11, color=MUTED)
    told = "; ".join(
        f"level {level}: said {wording.percent(said, 0)}, came true {wording.percent(came, 0)}"
        for level, said, came in zip(
            levels,
            table.probability_sum.sum(axis=1) / table.count.sum(axis=1),
            table.hits.sum(axis=1) / table.count.sum(axis=1),
            strict=True,
        )
    )
    return Picture(name, f"Small curves, one a level. {title}; on average {told}.", drawn)


def _panel(axes: Axes, table: Reliability, row: int, *, small: bool = False) -> None:
    """Draw the bins of one row, each with the 95% range of a share of as many pairs."""
    filled = _filled(table.count[row])
    said, came = table.mean_probability[row, filled], table.share[row, filled]
    half = _DEVIATIONS * np.sqrt(said * (1 - said) / table.count[row, filled])
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    axes.vlines(
        said,
        np.clip(came - half, 0, 1),
        np.clip(came + half, 0, 1),
        color=ACCENT,
        linewidth=1.2 if small else 1.8,
        alpha=0.45,
    )
    axes.plot(said, came, "-", color=ACCENT, linewidth=1 if small else 1.5)
    axes.plot(said, came, "o", color=ACCENT, markersize=2.6 if small else 5, markeredgecolor=PAPER)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_box_aspect(1)
    ticks = (0.2, 0.5, 0.8) if small else (0, 0.2, 0.4, 0.6, 0.8, 1)
    labels = [f"{100 * tick:.0f}" for tick in ticks]
    axes.set_xticks(ticks, labels, fontsize=9 if small else 10.5)
    axes.set_yticks(ticks, labels, fontsize=9 if small else 10.5)


def _filled(count: np.ndarray) -> np.ndarray:
    """Return the bins that have enough cases to be drawn; where none has, all that have any."""
    enough = np.flatnonzero(count >= FEWEST)
    return enough if len(enough) else np.flatnonzero(count)


def heat_map(name: str, title: str, shares: np.ndarray, counts: np.ndarray, levels: list[str]) -> Picture:
    """Return which levels are taken for which.

    Parameters
    ----------
    name, title : str
        Of the picture.
    shares : ndarray of float64, shape (K, K)
        Of the ratings on each level (row), the shares that each level (column) was held most probable for;
        NaN where there are none.
    counts : ndarray of int64, shape (K,)
        Ratings on each level.
    levels : list of str
        The levels.
    """
    from matplotlib.patches import Rectangle

    size = len(levels)
    numbered = size <= _MOST_NUMBERED
    known = np.nan_to_num(shares)
    with canvas(330) as (drawn, (axes,)):
        for row in range(size):
            for column in range(size):
                depth = DEEPEST * known[row, column] / max(known.max(), 1e-9)
                if depth > 0:
                    axes.add_patch(
                        Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=ACCENT, alpha=depth, linewidth=0)
                    )
                if numbered and counts[row]:
                    share = known[row, column]
                    told = wording.percent(share, 0).rstrip("%") if share >= 0.005 else "·"
                    _number(axes, column, row, told, bold=row == column, small=size > 7)
            if numbered:
                _number(axes, size + 0.1, row, wording.count(counts[row]), muted=True, small=size > 7)
        if numbered:
            axes.annotate(
                "ratings",
                (size + 0.1, -0.5),
                (0, 9),
                textcoords="offset points",
                ha="center",
                fontsize=10,
                color=MUTED,
            )
        axes.set_title(title)
        axes.set_xlim(-0.5, size + (0.7 if numbered else -0.5))
        axes.set_ylim(size - 0.5, -0.5)
        ticks = range(0, size, -(-size // _MOST_NUMBERED))
        axes.set_xticks(list(ticks), [levels[tick] for tick in ticks])
        axes.set_yticks(list(ticks), [levels[tick] for tick in ticks])
        axes.tick_params(length=0)
        axes.spines["bottom"].set_visible(False)
        axes.grid(visible=False)
        axes.set_xlabel("most probable level", x=0.5 * size / (size + (1.2 if numbered else 0)))
        axes.set_ylabel("true level")
    told = "; ".join(
        f"{levels[row]} is held to be {levels[int(known[row].argmax())]} most often, in "
        f"{wording.percent(known[row].max(), 0)}"
        for row in range(size)
        if counts[row]
    )
    return Picture(name, f"Heat map. {title}: {told}.", drawn)


def _number(
    axes: Axes,
    x: float,
    y: float,
    text: str,
    *,
    bold: bool = False,
    muted: bool = False,
    small: bool = False,
) -> None:
    axes.text(
        x,
        y,
        text,
        ha="center",
        va="center_baseline",
        fontsize=9 if small else 11,
        fontweight="bold" if bold else "normal",
        color=MUTED if muted else INK,
    )

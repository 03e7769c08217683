"""Small plots of characters, for a terminal: the curve of a training, and how far probabilities come true."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from rbmcli.cli.console import print_line
from rbmcli.models.portrait import Course

HEIGHT = 8
MOST_WIDTH, LEAST_WIDTH = 60, 20


@dataclass(frozen=True)
class Marks:
    """The characters of plots.

    Attributes
    ----------
    point, best : str
        A value, and the one that is singled out.
    line, corner, floor, mean : str
        The axis at the left, its end, the axis below, and where a point would be in the best case.
    """

    point: str = "•"
    best: str = "◆"
    line: str = "│"
    corner: str = "└"
    floor: str = "─"
    mean: str = "│"


_PLAIN = Marks("*", "#", "|", "+", "-", "|")


def marks_for(stream: TextIO) -> Marks:
    """Return characters that a stream can write."""
    marks = Marks()
    try:
        "".join(vars(marks).values()).encode(stream.encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return _PLAIN
    return marks


def print_training_curve(
    epochs: Sequence[Mapping[str, Any]], best_epoch: int | None, stream: TextIO, course: Course | None = None
) -> None:
    """Print the figures of epochs, if a stream is a terminal and there are several to plot."""
    if stream.isatty() and len(epochs) > 1:
        step = "epoch" if course is None else course.step
        best = best_epoch if course is None or course.is_chosen else None
        _print("", stream)
        for line in training_curve(epochs, best, _width(), marks_for(stream), step):
            _print(line, stream)


def print_reliability(bins: Sequence[Mapping[str, float]], predictor: str) -> None:
    """Print how far probabilities come true, if standard output is a terminal."""
    if sys.stdout.isatty():
        print_line()
        for line in reliability_plot(bins, predictor, _width(), marks_for(sys.stdout)):
            print_line(line)


def training_curve(
    epochs: Sequence[Mapping[str, Any]],
    best_epoch: int | None,
    width: int,
    marks: Marks,
    step: str = "epoch",
) -> list[str]:
    """Return the validation RMSE by epoch, or without validation the loss, as lines of text.

    Epochs before the first that was measured are left out.

    Parameters
    ----------
    epochs : sequence of mappings
        `epoch`, `loss` and `valid_rmse` of each, at least one.
    best_epoch : int or None
        The epoch that is singled out.
    width : int
        Columns for the points, at least 2.
    marks : Marks
        The characters.
    step : str
        What an epoch is called.
    """
    with_figures = [entry for entry in epochs if entry["valid_rmse"] is not None]
    measured = len(with_figures) > 1 or len(with_figures) == len(epochs)
    epochs = with_figures if measured else epochs
    values = [float(entry["valid_rmse"] if measured else entry["loss"]) for entry in epochs]
    low, high = min(values), max(values)
    columns = min(width, max(len(values), LEAST_WIDTH))
    rows = [[" "] * columns for _ in range(HEIGHT)]
    best_place = None
    for place, (entry, value) in enumerate(zip(epochs, values, strict=True)):
        across = round(place * (columns - 1) / max(len(values) - 1, 1))
        down = round((high - value) / (high - low) * (HEIGHT - 1)) if high > low else HEIGHT - 1
        if entry["epoch"] == best_epoch:
            best_place = (down, across)
        rows[down][across] = marks.point
    if best_place is not None:
        rows[best_place[0]][best_place[1]] = marks.best
    title = f"validation RMSE by {step}" if measured else f"loss by {step}"
    if best_epoch is not None:
        title += f"; {marks.best} is the best"
    labels = {0: f"{high:.4f}", HEIGHT - 1: f"{low:.4f}"}
    edge = max(len(label) for label in labels.values())
    lines = [title]
    for place, row in enumerate(rows):
        lines.append(f"{labels.get(place, ''):>{edge}} {marks.line}{''.join(row)}".rstrip())
    first, last = str(epochs[0]["epoch"]), str(epochs[-1]["epoch"])
    lines.append(f"{'':>{edge}} {marks.corner}{marks.floor * columns}")
    lines.append(f"{'':>{edge}}  {first}{last:>{columns - len(first)}}")
    return lines


def reliability_plot(
    bins: Sequence[Mapping[str, float]], predictor: str, width: int, marks: Marks
) -> list[str]:
    """Return how often what was said with a probability came true, bin by bin, as lines of text.

    Parameters
    ----------
    bins : sequence of mappings
        `from`, `to`, `n`, `probability` and `share` of each bin that is not empty.
    predictor : str
        Whose probabilities they are.
    width : int
        Columns from 0 to 1, at least 2.
    marks : Marks
        The characters.
    """
    columns = min(width, MOST_WIDTH - 10)
    counts = [f"{int(entry['n']):,}" for entry in bins]
    edge = max(len("pairs"), *(len(count) for count in counts))
    head = f"{'probability':<11}  {'pairs':>{edge}}  {'said':>6}  {'true':>6}  0{'1':>{columns - 1}}"
    what = f"how often each probability of {predictor} came true: {marks.point}; as said: {marks.mean}"
    lines = [what, head]
    for entry, count in zip(bins, counts, strict=True):
        track = [" "] * columns
        track[_across(entry["probability"], columns)] = marks.mean
        track[_across(entry["share"], columns)] = marks.point
        span = f"{entry['from']:.2f}-{entry['to']:.2f}"
        said, came = f"{entry['probability']:.4f}", f"{entry['share']:.4f}"
        lines.append(f"{span:<11}  {count:>{edge}}  {said}  {came}  {''.join(track)}".rstrip())
    return lines


def _across(share: float, columns: int) -> int:
    return round(min(max(share, 0.0), 1.0) * (columns - 1))


def _width() -> int:
    return max(LEAST_WIDTH, min(MOST_WIDTH, shutil.get_terminal_size().columns - 16))


def _print(line: str, stream: TextIO) -> None:
    if stream is sys.stdout:
        print_line(line)
    else:
        print(line, file=stream)

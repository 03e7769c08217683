"""Cuts pairs into segments, to see where predictions are good and where they are not.

`source` goes by where a prediction comes from, `level` by the true rating, `activity` by how many ratings the
user has in the history, `popularity` by how many the item has there, `time` by when the rating was made, and
any other name is that of a column of the predictions or of the truth.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rbmcli.data.levels import MAX_DISTINCT, UNKNOWN
from rbmcli.errors import DataError, UsageError
from rbmcli.pipeline.measuring import Predicted
from rbmcli.pipeline.past import Past
from rbmcli.pipeline.scored import ScoredPairs

SOURCE, LEVEL, ACTIVITY, POPULARITY, TIME = "source", "level", "activity", "popularity", "time"
EVERY = "all"
KINDS = (SOURCE, LEVEL, ACTIVITY, POPULARITY, TIME)
SOURCE_ORDER = ("model", "folded_in", "visible_prior", "row_prior", "global_prior")

_COUNT_STEPS = (1, 3)
_MOST_PERIODS = 12
_QUANTILES = 5
_OTHER, _NULL = "other", "null"


@dataclass(frozen=True)
class Segment:
    """Some of the pairs.

    Attributes
    ----------
    name : str
        What they have in common, such as 'level=4'.
    chosen : ndarray of bool, shape (n,)
        Which they are.
    """

    name: str
    chosen: np.ndarray


def parse_segments(text: str) -> tuple[str, ...]:
    """Return the names in a list that commas separate.

    Raises
    ------
    UsageError
        If there is an empty one, or one twice.
    """
    names = tuple(name.strip() for name in text.split(","))
    if not all(names) or len(set(names)) < len(names):
        raise UsageError(
            f"--segments {text!r}: expected different names separated by commas",
            hint=f"such as --segments {LEVEL},{ACTIVITY}; 'all' is every one of {', '.join(KINDS)}",
        )
    return names


def columns_of(names: Sequence[str]) -> list[str]:
    """Return the names that are those of columns."""
    return [name for name in names if name not in (*KINDS, EVERY)]


def segments_of(
    names: Sequence[str], scored: ScoredPairs, predicted: Predicted, past: Past | None
) -> list[Segment]:
    """Cut pairs into segments, of each kind in turn; empty ones are left out.

    Parameters
    ----------
    names : sequence of str
        Kinds, and names of columns; 'all' is every kind that there is what it needs for.
    scored : ScoredPairs
        The pairs.
    predicted : Predicted
        Their levels.
    past : Past or None
        What the history knows of them.

    Raises
    ------
    UsageError
        If a kind is asked for by name that needs what was not given.
    DataError
        If there is no such column.
    """
    found = []
    wanted = [kind for name in names for kind in (KINDS if name == EVERY else (name,))]
    for name in dict.fromkeys(wanted):
        values = _labels(name, scored, predicted, past)
        if values is not None:
            found += [Segment(f"{name}={label}", chosen) for label, chosen in values]
        elif name in names:
            raise UsageError(f"--segments {name}: {_needs(name)}")
    return found


_Labelled = list[tuple[str, np.ndarray]]


def _labels(name: str, scored: ScoredPairs, predicted: Predicted, past: Past | None) -> _Labelled | None:
    """Return the labels of one kind, in their order, each with its pairs; None where something is missing."""
    if name == SOURCE:
        return None if scored.source is None else _by_source(scored.source)
    if name == LEVEL:
        return _by_level(scored.rating, predicted)
    if name == ACTIVITY:
        return None if past is None else by_count(past.activity())
    if name == POPULARITY:
        return None if past is None else by_count(past.popularity())
    if name == TIME:
        return None if scored.seconds is None else _by_time(scored.seconds)
    return _by_column(scored, name)


def _needs(name: str) -> str:
    return {
        SOURCE: "the predictions have no column 'source'",
        LEVEL: f"there are more than {MAX_DISTINCT} different ratings, and no probabilities tell the levels",
        TIME: "neither the predictions nor the truth have timestamps",
    }.get(name, "give the ratings that the model was trained on as --history")


def _by_source(source: np.ndarray) -> _Labelled:
    present = set(source)
    order = [*SOURCE_ORDER, *sorted(present - set(SOURCE_ORDER))]
    return [(name, source == name) for name in order if name in present]


def _by_level(rating: np.ndarray, predicted: Predicted) -> _Labelled | None:
    if predicted.level is not None and predicted.levels is not None:
        present = [index for index in np.unique(predicted.level) if index != UNKNOWN]
        return [(f"{predicted.levels.values[index]:g}", predicted.level == index) for index in present]
    values = np.unique(rating)
    return None if len(values) > MAX_DISTINCT else [(f"{value:g}", rating == value) for value in values]


def by_count(count: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Cut counts at 1, 3, 10, 30, 100 and so on: 0, 1-2, 3-9, 10-29 ...

    Parameters
    ----------
    count : ndarray of int, shape (n,)
        Counts, 0 or more.

    Returns
    -------
    list of tuple of str and ndarray of bool
        Label and members of each segment that has any, in rising order.
    """
    edges = [0, *(step * 10**power for power in range(12) for step in _COUNT_STEPS)]
    place = np.searchsorted(edges, count, side="right") - 1
    found = []
    for index in np.unique(place):
        low, high = edges[index], edges[index + 1] - 1
        found.append((f"{low}" if low == high else f"{low}-{high}", place == index))
    return found


def _by_time(seconds: np.ndarray) -> _Labelled:
    """Cut time into days, months, quarters or years: the shortest that make no more than twelve segments."""
    known = ~np.isnan(seconds)
    moment = np.where(known, seconds, 0).astype(np.int64).astype("datetime64[s]")
    month = moment.astype("datetime64[M]").astype(np.int64)
    day = moment.astype("datetime64[D]")
    periods: list[tuple[np.ndarray, Callable[[int], str]]] = [
        (day.astype(np.int64), lambda day: str(np.datetime64(day, "D"))),
        (month, lambda month: str(np.datetime64(month, "M"))),
        (month // 3, lambda quarter: f"{1970 + quarter // 4}-Q{quarter % 4 + 1}"),
        (month // 12, lambda year: str(1970 + year)),
    ]
    fitting = (each for each in periods if len(np.unique(each[0][known])) <= _MOST_PERIODS)
    period, told = next(fitting, periods[-1])
    found = [(told(int(value)), (period == value) & known) for value in np.unique(period[known])]
    return found if known.all() else [*found, (_NULL, ~known)]


def _by_column(scored: ScoredPairs, name: str) -> _Labelled:
    if name not in scored.columns.column_names:
        raise DataError(
            f"{scored.where}: there is no column '{name}' to cut into segments",
            hint=f"--segments takes columns of the predictions or of --truth, and {', '.join(KINDS)}",
        )
    column = scored.columns.column(name).combine_chunks()
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_nested(column.type):
        raise DataError(
            f"{scored.where}: column '{name}' is {column.type}, expected text, numbers, truth values or dates"
        )
    known = np.array(pc.is_valid(column))
    number = pa.types.is_floating(column.type) or pa.types.is_integer(column.type)
    values = pc.unique(column.drop_null())
    if number and len(values) > MAX_DISTINCT:
        numbers = np.array(pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False))
        known &= ~np.isnan(numbers)
        found = _by_quantile(numbers, known)
    else:
        found = _by_value(column, values)
    return found if known.all() else [*found, (_NULL, ~known)]


def _by_quantile(number: np.ndarray, known: np.ndarray) -> _Labelled:
    """Cut numbers into fifths of about equal counts."""
    edges = np.unique(np.quantile(number[known], np.linspace(0, 1, _QUANTILES + 1)[1:-1]))
    place = np.where(known, np.searchsorted(edges, number, side="left"), -1)
    found = []
    for index in np.unique(place[known]):
        inside = number[place == index]
        found.append((f"{inside.min():g} to {inside.max():g}", place == index))
    return found


def _by_value(column: pa.Array, values: pa.Array) -> _Labelled:
    """Take each value by itself; of many the most frequent ones, and the rest together."""
    names = pc.cast(column, pa.string())
    labels = pc.cast(values.sort() if len(values) else values, pa.string()).to_pylist()
    text = names.to_numpy(zero_copy_only=False)
    if len(labels) > MAX_DISTINCT:
        counted = {each["values"]: each["counts"] for each in pc.value_counts(names).to_pylist()}
        often = sorted(labels, key=lambda label: (-counted[label], label))[: MAX_DISTINCT - 1]
        labels = [label for label in labels if label in set(often)]
    found = [(label, text == label) for label in labels]
    rest = np.asarray(pc.is_valid(column)) & ~np.logical_or.reduce([chosen for _, chosen in found] or [False])
    return [*found, (_OTHER, rest)] if rest.any() else found

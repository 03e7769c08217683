"""Brings predictions and what really happened together, as the arrays that metrics are computed from."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rbmcli.config import InputSettings
from rbmcli.data.levels import UNKNOWN, Levels
from rbmcli.data.schemas import PREDICTIONS, RECOMMENDATIONS
from rbmcli.data.tables import PairsTable, RatingsTable
from rbmcli.errors import DataError, MismatchError
from rbmcli.pipeline.pair_join import PairJoin

SUM_TOLERANCE = 1e-3
"""How far the probabilities of a pair may be from summing to 1: they are float32."""


@dataclass(frozen=True)
class ScoredPairs:
    """Pairs that were both predicted and rated.

    Attributes
    ----------
    pairs : pyarrow.Table
        Columns user and item, int64 or string; n rows.
    prediction, rating : ndarray of float64, shape (n,)
        Finite; n at least 1.
    source : ndarray of object, shape (n,), or None
        Where each prediction came from, if the predictions tell.
    probabilities : ndarray of float32, shape (n, K), or None
        Probability of each level, if the predictions tell.
    has_probabilities : bool
        Whether there is a column of them, even if nothing tells what levels they are of.
    levels : Levels or None
        The K levels.
    columns : pyarrow.Table
        Further columns that were wanted, of the predictions or else of the truth; n rows.
    seconds : ndarray of float64, shape (n,), or None
        When each rating was made, NaN where that is not known; None where nothing tells or it is not wanted.
    row : ndarray of int64, shape (n,)
        Row of each pair in the predictions, from 1.
    unmatched : int
        Predictions left out because the truth does not hold their pair.
    where : str
        Name of the predictions, for messages.
    """

    pairs: pa.Table
    prediction: np.ndarray
    rating: np.ndarray
    source: np.ndarray | None
    probabilities: np.ndarray | None
    has_probabilities: bool
    levels: Levels | None
    columns: pa.Table
    seconds: np.ndarray | None
    row: np.ndarray
    unmatched: int
    where: str

    def __len__(self) -> int:
        return len(self.rating)

    def take(self, place: np.ndarray) -> ScoredPairs:
        """Return the pairs at some places, in their order; what is left out counts as unmatched."""
        rows = pa.array(place)
        return replace(
            self,
            pairs=self.pairs.take(rows),
            prediction=self.prediction[place],
            rating=self.rating[place],
            source=None if self.source is None else self.source[place],
            probabilities=None if self.probabilities is None else self.probabilities[place],
            columns=self.columns.take(rows),
            seconds=None if self.seconds is None else self.seconds[place],
            row=self.row[place],
            unmatched=self.unmatched + len(self) - len(place),
        )


def scored_alike(scored: Sequence[ScoredPairs]) -> list[ScoredPairs]:
    """Return several predictions on the pairs that all of them have, in the order of the first.

    Raises
    ------
    MismatchError
        If there is no such pair, or a pair is rated differently here and there.
    """
    first = scored[0]
    places = [
        PairJoin.of(first.pairs, first.where, each.pairs, each.where).known_row() for each in scored[1:]
    ]
    common = np.flatnonzero(np.logical_and.reduce([np.ones(len(first), bool), *(at >= 0 for at in places)]))
    if len(common) == 0:
        raise MismatchError(
            f"{first.where}: none of its {len(first):,} pairs is in each of "
            f"{', '.join(each.where for each in scored[1:])}",
            hint="compare predictions of the same pairs",
        )
    alike = [first.take(common) if len(common) < len(first) else first]
    for each, place in zip(scored[1:], places, strict=True):
        taken = each.take(place[common])
        differs = np.flatnonzero(taken.rating != alike[0].rating)
        if len(differs):
            at = int(differs[0])
            raise MismatchError(
                f"{first.where} and {each.where}: rated {alike[0].rating[at]:g} in row {alike[0].row[at]} of "
                f"the one and {taken.rating[at]:g} in row {taken.row[at]} of the other "
                f"({len(differs):,} pairs differ)",
                hint="give the ratings to compare with as --truth",
            )
        alike.append(taken)
    return alike


def join_with_truth(
    predictions: PairsTable,
    truth: RatingsTable | None,
    columns: Collection[str] = (),
    *,
    seconds: bool = False,
) -> ScoredPairs:
    """Join predictions with ratings.

    Parameters
    ----------
    predictions : PairsTable
        Columns user, item and prediction; rating, unless there is a truth; source and probabilities if known.
    truth : RatingsTable or None
        What really happened; None takes the rating column of the predictions.
    columns : collection of str
        Further columns that are wanted, where there are any of the name.
    seconds : bool
        Whether it is wanted when ratings were made: as the truth tells it, or else the predictions.

    Raises
    ------
    DataError
        If a column is missing, or holds a value that cannot be evaluated.
    MismatchError
        If the predictions are a file of another contract, or none of their pairs is in the truth.
    """
    table, where = predictions.table, predictions.where
    _check_format(predictions.metadata, where)
    if len(table) == 0:
        raise DataError(f"{where}: there are no predictions")
    prediction = finite_column(table, "prediction", where)
    row = np.arange(1, len(table) + 1)
    unmatched = 0
    further = {name: table[name] for name in table.column_names if name in columns}
    moment = predictions.timestamp if seconds else None
    if truth is not None:
        place = PairJoin.of(table, where, truth.table, truth.where).known_row()
        kept = np.flatnonzero(place >= 0)
        if len(kept) == 0:
            raise MismatchError(
                f"{where}: none of the {len(table):,} predicted pairs is in {truth.where}",
                hint="give the ratings that the predictions are about as --truth",
            )
        unmatched = len(table) - len(kept)
        told = truth.table.take(pa.array(place[kept]))
        rating = finite_column(truth.table, "rating", truth.where)[place[kept]]
        further = {name: column.take(pa.array(kept)) for name, column in further.items()}
        further |= {name: told[name] for name in told.column_names if name in columns and name not in further}
        moment = None if moment is None else moment.take(pa.array(kept))
        if seconds and "timestamp" in told.column_names:
            moment = told["timestamp"]
        table, prediction, row = table.take(pa.array(kept)), prediction[kept], row[kept]
    elif "rating" in table.column_names:
        rating = finite_column(table, "rating", where)
    else:
        raise DataError(
            f"{where}: there is no column 'rating' to compare the predictions with",
            hint="give a file of ratings as --truth",
        )
    levels = Levels.from_metadata(predictions.metadata)
    return ScoredPairs(
        pairs=table.select(["user", "item"]),
        prediction=prediction,
        rating=rating,
        source=_sources(table, where),
        probabilities=_probabilities(table, levels, where),
        has_probabilities="probabilities" in table.column_names,
        levels=levels,
        columns=pa.table(further),
        seconds=None if moment is None else np.asarray(pc.cast(moment, pa.float64(), safe=False)),
        row=row,
        unmatched=unmatched,
        where=where,
    )


def _check_format(metadata: dict[str, Any], where: str) -> None:
    found = metadata.get("format", PREDICTIONS.format)
    if found != PREDICTIONS.format:
        is_lists = found == RECOMMENDATIONS.format
        raise MismatchError(
            f"{where}: expected a file of format '{PREDICTIONS.format}', found '{found}'",
            hint="in Python, rbmcli.evaluate_ranking measures lists" if is_lists else "",
        )


def finite_column(table: pa.Table, name: str, where: str) -> np.ndarray:
    """Return a column of numbers as float64.

    Raises
    ------
    DataError
        If the column is missing, is not numeric, or holds a null, NaN or infinity.
    """
    if name not in table.column_names:
        raise DataError(
            f"{where}: column '{name}' is missing", hint=f"columns found: {', '.join(table.column_names)}"
        )
    try:
        values = np.asarray(pc.cast(table[name], pa.float64()), dtype=np.float64)
    except pa.ArrowException:
        raise DataError(
            f"{where}: column '{name}' is {table.schema.field(name).type}, expected numbers"
        ) from None
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        value = table[name][int(bad[0])].as_py()
        shown = "null" if value is None else value
        raise DataError(
            f"{where}: column '{name}' is {shown} in row {bad[0] + 1}, expected a finite number in every row "
            f"({len(bad):,} have none)"
        )
    return values


def _sources(table: pa.Table, where: str) -> np.ndarray | None:
    if "source" not in table.column_names:
        return None
    column = table["source"].cast(pa.string())
    if column.null_count:
        raise DataError(
            f"{where}: column 'source' holds {column.null_count:,} nulls, expected text in every row"
        )
    return column.to_numpy(zero_copy_only=False)


def _probabilities(table: pa.Table, levels: Levels | None, where: str) -> np.ndarray | None:
    """Return probabilities of shape (n, K); None where they, or the levels they are of, are not known."""
    if "probabilities" not in table.column_names or levels is None:
        return None
    column = table["probabilities"].combine_chunks()
    try:
        fixed = column.cast(pa.list_(pa.float32(), len(levels)))
    except pa.ArrowException:
        raise MismatchError(
            f"{where}: column 'probabilities' is {column.type}, expected lists of {len(levels)} numbers, "
            "one for each level"
        ) from None
    flat = fixed.flatten()
    if len(flat) < len(fixed) * len(levels) or flat.null_count:
        raise DataError(f"{where}: column 'probabilities' holds nulls, expected numbers in every row")
    values = flat.to_numpy().reshape(-1, len(levels))
    # Written so that NaN fails both comparisons.
    good = (values >= 0).all(axis=1) & (np.abs(values.sum(axis=1) - 1) <= SUM_TOLERANCE)
    if not good.all():
        row = int(np.argmin(good))
        raise DataError(
            f"{where}: the probabilities of row {row + 1} are {', '.join(f'{v:g}' for v in values[row])}, "
            "expected numbers from 0 to 1 that sum to 1"
        )
    return values


def true_levels(scored: ScoredPairs, levels: Levels, settings: InputSettings) -> np.ndarray:
    """Return the level index of each rating, uint8; `UNKNOWN` only where the settings say to drop it.

    Raises
    ------
    DataError
        If a rating is on no level and the settings do not say what to do with it.
    """
    if settings.unknown_level == "nearest":
        return levels.nearest(scored.rating)
    index = levels.assign(scored.rating)
    unknown = np.flatnonzero(index == UNKNOWN)
    if len(unknown) and settings.unknown_level == "error":
        first = int(unknown[0])
        raise DataError(
            f"{scored.where}: rating {scored.rating[first]:g} of row {scored.row[first]} is on none of the "
            f"{levels.describe()}; so are {len(unknown):,} in all",
            hint="--unknown-level nearest takes the nearest level, drop leaves them out of nll and accuracy",
        )
    return index

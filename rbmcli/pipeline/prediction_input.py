"""What predicting starts from: a model, the histories of those asked for, and the pairs."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from rbmcli.config import InputSettings, PredictSettings
from rbmcli.data.ids import IdIndex
from rbmcli.data.intake import Source, check_same_run, read_pairs
from rbmcli.data.ratings import CompressedRows
from rbmcli.data.tables import PairsTable
from rbmcli.errors import DataError, MismatchError
from rbmcli.kernels.scoring import NOT_OWN
from rbmcli.models.day_bias import days_of
from rbmcli.models.histories import Histories
from rbmcli.models.rating_model import RatingModel
from rbmcli.pipeline.asking import (
    HistoryInput,
    Model,
    open_model,
    read_also_rated,
    read_history,
    with_model_ids,
)
from rbmcli.progress import Progress


@dataclass(frozen=True)
class PredictionInput:
    """What predicting starts from.

    Attributes
    ----------
    model : RatingModel
        The model.
    ratings : HistoryInput
        The ratings of the users asked for.
    asked : PairsTable
        The pairs.
    histories : Histories
        The ratings, by user asked for.
    user : ndarray of int32, shape (pairs,)
        Position of each pair's user among the histories.
    item : ndarray of int32, shape (pairs,)
        Position of each pair's item in the model, -1 if it does not know it.
    own : ndarray of uint8, shape (pairs,)
        Level of the rating that a pair has in the history and is to be predicted without, or `NOT_OWN`.
    day : ndarray of int64, shape (pairs,), or None
        Day of each pair, where it counts.
    unrated : CompressedRows or None
        What is known to have been rated besides, the rating unknown.
    """

    model: RatingModel
    ratings: HistoryInput
    asked: PairsTable
    histories: Histories
    user: np.ndarray
    item: np.ndarray
    own: np.ndarray
    day: np.ndarray | None
    unrated: CompressedRows | None

    @property
    def n_own(self) -> int:
        """Pairs that stand in the history and are predicted without themselves."""
        return int(np.count_nonzero(self.own != NOT_OWN))

    def day_of(self, block: np.ndarray) -> np.ndarray | None:
        """Return the days of some pairs."""
        return None if self.day is None else self.day[block]


def read_prediction_input(
    model: Model,
    history: Source,
    pairs: Source | None,
    also_rated: Source | None,
    settings: PredictSettings,
    input_settings: InputSettings,
    progress: Progress,
) -> PredictionInput:
    """Read and check what `predict` is given; raises as that does."""
    model = open_model(model)
    ratings = read_history(model, history, input_settings, progress)
    if pairs is None:
        asked = _all_items(model, ratings)
    else:
        asked = _asked(model, pairs, ratings, input_settings, progress)
    _check_columns(asked, settings)
    users = IdIndex.of(asked.table.column("user"))
    histories = ratings.of(model, users)
    user = users.lookup(asked.table.column("user"))
    item = model.item_ids.lookup(asked.table.column("item"))
    _check_matched(item, histories, model, settings, asked.where)
    given = PredictionInput(
        model=model,
        ratings=ratings,
        asked=asked,
        histories=histories,
        user=user,
        item=item,
        own=_own_levels(histories, user, asked.table.column("item"), settings),
        day=None if asked.timestamp is None else days_of(asked.timestamp),
        unrated=read_also_rated(model, also_rated, users, ratings, input_settings, progress),
    )
    if given.n_own:
        progress.info(f"{given.n_own:,} pairs stand in the history: each is predicted from the rest of it")
    return given


def _asked(
    model: RatingModel, pairs: Source, ratings: HistoryInput, settings: InputSettings, progress: Progress
) -> PairsTable:
    dated = ratings.day is not None
    read = read_pairs(pairs, settings, progress, timestamps=dated)
    if dated and read.timestamp is None:
        progress.warn(
            f"{read.where}: its pairs have no timestamps, and the model was trained with the bias of a day: "
            "predictions are worse than they could be"
        )
    check_same_run((ratings.source.metadata, ratings.source.where), (read.metadata, read.where))
    return dataclasses.replace(read, table=with_model_ids(read.table, model, read.where))


def _all_items(model: RatingModel, ratings: HistoryInput) -> PairsTable:
    """Return every item of the model for every user of the history."""
    users, items = IdIndex.of(ratings.table.column("user")).values, model.item_ids.values
    user = np.repeat(np.arange(len(users), dtype=np.int32), len(items))
    item = np.tile(np.arange(len(items), dtype=np.int32), len(users))
    table = pa.table({"user": users.take(pa.array(user)), "item": items.take(pa.array(item))})
    return PairsTable(table, {}, ratings.source.where)


def _check_columns(asked: PairsTable, settings: PredictSettings) -> None:
    """Raise `DataError` where an output column has the name of a column of the pairs."""
    for name in settings.columns():
        if name in asked.table.column_names:
            raise DataError(
                f"{asked.where}: its column '{name}' has the name of an output column",
                hint="rename it, or give the output columns a --suffix",
            )


def _own_levels(
    histories: Histories, user: np.ndarray, item: pa.ChunkedArray, settings: PredictSettings
) -> np.ndarray:
    if settings.keep_own:
        return np.full(len(user), NOT_OWN, np.uint8)
    return histories.own_level(user, histories.items.lookup(item))


def _check_matched(
    item: np.ndarray, histories: Histories, model: RatingModel, settings: PredictSettings, where: str
) -> None:
    """Raise `MismatchError` where neither the pairs nor the histories have anything the model knows."""
    known = bool((item >= 0).any()) or bool((histories.model_item >= 0).any())
    if model.rows == "item":
        known = known or bool((histories.model_user >= 0).any())
    if len(item) and not known and not settings.allow_unknown:
        raise MismatchError(
            f"{where}: not one of its users and items is known to the model",
            hint="check that the ids are those of the training ratings, or use --allow-unknown",
        )

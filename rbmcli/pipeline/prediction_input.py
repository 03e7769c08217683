"""What predicting starts from: a model, the histories of those asked for, and the pairs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from rbmcli.config import InputSettings, PredictSettings
from rbmcli.data.ids import IdIndex
from rbmcli.data.intake import Source, check_same_run
from rbmcli.errors import DataError, MismatchError
from rbmcli.models.rating_model import RatingModel
from rbmcli.pipeline.answers import Question
from rbmcli.pipeline.asked_pairs import AskedPairs, every_item, open_asked
from rbmcli.pipeline.asking import Model, also_rated_by, read_also_rated
from rbmcli.pipeline.history_by_user import HistoryByUser
from rbmcli.pipeline.history_survey import open_history
from rbmcli.pipeline.model_handle import ModelHandle
from rbmcli.progress import Progress


@dataclass(frozen=True)
class PredictionInput:
    """What predicting starts from.

    Attributes
    ----------
    question : Question
        What is asked of every pair.
    asked : AskedPairs
        The pairs.
    """

    question: Question
    asked: AskedPairs


@contextmanager
def open_prediction_input(
    model: Model,
    history: Source,
    pairs: Source | None,
    also_rated: Source | None,
    settings: PredictSettings,
    input_settings: InputSettings,
    progress: Progress,
) -> Iterator[PredictionInput]:
    """Look through all that `predict` is given; raises as that does. While the block lasts it can be read."""
    handle = ModelHandle.of(model)
    model = handle.model
    with ExitStack() as stack:
        ratings = stack.enter_context(open_history(model, history, input_settings, progress))
        if pairs is None:
            asked = every_item(model, ratings.users, {}, ratings.where)
        else:
            opened = open_asked(model, pairs, input_settings, progress, timestamps=ratings.has_days)
            asked = stack.enter_context(opened)
            _check_asked(asked, ratings, progress)
        _check_columns(asked, settings)
        _check_matched(asked, ratings, model, settings)
        known = read_also_rated(model, also_rated, input_settings, progress)
        users = IdIndex(pa.array([], model.user_ids.type))
        if known is not None and model.takes_also_rated:
            users = _who_asks(known.table, asked)
        unrated = also_rated_by(model, known, users, ratings.tables(), progress)
        yield PredictionInput(Question(handle, ratings, unrated, settings), asked)


def _check_asked(asked: AskedPairs, ratings: HistoryByUser, progress: Progress) -> None:
    read = asked.first
    if ratings.has_days and read.timestamp is None:
        progress.warn(
            f"{read.where}: its pairs have no timestamps, and the model was trained with the bias of a day: "
            "predictions are worse than they could be"
        )
    check_same_run((ratings.metadata, ratings.where), (read.metadata, read.where))


def _who_asks(known: pa.Table, asked: AskedPairs) -> IdIndex:
    """Return those of the users of some pairs who ask for any."""
    users = IdIndex.of(known.column("user"))
    asks = np.zeros(len(users), bool)
    for pairs in asked.questions():
        place = users.lookup(pairs.column("user").unique())
        asks[place[place >= 0]] = True
    return users.take(np.flatnonzero(asks))


def _check_columns(asked: AskedPairs, settings: PredictSettings) -> None:
    """Raise `DataError` where an output column has the name of a column of the pairs."""
    for name in settings.columns():
        if name in asked.first.table.column_names:
            raise DataError(
                f"{asked.first.where}: its column '{name}' has the name of an output column",
                hint="rename it, or give the output columns a --suffix",
            )


def _check_matched(
    asked: AskedPairs, ratings: HistoryByUser, model: RatingModel, settings: PredictSettings
) -> None:
    """Raise `MismatchError` where neither the pairs nor the histories have anything the model knows."""
    known = asked.knows_item or (model.rows == "item" and asked.knows_user)
    if not asked.rows or known or settings.allow_unknown:
        return
    for pairs in asked.questions():
        users = IdIndex.of(pairs.column("user"))
        for first, end in ratings.parts(users):
            rated = ratings.pairs_of(IdIndex(users.values.slice(first, end - first)))
            if (model.item_ids.lookup(rated.column("item")) >= 0).any():
                return
    raise MismatchError(
        f"{asked.first.where}: not one of its users and items is known to the model",
        hint="check that the ids are those of the training ratings, or use --allow-unknown",
    )

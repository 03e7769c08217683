"""What predicting and recommending have in common: a model, and the histories of those who ask."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from rbmcli.config import InputSettings
from rbmcli.config.base import Settings
from rbmcli.data.catalogue import Catalogue
from rbmcli.data.fingerprints import ratings_fingerprint
from rbmcli.data.ids import IdIndex, align_ids, as_id
from rbmcli.data.intake import Source, read_pairs, read_ratings
from rbmcli.data.ratings import CompressedRows
from rbmcli.data.tables import RatingsTable
from rbmcli.data.unknown_levels import assign_levels
from rbmcli.errors import MismatchError
from rbmcli.models.day_bias import days_of
from rbmcli.models.histories import Histories
from rbmcli.models.kinds import also_rated_for
from rbmcli.models.rating_model import RatingModel
from rbmcli.models.store import fingerprint, load_model
from rbmcli.progress import Progress

Model = RatingModel | str | os.PathLike[str]
"""A model, or the path of its file."""


@dataclass(frozen=True)
class HistoryInput:
    """The ratings that come with a question, in the model's types of ids and on its levels.

    Attributes
    ----------
    table : pyarrow.Table
        Columns `user` and `item`.
    level : ndarray of uint8
        Level of each rating.
    source : RatingsTable
        The ratings as read.
    fingerprint : str
        Fingerprint of the ratings.
    day : ndarray of int64, or None
        Day of each rating, where it counts to the model and is known.
    """

    table: pa.Table
    level: np.ndarray
    source: RatingsTable
    fingerprint: str
    day: np.ndarray | None

    def of(self, model: RatingModel, users: IdIndex) -> Histories:
        """Return the histories of some users."""
        user, item = self.table.column("user"), self.table.column("item")
        return Histories.build(model, users, user, item, self.level, self.day)


def open_model(model: Model) -> RatingModel:
    """Return a model, read from its file if a path is given."""
    return load_model(model) if isinstance(model, str | os.PathLike) else model


def find_item(model: RatingModel, item: str | int) -> int:
    """Return the model's index of an item.

    Raises
    ------
    MismatchError
        If it does not know it.
    """
    ids = model.item_ids
    id_ = as_id(item, ids.type)
    place = -1 if id_ is None else int(ids.lookup(pa.array([id_]))[0])
    if place < 0:
        raise MismatchError(
            f"item '{item}' is none of the {len(ids):,} items that the model knows",
            hint=f"give an id as it stands in the training ratings, such as {_examples(ids)}",
        )
    return place


def titles_of(catalogue: Catalogue, ids: pa.Array, progress: Progress) -> list[str | None]:
    """Return the titles of items, None where there is none; a warning tells where none has one."""
    titles = catalogue.titles_of(ids)
    if len(ids) and not any(titles):
        progress.warn(
            f"{catalogue.where}: it has none of the items that are told of, whose ids are like "
            f"{_examples(IdIndex.of(ids))}"
        )
    return titles


def _examples(ids: IdIndex) -> str:
    """Return a few ids, for a hint."""
    return ", ".join(f"'{value}'" for value in ids.values[:3].to_pylist())


def with_model_ids(table: pa.Table, model: RatingModel, where: str) -> pa.Table:
    """Return a table whose user and item ids have the types of the model's.

    Raises
    ------
    MismatchError
        If they cannot.
    """
    for name, index in (("user", model.user_ids), ("item", model.item_ids)):
        place = table.schema.get_field_index(name)
        if place >= 0:
            table = table.set_column(place, name, align_ids(table.column(name), index.type, name, where))
    return table


def read_history(
    model: RatingModel, history: Source, settings: InputSettings, progress: Progress
) -> HistoryInput:
    """Read the ratings of those who ask.

    Raises
    ------
    MismatchError
        If ids or levels are not those of the model.
    """
    read = read_ratings(history, settings, progress, model.levels)
    table = with_model_ids(read.table, model, read.where)
    table, level, dropped = assign_levels(
        table, model.levels, settings.unknown_level, read.where, error=MismatchError
    )
    if dropped:
        progress.warn(f"{read.where}: {dropped:,} ratings are on no level of the model")
    day = None
    if model.takes_days and "timestamp" in table.column_names:
        day = days_of(table.column("timestamp"))
    elif model.takes_days:
        progress.warn(
            f"{read.where}: it has no timestamps, and the model was trained with the bias of a day: "
            "predictions are worse than they could be"
        )
    fingerprint = ratings_fingerprint(table, model.levels)
    return HistoryInput(table.select(["user", "item"]), level, read, fingerprint, day)


def read_also_rated(
    model: RatingModel,
    also_rated: Source | None,
    users: IdIndex,
    history: HistoryInput,
    settings: InputSettings,
    progress: Progress,
) -> CompressedRows | None:
    """Read the pairs that are known to have been rated besides those of the history, as the model needs them.

    A warning tells where the model was trained with such pairs and is asked without, or the other way round.

    Raises
    ------
    MismatchError
        If ids are not those of the model.
    """
    trained = model.record.get("n_also_rated", 0)
    if also_rated is None:
        if trained:
            progress.warn(
                f"the model was trained with {trained:,} pairs of unknown rating, and none are given: "
                "predictions are worse than they could be (--also-rated)"
            )
        return None
    read = read_pairs(also_rated, settings, progress)
    table = with_model_ids(read.table, model, read.where)
    if not model.takes_also_rated:
        progress.warn(f"{read.where}: the model does not see which pairs were rated: they change nothing")
    rows = also_rated_for(model, users, history.table, table)
    if rows is not None:
        progress.info(
            f"{read.where}: {rows.n_ratings:,} pairs count as rated, with a rating that is not known"
        )
    return rows


def question_metadata(
    command: str,
    model: RatingModel,
    history: HistoryInput,
    unrated: CompressedRows | None,
    settings: Settings,
) -> dict[str, Any]:
    """Return what a file of answers says of the question.

    Parameters
    ----------
    command : str
        Name of the command.
    model : RatingModel
        The model.
    history : HistoryInput
        The ratings that came with the question.
    unrated : CompressedRows or None
        What `read_also_rated` has returned.
    settings : Settings
        Those of the command.
    """
    return {
        "command": command,
        "settings": settings.as_dict(),
        **model.levels.as_metadata(),
        "model_fingerprint": fingerprint(model),
        "history_fingerprint": history.fingerprint,
        "n_also_rated": 0 if unrated is None else unrated.n_ratings,
    }

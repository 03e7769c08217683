"""What predicting and recommending have in common: a model, and the histories of those who ask."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from rbmcli.config import InputSettings
from rbmcli.config.base import Settings
from rbmcli.data.catalogue import Catalogue
from rbmcli.data.fingerprints import ratings_fingerprint
from rbmcli.data.ids import IdIndex, align_ids, as_id
from rbmcli.data.intake import Source, read_pairs, read_ratings
from rbmcli.data.tables import PairsTable, RatingsTable
from rbmcli.data.unknown_levels import assign_levels
from rbmcli.errors import MismatchError
from rbmcli.models.also_rated import AlsoRated
from rbmcli.models.day_bias import days_of
from rbmcli.models.histories import Histories
from rbmcli.models.kinds import also_rated_for
from rbmcli.models.rating_model import RatingModel
from rbmcli.models.store import load_model
from rbmcli.pipeline.model_handle import ModelHandle
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
    return with_types(table, {"user": model.user_ids.type, "item": model.item_ids.type}, where)


def with_types(table: pa.Table, types: dict[str, pa.DataType], where: str) -> pa.Table:
    """Return a table whose ids have some types; raises as `with_model_ids`."""
    for name, kind in types.items():
        place = table.schema.get_field_index(name)
        if place >= 0:
            table = table.set_column(place, name, align_ids(table.column(name), kind, name, where))
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
    model: RatingModel, also_rated: Source | None, settings: InputSettings, progress: Progress
) -> PairsTable | None:
    """Read the pairs that are known to have been rated besides those of the history; None without any.

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
    if not model.takes_also_rated:
        progress.warn(f"{read.where}: the model does not see which pairs were rated: they change nothing")
    return replace(read, table=with_model_ids(read.table.select(["user", "item"]), model, read.where))


def also_rated_by(
    model: RatingModel,
    read: PairsTable | None,
    users: IdIndex,
    history: Iterable[pa.Table],
    progress: Progress,
) -> AlsoRated | None:
    """Return the pairs that count as rated by the users who ask, as the model needs them.

    Parameters
    ----------
    model : RatingModel
        The model.
    read : PairsTable or None
        What `read_also_rated` has returned.
    users : IdIndex
        All users who ask, among those of the pairs.
    history : iterable of pyarrow.Table
        All ratings that are known.
    progress : Progress
        Hears how many they are.
    """
    found = None if read is None else also_rated_for(model, users, history, read.table)
    if read is not None and found is not None:
        progress.info(
            f"{read.where}: {found.pairs.n_ratings:,} pairs count as rated, with a rating that is not known"
        )
    return found


def question_metadata(
    command: str,
    handle: ModelHandle,
    history_fingerprint: str,
    unrated: AlsoRated | None,
    settings: Settings,
) -> dict[str, Any]:
    """Return what a file of answers says of the question.

    Parameters
    ----------
    command : str
        Name of the command.
    handle : ModelHandle
        The model.
    history_fingerprint : str
        Fingerprint of the ratings that came with the question.
    unrated : AlsoRated or None
        What is known to have been rated besides.
    settings : Settings
        Those of the command.
    """
    return {
        "command": command,
        "settings": settings.as_dict(),
        **handle.model.levels.as_metadata(),
        "model_fingerprint": handle.fingerprint,
        "history_fingerprint": history_fingerprint,
        "n_also_rated": 0 if unrated is None else unrated.pairs.n_ratings,
    }

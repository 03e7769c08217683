"""What recommending starts from: a model, histories, and the users to recommend to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from rbmcli.config import InputSettings, RecommendSettings
from rbmcli.data.ids import IdIndex
from rbmcli.data.intake import Source, read_users
from rbmcli.errors import MismatchError
from rbmcli.pipeline.asking import Model, also_rated_by, read_also_rated, with_model_ids
from rbmcli.pipeline.best_items import Wish
from rbmcli.pipeline.history_survey import open_history
from rbmcli.pipeline.model_handle import ModelHandle
from rbmcli.progress import Progress

USERS_AT_ONCE = 1 << 12
"""Users of a task, at most."""


@dataclass(frozen=True)
class RecommendationInput:
    """What recommending starts from.

    Attributes
    ----------
    wish : Wish
        What is asked for every user.
    users : IdIndex
        The users.
    """

    wish: Wish
    users: IdIndex

    def users_of(self, first: int, end: int) -> IdIndex:
        """Return some of the users, as they are counted."""
        return IdIndex(self.users.values.slice(first, end - first))

    def tasks(self, users: IdIndex) -> list[tuple[int, int]]:
        """Return the first and the end of each run of users that is served at once."""
        return self.wish.history.parts(users, USERS_AT_ONCE)


@contextmanager
def open_recommendation_input(
    model: Model,
    history: Source,
    users: Source | None,
    also_rated: Source | None,
    settings: RecommendSettings,
    input_settings: InputSettings,
    progress: Progress,
) -> Iterator[RecommendationInput]:
    """Look through all that `recommend` is given, which can be read while the block lasts; raises as that."""
    handle = ModelHandle.of(model)
    model = handle.model
    with open_history(model, history, input_settings, progress) as ratings:
        index = ratings.users
        if users is not None:
            read = read_users(users, input_settings, progress)
            index = IdIndex.of(with_model_ids(read.table, model, read.where).column("user"))
        if len(ratings.users) and not ratings.knows_item:
            raise MismatchError(
                f"{ratings.where}: not one of the items rated there is known to the model",
                hint="check that the ids are those of the training ratings",
            )
        silent = int(np.count_nonzero(ratings.users.lookup(index.values) < 0))
        if silent:
            progress.warn(
                f"{silent:,} of {len(index):,} users have no history: they get what suits everybody"
            )
        known = read_also_rated(model, also_rated, input_settings, progress)
        who = index if known is None else IdIndex.of(known.table.column("user"))
        who = who.take(np.flatnonzero(index.lookup(who.values) >= 0))
        unrated = also_rated_by(model, known, who, ratings.tables(), progress)
        yield RecommendationInput(Wish(handle, ratings, unrated, settings), index)

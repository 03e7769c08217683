"""A model and histories -> the best items that each user has not rated."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rbmcli.config import InputSettings, RecommendSettings
from rbmcli.data.formats import format_of
from rbmcli.data.ids import IdIndex
from rbmcli.data.intake import Source, read_users
from rbmcli.data.metadata import described
from rbmcli.data.outputs import Target, check_target, local_path, told_target
from rbmcli.data.ratings import CompressedRows
from rbmcli.data.schemas import RECOMMENDATIONS
from rbmcli.data.writing import write_table
from rbmcli.errors import MismatchError
from rbmcli.kernels.scoring import NOT_OWN
from rbmcli.models.histories import Histories
from rbmcli.models.kinds import predictor_of
from rbmcli.models.predictor import Predictor
from rbmcli.models.rating_model import RatingModel
from rbmcli.pipeline.asking import (
    HistoryInput,
    Model,
    open_model,
    question_metadata,
    read_also_rated,
    read_history,
    with_model_ids,
)
from rbmcli.progress import SILENT, Progress

if TYPE_CHECKING:
    import pandas as pd

_BLOCK = 1 << 20
"""Pairs scored at once."""


@dataclass(frozen=True)
class RecommendResult:
    """What recommending made.

    Attributes
    ----------
    table : pyarrow.Table
        `user`, `rank` (from 1), `item` and `score`, by user and rank. Its metadata is that of the file.
    n_users : int
        Users asked for.
    path : Path or None
        The file, if one was written.
    metadata : dict
        The rbmcli metadata of the file.
    """

    table: pa.Table
    n_users: int
    path: Path | None
    metadata: dict[str, Any]

    def to_pandas(self) -> pd.DataFrame:
        """Return the recommendations as a pandas frame."""
        return self.table.to_pandas()


@dataclass(frozen=True)
class RecommendationInput:
    """What recommending starts from.

    Attributes
    ----------
    model : RatingModel
        The model.
    ratings : HistoryInput
        The ratings of the users.
    histories : Histories
        The same, by user to recommend to.
    unrated : CompressedRows or None
        What is known to have been rated besides, the rating unknown.
    """

    model: RatingModel
    ratings: HistoryInput
    histories: Histories
    unrated: CompressedRows | None


def recommend(
    model: Model,
    history: Source,
    users: Source | None = None,
    output: Target | None = None,
    *,
    output_format: str = "auto",
    also_rated: Source | None = None,
    settings: RecommendSettings = RecommendSettings(),  # noqa: B008
    input_settings: InputSettings = InputSettings(),  # noqa: B008
    progress: Progress = SILENT,
) -> RecommendResult:
    """Recommend to each user the items, not yet rated, with the highest score.

    Parameters
    ----------
    model : RatingModel or path
        The model.
    history : path or table
        Ratings of the users; what a user has rated there is not recommended.
    users : path or table, optional
        Users to recommend to, one a row in a column of users; without it all of the history.
    output : path, '-' or address, optional
        Where to write the recommendations; '-' is standard output.
    output_format : {"auto", "parquet", "arrow", "csv", "jsonl"}
        Format of the output; auto goes by the ending of its name.
    also_rated : path or table, optional
        Pairs that are known to have been rated, the rating unknown.
    settings : RecommendSettings
        How many, and ranked by what.
    input_settings : InputSettings
        How history and users are read.
    progress : Progress
        Told what is done.

    Raises
    ------
    UsageError
        If the recommendations may not be written there.
    DataError
        If history or users cannot be used.
    MismatchError
        If they do not go with the model, or the model knows none of the items.
    """
    check_target(output, [model, history, users, also_rated])
    given = read_recommendation_input(model, history, users, also_rated, input_settings, progress)
    model, index = given.model, given.histories.users
    predictor = predictor_of(model, given.histories, exact=settings.exact(), also_rated=given.unrated)
    parts = _ranked(predictor, settings, progress)
    table = pa.table(
        {
            "user": index.values.take(pa.array(parts[0])),
            "rank": pa.array(parts[1], pa.int32()),
            "item": model.item_ids.values.take(pa.array(parts[2])),
            "score": pa.array(parts[3], pa.float32()),
        }
    )
    metadata = question_metadata("recommend", model, given.ratings, given.unrated, settings)
    table = described(table, RECOMMENDATIONS, metadata)
    if output is not None:
        with progress.step(f"writing {told_target(output)}"):
            write_table(table, output, RECOMMENDATIONS, metadata, format_of(output_format, output))
    place = "" if output is None else f"{told_target(output)}: "
    progress.info(f"{place}{table.num_rows:,} recommendations to {len(index):,} users")
    return RecommendResult(table, len(index), local_path(output), metadata)


def read_recommendation_input(
    model: Model,
    history: Source,
    users: Source | None,
    also_rated: Source | None,
    input_settings: InputSettings,
    progress: Progress,
) -> RecommendationInput:
    """Read and check what `recommend` is given; raises as that does."""
    model = open_model(model)
    ratings = read_history(model, history, input_settings, progress)
    asked = ratings.table.column("user")
    if users is not None:
        read = read_users(users, input_settings, progress)
        asked = with_model_ids(read.table, model, read.where).column("user")
    index = IdIndex.of(asked)
    histories = ratings.of(model, index)
    if ratings.table.num_rows and not (model.item_ids.lookup(ratings.table.column("item")) >= 0).any():
        raise MismatchError(
            f"{ratings.source.where}: not one of the items rated there is known to the model",
            hint="check that the ids are those of the training ratings",
        )
    silent = int(np.count_nonzero(histories.count.sum(axis=1) == 0))
    if silent:
        progress.warn(f"{silent:,} of {len(index):,} users have no history: they get what suits everybody")
    unrated = read_also_rated(model, also_rated, index, ratings, input_settings, progress)
    return RecommendationInput(model, ratings, histories, unrated)


def _ranked(
    predictor: Predictor, settings: RecommendSettings, progress: Progress
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return user, rank, item and score of every recommendation, by user and rank."""
    model, histories = predictor.model, predictor.histories
    items = np.flatnonzero(model.item_ratings >= settings.min_support).astype(np.int32)
    n_users = len(histories.users)
    columns: list[tuple[np.ndarray, ...]] = []
    with progress.step("recommending", n_users) as step:
        at_once = max(1, _BLOCK // max(len(items), 1))
        for first in range(0, n_users, at_once):
            block = np.arange(first, min(first + at_once, n_users), dtype=np.int32)
            scores = _scores(predictor, block, items, model.levels.values, settings)
            scores[_rated(histories, block, model, items)] = -np.inf
            columns.append(_top(scores, block, items, settings.top))
            step.advance(len(block))
    if not columns:
        return tuple(np.empty(0, kind) for kind in (np.int32, np.int32, np.int32, np.float32))  # type: ignore[return-value]
    return tuple(np.concatenate(parts) for parts in zip(*columns, strict=True))  # type: ignore[return-value]


def _scores(
    predictor: Predictor,
    block: np.ndarray,
    items: np.ndarray,
    values: np.ndarray,
    settings: RecommendSettings,
) -> np.ndarray:
    """Return the scores of all items for a block of users, float32 (users, items)."""
    user, item = np.repeat(block, len(items)), np.tile(items, len(block))
    said = predictor.answers(user, item, np.full(len(user), NOT_OWN, np.uint8))
    score = said.prediction
    if settings.rank_by == "lower-bound":
        mean = said.probability @ values
        variance = np.maximum(said.probability @ values**2 - mean**2, 0)
        score = score - settings.deviations * np.sqrt(variance)
    return score.reshape(len(block), len(items)).astype(np.float32)


def _rated(
    histories: Histories, block: np.ndarray, model: RatingModel, items: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return where, in the scores of a block, a user has rated the item."""
    start = histories.rated.start
    rated = histories.rated.column[start[block[0]] : start[block[-1] + 1]]
    user = np.repeat(np.arange(len(block)), np.diff(start)[block])
    place = np.full(len(model.item_ids) + 1, -1)
    place[items] = np.arange(len(items))
    column = place[histories.model_item[rated]]
    return user[column >= 0], column[column >= 0]


def _top(
    scores: np.ndarray, block: np.ndarray, items: np.ndarray, top: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the best finite scores of each user; of equal scores the item that comes first."""
    count = min(top, scores.shape[1])
    order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
    best = np.take_along_axis(scores, order, axis=1)
    user, rank = np.nonzero(np.isfinite(best))
    return (
        block[user],
        (rank + 1).astype(np.int32),
        items[order[user, rank]],
        best[user, rank],
    )

"""A model and histories -> the best items that each user has not rated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from rbmcli.config import InputSettings, RecommendSettings
from rbmcli.data.intake import Source
from rbmcli.data.outputs import Target, check_target, local_path, told_target
from rbmcli.data.schemas import RECOMMENDATIONS
from rbmcli.engine.interface import Engine
from rbmcli.engine.local import LOCAL
from rbmcli.pipeline.asking import Model, question_metadata
from rbmcli.pipeline.best_items import RECOMMENDED, best_items
from rbmcli.pipeline.recommendation_input import RecommendationInput, open_recommendation_input
from rbmcli.pipeline.streamed import write_streamed
from rbmcli.progress import SILENT, Progress, Step

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class RecommendResult:
    """What recommending made.

    Attributes
    ----------
    rows : int
        How many recommendations.
    n_users : int
        Users asked for.
    path : Path or None
        The file, if one was written.
    metadata : dict
        The rbmcli metadata of the file.
    read : callable
        Returns the table.
    """

    rows: int
    n_users: int
    path: Path | None
    metadata: dict[str, Any]
    read: Callable[[], pa.Table] = field(repr=False)

    @cached_property
    def table(self) -> pa.Table:
        """The recommendations: `user`, `rank` (from 1), `item` and `score`, by user and rank.

        Its metadata is that of the file, from which a large table is read when it is asked for.
        """
        return self.read()

    def to_pandas(self) -> pd.DataFrame:
        """Return the recommendations as a pandas frame."""
        return self.table.to_pandas()


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
    engine: Engine = LOCAL,
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
    engine : Engine
        Who does the work.

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
    opened = open_recommendation_input(model, history, users, also_rated, settings, input_settings, progress)
    with opened as given, progress.step("recommending", len(given.users)) as step:
        result = write_recommendations(given, recommended(given, engine, step), output, output_format)
    tell_result(result, output, progress)
    return result


def write_recommendations(
    given: RecommendationInput, tables: Iterator[pa.Table], output: Target | None, output_format: str
) -> RecommendResult:
    """Write the recommendations."""
    metadata, schema = metadata_of(given), schema_of(given)
    written = write_streamed(tables, schema, output, output_format, RECOMMENDATIONS, metadata)
    return RecommendResult(written.rows, len(given.users), local_path(output), metadata, written.read)


def tell_result(result: RecommendResult, output: Target | None, progress: Progress) -> None:
    """Tell what was written."""
    place = "" if output is None else f"{told_target(output)}: "
    progress.info(f"{place}{result.rows:,} recommendations to {result.n_users:,} users")


def metadata_of(given: RecommendationInput) -> dict[str, Any]:
    """Return what the file says of the question."""
    asks = given.wish
    return question_metadata(
        "recommend", asks.model, asks.history.fingerprint, asks.also_rated, asks.settings
    )


def schema_of(given: RecommendationInput) -> pa.Schema:
    """Return the columns of the recommendations."""
    model = given.wish.model.model
    kinds = {"user": model.user_ids.type, "item": model.item_ids.type}
    return pa.schema([(name, kinds.get(name, kind)) for name, kind in RECOMMENDED])


def recommended(
    given: RecommendationInput, engine: Engine, step: Step, first: int = 0, end: int | None = None
) -> Iterator[pa.Table]:
    """Yield the recommendations to users, a table for some of them after the other; to some as counted."""
    users = given.users_of(first, len(given.users) if end is None else end)
    tasks = given.tasks(users)
    for (start, last), table in zip(
        tasks, engine.map(partial(best_items, given.wish), _values(users, tasks)), strict=True
    ):
        yield table
        step.advance(last - start)


def _values(users: Any, tasks: list[tuple[int, int]]) -> Iterator[pa.Array]:
    return (users.values.slice(first, end - first) for first, end in tasks)

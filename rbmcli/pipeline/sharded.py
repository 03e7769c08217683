"""Predicting and recommending by shards: each run does one, and the last one writes the output."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from rbmcli.config import InputSettings, PredictSettings, RecommendSettings
from rbmcli.config.shard import Shard
from rbmcli.data.intake import Source
from rbmcli.data.metadata import digest
from rbmcli.data.outputs import Target, check_target
from rbmcli.engine.interface import Engine
from rbmcli.engine.local import LOCAL
from rbmcli.models.also_rated import AlsoRated
from rbmcli.pipeline import predict, recommend
from rbmcli.pipeline.asking import Model
from rbmcli.pipeline.gates import parse_gates
from rbmcli.pipeline.history_by_user import HistoryByUser
from rbmcli.pipeline.prediction_input import PredictionInput, open_prediction_input
from rbmcli.pipeline.recommendation_input import RecommendationInput, open_recommendation_input
from rbmcli.pipeline.shards import Shards, ShardState, check_shard_output, content_of
from rbmcli.progress import SILENT, Progress

_DECIDING = ("rbmcli", "numba", "numpy", "pyarrow")
"""Packages whose version may change a bit of what is written."""


@dataclass(frozen=True)
class ShardedPredictions:
    """What came of a shard of predictions.

    Attributes
    ----------
    state : ShardState
        How far all shards are.
    result : PredictResult or None
        The whole, where this run joined it.
    """

    state: ShardState
    result: predict.PredictResult | None


@dataclass(frozen=True)
class ShardedRecommendations:
    """What came of a shard of recommendations; attributes as of `ShardedPredictions`."""

    state: ShardState
    result: recommend.RecommendResult | None


def predict_shard(
    model: Model,
    history: Source,
    pairs: Source | None,
    output: Target,
    shard: Shard,
    *,
    output_format: str = "auto",
    also_rated: Source | None = None,
    fail_if: Sequence[str] = (),
    settings: PredictSettings = PredictSettings(),  # noqa: B008
    input_settings: InputSettings = InputSettings(),  # noqa: B008
    progress: Progress = SILENT,
    engine: Engine = LOCAL,
    lock_timeout: float = 0.0,
) -> ShardedPredictions:
    """Do a shard of `predict`, and join all if it is the last; the output is then that of `predict`.

    Parameters are those of `predict`, and the shard.

    Raises
    ------
    UsageError, DataError, MismatchError, GateError
        As `predict`; conditions are looked at when the shards are joined.
    LockedError
        If another run is at the same shard, or at one of another question.
    """
    gates = parse_gates(fail_if, predict.GATED_FIGURES)
    path = check_shard_output(output, output_format)
    check_target(output, [model, history, pairs, also_rated])
    opened = open_prediction_input(model, history, pairs, also_rated, settings, input_settings, progress)
    joined: list[predict.PredictResult] = []
    with opened as given:

        def work() -> Iterator[pa.Table]:
            """Answer the pairs of the shard."""
            first, end = shard.range_of(given.asked.rows)
            with progress.step("predicting", end - first) as step:
                yield from predict.answered(given, engine, step, first, end)

        def join(answers: Iterator[pa.Table]) -> None:
            """Write the predictions."""
            with progress.step("joining the shards"):
                joined.append(predict.write_predictions(given, answers, path, output_format, gates, progress))

        shards = Shards(path, shard, _question_of_pairs(given, input_settings), progress, lock_timeout)
        state = shards.run(predict.answers_of(given), work, join)
    for result in joined:
        predict.tell_result(result, output, progress)
    return ShardedPredictions(state, joined[0] if joined else None)


def recommend_shard(
    model: Model,
    history: Source,
    users: Source | None,
    output: Target,
    shard: Shard,
    *,
    output_format: str = "auto",
    also_rated: Source | None = None,
    settings: RecommendSettings = RecommendSettings(),  # noqa: B008
    input_settings: InputSettings = InputSettings(),  # noqa: B008
    progress: Progress = SILENT,
    engine: Engine = LOCAL,
    lock_timeout: float = 0.0,
) -> ShardedRecommendations:
    """Do a shard of `recommend`, and join all if it is the last; the output is then that of `recommend`.

    Parameters are those of `recommend`, and the shard.

    Raises
    ------
    UsageError, DataError, MismatchError
        As `recommend`.
    LockedError
        If another run is at the same shard, or at one of another question.
    """
    path = check_shard_output(output, output_format)
    check_target(output, [model, history, users, also_rated])
    opened = open_recommendation_input(model, history, users, also_rated, settings, input_settings, progress)
    joined: list[recommend.RecommendResult] = []
    with opened as given:

        def work() -> Iterator[pa.Table]:
            """Serve the users of the shard."""
            first, end = shard.range_of(len(given.users))
            with progress.step("recommending", end - first) as step:
                yield from recommend.recommended(given, engine, step, first, end)

        def join(tables: Iterator[pa.Table]) -> None:
            """Write the recommendations."""
            with progress.step("joining the shards"):
                joined.append(recommend.write_recommendations(given, tables, path, output_format))

        shards = Shards(path, shard, _question_of_users(given), progress, lock_timeout)
        state = shards.run(recommend.schema_of(given), work, join)
    for result in joined:
        recommend.tell_result(result, output, progress)
    return ShardedRecommendations(state, joined[0] if joined else None)


def _question_of_pairs(given: PredictionInput, settings: InputSettings) -> dict[str, Any]:
    """Return all that decides what is predicted."""
    asks, asked = given.question, given.asked
    tables = (piece.table for piece in asked.pieces(None))
    return {
        **predict.metadata_of(given),
        **_common(asks.history, asks.also_rated),
        "pairs": content_of(tables, asked.first.table.schema),
        "timestamp_unit": settings.timestamp_unit,
    }


def _question_of_users(given: RecommendationInput) -> dict[str, Any]:
    """Return all that decides what is recommended."""
    wish, users = given.wish, pa.table({"user": given.users.values})
    return {
        **recommend.metadata_of(given),
        **_common(wish.history, wish.also_rated),
        "users": content_of(iter([users]), users.schema),
    }


def _common(history: HistoryByUser, unrated: AlsoRated | None) -> dict[str, Any]:
    days = None
    if history.has_days:
        # The fingerprint of a history does not know of its days.
        schema = pa.schema([("timestamp", pa.int64())])
        days = content_of((table.select(["timestamp"]).cast(schema) for table in history.tables()), schema)
    known = None
    if unrated is not None:
        users = pa.array([]) if unrated.users is None else unrated.users.values
        of_whom = content_of(iter([pa.table({"user": users})]), pa.schema([("user", users.type)]))
        known = digest(of_whom.encode(), unrated.pairs.start.tobytes(), unrated.pairs.column.tobytes())
    return {
        "versions": {name: importlib.metadata.version(name) for name in _DECIDING},
        "days": days,
        "also_rated": known,
    }

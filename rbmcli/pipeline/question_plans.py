"""What predict and recommend would do: the outputs that they would write, and the memory that this takes."""

from __future__ import annotations

import pyarrow as pa

from rbmcli.config import InputSettings, PredictSettings, RecommendSettings
from rbmcli.data.formats import format_of
from rbmcli.data.intake import Source
from rbmcli.data.outputs import Target, check_target
from rbmcli.pipeline.answers import count_own
from rbmcli.pipeline.asked_pairs import PAIRS_AT_ONCE
from rbmcli.pipeline.asking import Model
from rbmcli.pipeline.history_by_user import RATINGS_AT_ONCE
from rbmcli.pipeline.plans import (
    KERNEL_BYTES,
    ROW_BYTES,
    SAMPLE_ROWS,
    Plan,
    PlannedOutput,
    peak_memory,
    size_of,
    stands,
)
from rbmcli.pipeline.prediction_input import open_prediction_input
from rbmcli.pipeline.recommendation_input import open_recommendation_input
from rbmcli.progress import Progress

_BLOCK_PAIRS = 1 << 20
"""Pairs that are scored at once, by `predict` and `recommend`."""


def plan_predict(
    model: Model,
    history: Source,
    pairs: Source | None,
    output: Target,
    *,
    output_format: str,
    also_rated: Source | None,
    settings: PredictSettings,
    input_settings: InputSettings,
    progress: Progress,
) -> Plan:
    """Return what `predict` would do, with the parameters of that; raises as it does."""
    check_target(output, [model, history, pairs, also_rated])
    opened = open_prediction_input(model, history, pairs, also_rated, settings, input_settings, progress)
    with opened as given:
        asked, ratings = given.asked, given.question.history
        rows, levels = asked.rows, len(given.question.model.model.levels)
        own = 0 if settings.keep_own else sum(count_own(ratings, each) for each in asked.questions())
        first = next((each.table for each in asked.pieces(None) if each.table.num_rows), asked.first.table)
        facts = {"pairs": rows, "users": asked.users, "in_the_history": own}
        size = size_of(first, rows, format_of(output_format, output))
        at_once, rated = min(rows, PAIRS_AT_ONCE), min(ratings.rows, RATINGS_AT_ONCE)
    per_row = ROW_BYTES + 4 * levels * (3 if settings.probabilities else 1)
    size += rows * answer_bytes(levels * settings.probabilities)
    memory = peak_memory() + KERNEL_BYTES + at_once * per_row + rated * ROW_BYTES
    return Plan(facts, [PlannedOutput(str(output), rows, size, stands(output))], memory)


def plan_recommend(
    model: Model,
    history: Source,
    users: Source | None,
    output: Target,
    *,
    output_format: str,
    also_rated: Source | None,
    settings: RecommendSettings,
    input_settings: InputSettings,
    progress: Progress,
) -> Plan:
    """Return what `recommend` would do, with the parameters of that; raises as it does."""
    check_target(output, [model, history, users, also_rated])
    opened = open_recommendation_input(model, history, users, also_rated, settings, input_settings, progress)
    with opened as given:
        asked, ratings = given.wish.model.model, given.wish.history
        n_users, n_items = len(given.users), len(asked.item_ids)
        rows = n_users * min(settings.top, n_items)
        tables = (ratings.read(span)[0].select(["user", "item"]) for span in ratings.cut(ratings.users))
        table = next(tables, pa.table({"user": [], "item": []})).slice(0, SAMPLE_ROWS)
        size = size_of(table, rows, format_of(output_format, output)) + 5 * rows
        rated = min(ratings.rows, RATINGS_AT_ONCE)
    scored = min(n_users * n_items, _BLOCK_PAIRS) * (ROW_BYTES + 4 * len(asked.levels))
    memory = peak_memory() + KERNEL_BYTES + scored + rated * ROW_BYTES
    written = [PlannedOutput(str(output), rows, size, stands(output))]
    return Plan({"users": n_users, "items": n_items}, written, memory)


def answer_bytes(levels: int) -> int:
    """Return about what a prediction takes in a file, with the probabilities of so many levels."""
    return 5 + 4 * (levels + 1) * (levels > 0)

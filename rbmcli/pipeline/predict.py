"""A model, histories and pairs -> predictions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rbmcli.config import InputSettings, PredictSettings
from rbmcli.data.intake import Source
from rbmcli.data.outputs import Target, check_target, local_path, told_target
from rbmcli.data.schemas import FROM_MODEL, PREDICTIONS
from rbmcli.engine.interface import Engine
from rbmcli.engine.local import LOCAL
from rbmcli.models.predictor import SOURCE_NAMES
from rbmcli.pipeline.answers import (
    OWN,
    PREDICTION,
    PROBABILITY,
    SOURCE,
    Answered,
    answer,
    answer_schema,
    in_row_order,
)
from rbmcli.pipeline.asking import Model, question_metadata
from rbmcli.pipeline.gates import Gate, check_gates, parse_gates
from rbmcli.pipeline.prediction_input import PredictionInput, open_prediction_input
from rbmcli.pipeline.streamed import write_streamed
from rbmcli.progress import SILENT, Progress, Step

if TYPE_CHECKING:
    import pandas as pd

GATED_FIGURES = ("coverage", "predictions", "own")


@dataclass(frozen=True)
class PredictResult:
    """What predicting made.

    Attributes
    ----------
    rows : int
        How many predictions.
    counts : dict of str to int
        Predictions by source.
    n_own : int
        Pairs predicted from a history that held them, without themselves.
    path : Path or None
        The file, if one was written.
    metadata : dict
        The rbmcli metadata of the file.
    read : callable
        Returns the table.
    """

    rows: int
    counts: dict[str, int]
    n_own: int
    path: Path | None
    metadata: dict[str, Any]
    read: Callable[[], pa.Table] = field(repr=False)

    @cached_property
    def table(self) -> pa.Table:
        """The predictions.

        The columns of the pairs in their row order, then `prediction`, `source`, and with probabilities
        `probabilities` and `entropy` (nats). Its metadata is that of the file, from which a large table is
        read when it is asked for.
        """
        return self.read()

    def to_pandas(self) -> pd.DataFrame:
        """Return the predictions as a pandas frame."""
        return self.table.to_pandas()


def predict(
    model: Model,
    history: Source,
    pairs: Source | None = None,
    output: Target | None = None,
    *,
    output_format: str = "auto",
    also_rated: Source | None = None,
    fail_if: Sequence[str] = (),
    settings: PredictSettings = PredictSettings(),  # noqa: B008
    input_settings: InputSettings = InputSettings(),  # noqa: B008
    progress: Progress = SILENT,
    engine: Engine = LOCAL,
) -> PredictResult:
    """Predict ratings.

    Parameters
    ----------
    model : RatingModel or path
        The model.
    history : path or table
        Ratings of the users asked for, whether the model was trained on them or not.
    pairs : path or table, optional
        Pairs to predict; without them every item of the model for every user of the history.
    output : path, '-' or address, optional
        Where to write the predictions; '-' is standard output.
    output_format : {"auto", "parquet", "arrow", "csv", "jsonl"}
        Format of the output; auto goes by the ending of its name.
    also_rated : path or table, optional
        Pairs that are known to have been rated, the rating unknown.
    fail_if : sequence of str
        Conditions, such as 'coverage<0.9', under which nothing is written: `predictions`, their number;
        `own`, how many of them stand in the history; `coverage`, the share that comes from the model and
        not from base rates.
    settings : PredictSettings
        What to predict.
    input_settings : InputSettings
        How history and pairs are read.
    progress : Progress
        Told what is done.
    engine : Engine
        Who does the work.

    Raises
    ------
    UsageError
        If the predictions may not be written there.
    DataError
        If history or pairs cannot be used, or a column of the pairs would be overwritten.
    MismatchError
        If history or pairs do not go with the model, or nothing in them is known to it.
    GateError
        If a condition of `fail_if` holds.
    """
    gates = parse_gates(fail_if, GATED_FIGURES)
    check_target(output, [model, history, pairs, also_rated])
    opened = open_prediction_input(model, history, pairs, also_rated, settings, input_settings, progress)
    with opened as given, progress.step("predicting", given.asked.rows) as step:
        answers = answered(given, engine, step)
        result = write_predictions(given, answers, output, output_format, gates, progress)
    tell_result(result, output, progress)
    return result


def write_predictions(
    given: PredictionInput,
    answers: Iterator[pa.Table],
    output: Target | None,
    output_format: str,
    gates: Sequence[Gate],
    progress: Progress,
) -> PredictResult:
    """Write the predictions, from the answers to all pairs by user, unless a gate trips."""
    metadata, tally = metadata_of(given), Tally()

    def check() -> None:
        """Tell what the predictions come from, before any of them is there for good."""
        tally.tell(progress)
        check_gates(gates, tally.figures())

    found, schema = predictions(given, answers, tally), schema_of(given)
    written = write_streamed(
        found, schema, output, output_format, PREDICTIONS, metadata, check=check if gates else None
    )
    if not gates:
        tally.tell(progress)
    return PredictResult(written.rows, tally.counts, tally.own, local_path(output), metadata, written.read)


def tell_result(result: PredictResult, output: Target | None, progress: Progress) -> None:
    """Tell what was written."""
    if output is not None:
        progress.info(f"{told_target(output)}: {result.rows:,} predictions")


def metadata_of(given: PredictionInput) -> dict[str, Any]:
    """Return what the file says of the question."""
    asks = given.question
    return question_metadata("predict", asks.model, asks.history.fingerprint, asks.also_rated, asks.settings)


def answered(
    given: PredictionInput, engine: Engine, step: Step, first: int = 0, end: int | None = None
) -> Iterator[pa.Table]:
    """Yield the answers to pairs, by user; of some, as they are counted by user."""
    for answers in engine.map(partial(answer, given.question), given.asked.questions(first, end)):
        yield answers
        step.advance(answers.num_rows)


class Tally:
    """What predictions come from.

    Attributes
    ----------
    counts : dict of str to int
        Predictions by source.
    own : int
        Pairs that stand in the history.
    """

    def __init__(self) -> None:
        self.counts, self.own = dict.fromkeys(SOURCE_NAMES, 0), 0

    def add(self, answers: pa.Table) -> None:
        """Count further answers."""
        found = np.bincount(answers.column(SOURCE).to_numpy(), minlength=len(SOURCE_NAMES))
        for name, count in zip(SOURCE_NAMES, found.tolist(), strict=True):
            self.counts[name] += count
        self.own += int(pc.sum(answers.column(OWN), min_count=0).as_py())

    def figures(self) -> dict[str, float | None]:
        """Return the figures that there can be conditions on."""
        return {
            "predictions": sum(self.counts.values()),
            "own": self.own,
            "coverage": coverage(self.counts),
        }

    def tell(self, progress: Progress) -> None:
        """Tell all."""
        if self.own:
            progress.info(f"{self.own:,} pairs stand in the history: each is predicted from the rest of it")
        told = ", ".join(f"{count:,} {name}" for name, count in self.counts.items() if count)
        progress.info(f"{sum(self.counts.values()):,} predictions by source: {told or 'none'}")


def coverage(counts: Mapping[str, int]) -> float | None:
    """Return the share of predictions that come from the model, by their sources; None without any."""
    total = sum(counts.values())
    return sum(counts.get(name, 0) for name in FROM_MODEL) / total if total else None


def schema_of(given: PredictionInput) -> pa.Schema:
    """Return the columns of the predictions."""
    schema = answers_of(given)
    table = given.asked.first.table
    return with_predictions(table, schema.empty_table(), given.question.settings).schema


def answers_of(given: PredictionInput) -> pa.Schema:
    """Return the columns of answers."""
    asks = given.question
    with_rows = given.asked.by_user is not None
    return answer_schema(asks.settings, len(asks.model.model.levels), with_rows=with_rows)


def predictions(given: PredictionInput, answers: Iterator[pa.Table], tally: Tally) -> Iterator[pa.Table]:
    """Yield the predictions in the row order of the pairs, from the answers to all of them by user."""
    schema = answers_of(given)
    if given.asked.by_user is None:
        yield from _beside_pairs(given, answers, schema, tally)
        return
    with in_row_order(answers, given.asked.rows, schema) as tables:
        yield from _beside_pairs(given, tables, pa.schema(list(schema)[:-1]), tally)


def _beside_pairs(
    given: PredictionInput, answers: Iterator[pa.Table], schema: pa.Schema, tally: Tally
) -> Iterator[pa.Table]:
    said = Answered(answers, schema)
    for piece in given.asked.pieces(None):
        part = said.take(piece.table.num_rows)
        tally.add(part)
        yield with_predictions(piece.table, part, given.question.settings)


def with_predictions(table: pa.Table, answers: pa.Table, settings: PredictSettings) -> pa.Table:
    """Return pairs with what was answered to them."""
    names = settings.columns()
    words = pa.array(SOURCE_NAMES, pa.string()).take(answers.column(SOURCE).combine_chunks())
    table = table.append_column(names[0], answers.column(PREDICTION)).append_column(names[1], words)
    if settings.probabilities:
        column = answers.column(PROBABILITY).combine_chunks()
        probability = column.flatten().to_numpy().reshape(-1, column.type.list_size)
        surprise = -np.log(np.maximum(probability, np.finfo(np.float32).tiny))
        entropy = (probability * surprise).sum(axis=1, dtype=np.float64).astype(np.float32)
        table = table.append_column(names[2], column).append_column(names[3], pa.array(entropy))
    return table

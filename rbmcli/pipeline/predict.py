"""A model, histories and pairs -> predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rbmcli.config import InputSettings, PredictSettings
from rbmcli.data.formats import format_of
from rbmcli.data.intake import Source
from rbmcli.data.metadata import described
from rbmcli.data.outputs import Target, check_target, local_path, told_target
from rbmcli.data.schemas import FROM_MODEL, PREDICTIONS
from rbmcli.data.writing import write_table
from rbmcli.models.kinds import predictor_of
from rbmcli.models.predictor import SOURCE_NAMES, Answers
from rbmcli.pipeline.asking import Model, question_metadata
from rbmcli.pipeline.gates import check_gates, parse_gates
from rbmcli.pipeline.prediction_input import read_prediction_input
from rbmcli.progress import SILENT, Progress

if TYPE_CHECKING:
    import pandas as pd

GATED_FIGURES = ("coverage", "predictions", "own")
_BLOCK = 1 << 20
"""Pairs scored at once."""


@dataclass(frozen=True)
class PredictResult:
    """What predicting made.

    Attributes
    ----------
    table : pyarrow.Table
        The columns of the pairs in their row order, then `prediction`, `source`, and with probabilities
        `probabilities` and `entropy` (nats). Its metadata is that of the file.
    counts : dict of str to int
        Predictions by source.
    n_own : int
        Pairs predicted from a history that held them, without themselves.
    path : Path or None
        The file, if one was written.
    metadata : dict
        The rbmcli metadata of the file.
    """

    table: pa.Table
    counts: dict[str, int]
    n_own: int
    path: Path | None
    metadata: dict[str, Any]

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
    given = read_prediction_input(model, history, pairs, also_rated, settings, input_settings, progress)
    model, user = given.model, given.user
    predictor = predictor_of(model, given.histories, exact=settings.exact(), also_rated=given.unrated)
    said = Answers.empty(len(user), len(model.levels))
    with progress.step("predicting", len(user)) as step:
        for block in _blocks(user):
            said.put(
                block,
                predictor.answers(user[block], given.item[block], given.own[block], given.day_of(block)),
            )
            step.advance(len(block))
    counts = {name: int(np.count_nonzero(said.source == code)) for code, name in enumerate(SOURCE_NAMES)}
    progress.info(_tell_sources(counts))
    check_gates(gates, {"predictions": len(user), "own": given.n_own, "coverage": coverage(counts)})
    table = _with_predictions(given.asked.table, said, settings)
    metadata = question_metadata("predict", model, given.ratings, given.unrated, settings)
    table = described(table, PREDICTIONS, metadata)
    if output is not None:
        with progress.step(f"writing {told_target(output)}"):
            write_table(table, output, PREDICTIONS, metadata, format_of(output_format, output))
        progress.info(f"{told_target(output)}: {table.num_rows:,} predictions")
    return PredictResult(table, counts, given.n_own, local_path(output), metadata)


def _blocks(user: np.ndarray) -> list[np.ndarray]:
    """Return pairs in blocks of bounded size, those of a user together as far as possible."""
    order = np.argsort(user, kind="stable")
    return [order[at : at + _BLOCK] for at in range(0, len(order), _BLOCK)]


def coverage(counts: Mapping[str, int]) -> float | None:
    """Return the share of predictions that come from the model, by their sources; None without any."""
    total = sum(counts.values())
    return sum(counts.get(name, 0) for name in FROM_MODEL) / total if total else None


def _tell_sources(counts: dict[str, int]) -> str:
    told = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
    return f"{sum(counts.values()):,} predictions by source: {told or 'none'}"


def _with_predictions(table: pa.Table, said: Answers, settings: PredictSettings) -> pa.Table:
    names = settings.columns()
    prediction = pa.array(said.prediction.astype(np.float32))
    words = pa.array(SOURCE_NAMES, pa.string()).take(pa.array(said.source))
    table = table.append_column(names[0], prediction).append_column(names[1], words)
    if settings.probabilities:
        probability = said.probability
        flat = pa.array(probability.ravel())
        table = table.append_column(names[2], pa.FixedSizeListArray.from_arrays(flat, probability.shape[1]))
        surprise = -np.log(np.maximum(probability, np.finfo(np.float32).tiny))
        entropy = (probability * surprise).sum(axis=1, dtype=np.float64).astype(np.float32)
        table = table.append_column(names[3], pa.array(entropy))
    return table

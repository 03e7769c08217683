"""One fold of a cross-validation: a model of all other ratings, what it predicts, and how good that is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from rbmcli.config import PredictSettings
from rbmcli.data.ordering import PairCodes
from rbmcli.data.schemas import PREDICTIONS
from rbmcli.data.writing import under_contract
from rbmcli.errors import RbmcliError
from rbmcli.models.rating_model import RatingModel
from rbmcli.pipeline.crossval_figures import FoldFigures, figures_of
from rbmcli.pipeline.crossval_input import CrossvalInput
from rbmcli.pipeline.evaluate import baselines_of, measured
from rbmcli.pipeline.evaluation import EvaluateResult
from rbmcli.pipeline.evaluation_input import read_evaluation_input
from rbmcli.pipeline.measuring import Predicted
from rbmcli.pipeline.predict import predict
from rbmcli.pipeline.same_run import installed_versions
from rbmcli.pipeline.train import best_figures, train
from rbmcli.progress import Progress

COMMAND = "crossval"
_PROBABILITIES = "probabilities"


@dataclass(frozen=True)
class FoldPredictions:
    """The predictions of the ratings of a fold.

    Attributes
    ----------
    table : pyarrow.Table
        Columns `user`, `item`, `rating`, `timestamp` if the ratings have one, `fold` (int32), `prediction`,
        `source`, `probabilities` and `entropy`; in the order of a file.
    metadata : dict
        What the file of the fold says besides format and hashes.
    """

    table: pa.Table
    metadata: dict[str, Any]

    def described(self, where: str = "the predictions") -> pa.Table:
        """Return the table with the metadata of its contract in its schema."""
        return under_contract(self.table, PREDICTIONS, self.metadata, where)


@dataclass(frozen=True)
class MeasuredFold:
    """A fold with its figures.

    Attributes
    ----------
    made : FoldPredictions
        The predictions.
    baselines : list of Predicted
        What each baseline says of the same pairs, in the same order.
    figures : FoldFigures
        The figures of all of them.
    """

    made: FoldPredictions
    baselines: list[Predicted]
    figures: FoldFigures


def predict_fold(given: CrossvalInput, number: int, progress: Progress) -> FoldPredictions:
    """Train a model on all ratings outside a fold, and let it predict those of the fold.

    Neither training nor predicting is given the ratings of the fold: predicting gets its pairs alone.

    Parameters
    ----------
    given : CrossvalInput
        The ratings and the settings.
    number : int
        The fold, from 1.
    progress : Progress
        Told of every step.

    Raises
    ------
    RbmcliError
        As `train` and `predict`, with the number of the fold.
    """
    others, own = given.part_outside(number), given.part_in(number)
    reading: dict[str, Any] = {"input_settings": given.input_settings, "progress": progress}
    with _naming_the_fold(given, number):
        model = train(
            others,
            also_rated=given.also_rated,
            settings=given.settings,
            level_settings=given.level_settings,
            **reading,
        ).model
        asked = predict(
            model,
            others,
            own.drop_columns(["rating"]),
            also_rated=given.also_rated,
            settings=PredictSettings(probabilities=True, allow_unknown=True),
            **reading,
        )
    columns = {name: own.column(name) for name in own.column_names}
    columns["fold"] = pa.array(np.full(own.num_rows, number, np.int32))
    columns |= {name: asked.table.column(name) for name in asked.table.column_names if name not in columns}
    names = ("model_fingerprint", "history_fingerprint", "n_also_rated")
    metadata = {
        "command": COMMAND,
        **given.description,
        **model.levels.as_metadata(),
        "fold": number,
        "training": _training_of(model),
        "versions": installed_versions(),
        **{name: asked.metadata[name] for name in names},
    }
    return FoldPredictions(plain(pa.table(columns)), metadata)


def _training_of(model: RatingModel) -> dict[str, Any]:
    """Return how a model was trained, with the figures of its best epoch on what was held out."""
    best = model.record["best_epoch"]
    figures = best_figures(model.record)
    return {
        "best_epoch": best,
        "valid_rmse": figures.get("valid_rmse"),
        "valid_nll": figures.get("valid_nll"),
        "settings": model.settings.as_dict(),
    }


@contextmanager
def _naming_the_fold(given: CrossvalInput, number: int) -> Iterator[None]:
    try:
        yield
    except RbmcliError as error:
        raise type(error)(f"fold {number} of {given.folds}: {error.message}", hint=error.hint) from error


def plain(table: pa.Table) -> pa.Table:
    """Return predictions with the types and in the one piece that they have before they are in a file."""
    place = table.schema.get_field_index(_PROBABILITIES)
    if place >= 0:
        lists = table.column(place).combine_chunks()
        values = pa.FixedSizeListArray.from_arrays(lists.flatten(), lists.type.list_size)
        table = table.set_column(place, _PROBABILITIES, values)
    return table.combine_chunks()


def measure_fold(
    given: CrossvalInput, number: int, made: FoldPredictions, progress: Progress
) -> MeasuredFold:
    """Measure a fold, beside baselines that are fitted on what its model was trained on."""
    others, settings = given.part_outside(number), given.input_settings
    read = read_evaluation_input([made.described()], None, others, (), settings, progress)
    assert read.past is not None
    baselines = baselines_of(read.past)
    result = measured(read, baselines, (), given.settings.seed, 0, settings)
    training = made.metadata["training"]
    figures = FoldFigures(number, result.n, others.num_rows, figures_of(result), training)
    return MeasuredFold(made, baselines, figures)


def measure_all(
    given: CrossvalInput, folds: Sequence[MeasuredFold], resamples: int, progress: Progress
) -> tuple[pa.Table, EvaluateResult]:
    """Return the predictions of all folds together, with their metadata in the schema, and their figures.

    Each baseline stands beside them as its fits of the folds say.
    """
    together, order = _pooled(given, [fold.made for fold in folds])
    table, settings = together.described(), given.input_settings
    read = read_evaluation_input([table], None, None, (), settings, progress)
    baselines = [
        Predicted(
            of_folds[0].name, np.concatenate([each.prediction for each in of_folds])[order], is_baseline=True
        )
        for of_folds in zip(*(fold.baselines for fold in folds), strict=True)
    ]
    return table, measured(read, baselines, None, given.settings.seed, resamples, settings)


def _pooled(given: CrossvalInput, folds: Sequence[FoldPredictions]) -> tuple[FoldPredictions, np.ndarray]:
    """Return the predictions of all folds as one table in the order of a file, and the rows in that order.

    Where each fold has cut its own bins, a probability is of another level in each, and probabilities are
    left out.
    """
    tables = [fold.table for fold in folds]
    levels = [{name: fold.metadata[name] for name in ("levels", "edges")} for fold in folds]
    is_one_scale = all(each == levels[0] for each in levels)
    if not is_one_scale:
        tables = [table.drop_columns([_PROBABILITIES, "entropy"]) for table in tables]
    table = pa.concat_tables(tables)
    order = PairCodes.of(table).order()
    shared = levels[0] if is_one_scale else {"levels": None, "edges": None}
    metadata = {"command": COMMAND, **given.description, **shared}
    return FoldPredictions(plain(table.take(pa.array(order))), metadata), order

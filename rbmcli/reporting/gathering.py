"""Reads what a report is given, and finds out what it tells of."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rbmcli.config import CatalogueSettings, InputSettings, ReportSettings
from rbmcli.data.catalogue import Catalogue, read_catalogue
from rbmcli.data.intake import Source, read_ratings
from rbmcli.data.outputs import STANDARD_OUTPUT
from rbmcli.data.remote import file_name, is_remote, plain_path
from rbmcli.data.tables import RatingsTable
from rbmcli.errors import MismatchError
from rbmcli.models.hidden_units import UnitResponse, strongest_units
from rbmcli.models.kinds import has_vectors
from rbmcli.models.rating_model import RatingModel
from rbmcli.models.rbm import Rbm
from rbmcli.models.similarity import nearest
from rbmcli.models.store import fingerprint
from rbmcli.pipeline.asking import Model, open_model
from rbmcli.pipeline.evaluate import evaluate
from rbmcli.pipeline.evaluation import EvaluateResult
from rbmcli.pipeline.segments import EVERY
from rbmcli.progress import Progress
from rbmcli.reporting.examples import Examples, find_examples, read_recommendations
from rbmcli.reporting.findings import Findings, InputName, Neighbours, RatingSpread

_UNITS, _AT_EACH_END = 6, 4
_NEIGHBOURED, _NEIGHBOURS = 6, 5
_MIN_SUPPORT = 5


@dataclass(frozen=True)
class ReportInputs:
    """What a report is given.

    Attributes
    ----------
    model : RatingModel or path
        The model.
    predictions : sequence of paths or tables
        Its predictions, and after them others to compare.
    truth, history, recommendations, items : path, table, or None
        Ratings to compare with, ratings that predictions start from, lists, and titles.
    """

    model: Model
    predictions: Sequence[Source]
    truth: Source | None = None
    history: Source | None = None
    recommendations: Source | None = None
    items: Source | None = None

    def every(self) -> list[object]:
        """Return every input that is given."""
        single = (self.model, self.truth, self.history, self.recommendations, self.items)
        return [each for each in (*single, *self.predictions) if each is not None]

    def names(self) -> list[InputName]:
        """Return what each input is, and its name."""
        named = [("model", self.model), *(("predictions", each) for each in self.predictions)]
        others = ("truth", "history", "recommendations", "items")
        named += [(role, getattr(self, role)) for role in others]
        return [InputName(role, _name_of(each)) for role, each in named if each is not None]


def _name_of(source: object) -> str:
    if not isinstance(source, str | os.PathLike):
        return "given in memory"
    text = os.fspath(source)
    if text == STANDARD_OUTPUT:
        return "standard input"
    return file_name(text) if is_remote(text) else plain_path(text).resolve().name


def gather(
    inputs: ReportInputs,
    settings: ReportSettings,
    input_settings: InputSettings,
    catalogue_settings: CatalogueSettings,
    progress: Progress,
) -> Findings:
    """Find out all that a report tells of.

    Raises
    ------
    DataError
        If an input cannot be used.
    MismatchError
        If the inputs do not belong together.
    """
    model = open_model(inputs.model)
    catalogue = None
    if inputs.items is not None:
        catalogue = _catalogue(inputs.items, model, catalogue_settings, progress)
    history = None
    if inputs.history is not None:
        history = read_ratings(inputs.history, input_settings, progress, model.levels)
    evaluation = None
    if inputs.predictions:
        evaluation = _evaluated(inputs, model, history, settings, input_settings, progress)
    return Findings(
        model=model,
        settings=settings,
        spread=RatingSpread.of_model(model) if history is None else RatingSpread.of_history(history, model),
        has_history=history is not None,
        evaluation=evaluation,
        units=_units(model),
        neighbours=_neighbours(model),
        examples=_examples(inputs, model, history, settings, input_settings, progress),
        catalogue=catalogue,
        inputs=inputs.names(),
    )


def _catalogue(
    items: Source, model: RatingModel, settings: CatalogueSettings, progress: Progress
) -> Catalogue:
    catalogue = read_catalogue(items, settings, progress)
    titled = sum(title is not None for title in catalogue.titles_of(model.item_ids.values))
    if titled < len(model.item_ids):
        progress.warn(
            f"{catalogue.where}: it has titles of {titled:,} of the model's {len(model.item_ids):,} items"
        )
    return catalogue


def _evaluated(
    inputs: ReportInputs,
    model: RatingModel,
    history: RatingsTable | None,
    settings: ReportSettings,
    input_settings: InputSettings,
    progress: Progress,
) -> EvaluateResult:
    result = evaluate(
        list(inputs.predictions),
        truth=inputs.truth,
        history=history,
        segments=[EVERY],
        seed=settings.seed,
        resamples=settings.resamples,
        input_settings=input_settings,
        progress=progress,
    )
    told = result.metadata["predictions"][0]["model_fingerprint"]
    if told is not None and told != fingerprint(model):
        raise MismatchError(
            f"{_name_of(inputs.predictions[0])}: the predictions are of another model than "
            f"{_name_of(inputs.model)}",
            hint="give the predictions of the model first, and others to compare after them",
        )
    return result


def _units(model: RatingModel) -> list[UnitResponse]:
    """Return the strongest hidden units; none for a model that is no RBM."""
    return strongest_units(model, _UNITS, _AT_EACH_END, _MIN_SUPPORT) if isinstance(model, Rbm) else []


def _neighbours(model: RatingModel) -> list[Neighbours]:
    """Return the items with the most ratings, each with those most alike to it, if the model tells these."""
    if not has_vectors(model):
        return []
    most_rated = np.argsort(-model.item_ratings, kind="stable")[:_NEIGHBOURED]
    found = [
        Neighbours(int(item), *nearest(model, int(item), _NEIGHBOURS, _MIN_SUPPORT)) for item in most_rated
    ]
    return [entry for entry in found if len(entry.nearest)]


def _examples(
    inputs: ReportInputs,
    model: RatingModel,
    history: RatingsTable | None,
    settings: ReportSettings,
    input_settings: InputSettings,
    progress: Progress,
) -> Examples | None:
    if history is None or not settings.examples:
        return None
    listed = None
    if inputs.recommendations is not None:
        listed = read_recommendations(inputs.recommendations, model, input_settings, progress)
    return find_examples(model, history, listed, settings, input_settings, progress)

"""A model, a user's history and an item -> the prediction, and what of the history it owes how much to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rbmcli.config import CatalogueSettings, ExplainSettings, InputSettings
from rbmcli.data.catalogue import read_catalogue
from rbmcli.data.ids import IdIndex, as_id
from rbmcli.data.readers.opening import Source
from rbmcli.errors import MismatchError
from rbmcli.kernels.scoring import NOT_OWN
from rbmcli.models.histories import Histories
from rbmcli.models.kinds import predictor_of, starting_point
from rbmcli.models.leave_one_out import Changes, changes
from rbmcli.models.predictor import SOURCE_NAMES
from rbmcli.models.rating_model import RatingModel
from rbmcli.models.similarity import similarities
from rbmcli.pipeline.asking import HistoryInput, Model, find_item, open_model, read_history, titles_of
from rbmcli.progress import SILENT, Progress

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ExplainResult:
    """A prediction and where it comes from.

    Attributes
    ----------
    user, item : int or str
        The pair.
    title : str or None
        Title of the item, where a catalogue gives one.
    prediction : float
        Expected rating, as `predict` gives it.
    source : str
        Where it comes from, as in predictions.
    levels, probabilities : list of float
        The scale, and the probability of each level.
    own_rating : float or None
        The user's own rating of the item; it is left out throughout.
    rows : {"user", "item"}
        What the rows of the model are.
    start : dict of str to list of float
        Level probabilities before hidden units say anything, see `rbmcli.models.starting_point`.
    n_history, n_known, n_considered : int
        Ratings of the user's history, the own one left out; those of items that the model knows; those
        that were left out one by one.
    whole : float
        The score that `change` is told against. It is `prediction`, but with rows of items, and a user who
        is predicted by what was trained, that of the user folded in.
    table : pyarrow.Table
        The ratings with the largest changes: `item`, `rating` (its level), `without` (the expected rating
        without it), `change` (`whole` less that), and with a catalogue `title`.
    """

    user: int | str
    item: int | str
    title: str | None
    prediction: float
    source: str
    levels: list[float]
    probabilities: list[float]
    own_rating: float | None
    rows: str
    start: dict[str, list[float]]
    n_history: int
    n_known: int
    n_considered: int
    whole: float
    table: pa.Table

    def expected(self) -> dict[str, float]:
        """Return the expected rating of each of `start`."""
        return {name: float(np.dot(rates, self.levels)) for name, rates in self.start.items()}

    def as_dict(self) -> dict[str, Any]:
        """Return the result as plain values, ready for JSON."""
        values = {name: value for name, value in vars(self).items() if name != "table"}
        return {**values, "expected": self.expected(), "ratings": self.table.to_pylist()}

    def to_pandas(self) -> pd.DataFrame:
        """Return the ratings and their changes as a pandas frame."""
        return self.table.to_pandas()


def explain(
    model: Model,
    history: Source,
    user: str | int,
    item: str | int,
    *,
    items: Source | None = None,
    settings: ExplainSettings = ExplainSettings(),  # noqa: B008
    input_settings: InputSettings = InputSettings(),  # noqa: B008
    catalogue_settings: CatalogueSettings = CatalogueSettings(),  # noqa: B008
    progress: Progress = SILENT,
) -> ExplainResult:
    """Explain a prediction: what it starts from, and which rated items push it up or down.

    A rating's change is the expected rating with the whole history less that without this rating. No
    approximation is made: each is what `predict` gives for a history without it.

    Parameters
    ----------
    model : RatingModel or path
        The model.
    history : path or table
        Ratings of the user, among those of others or not. A rating of the item itself is left out.
    user, item : str or int
        The pair.
    items : path or table, optional
        Catalogue with the titles of items.
    settings : ExplainSettings
        How much is told and tried.
    input_settings : InputSettings
        How the history is read.
    catalogue_settings : CatalogueSettings
        How the catalogue is read.
    progress : Progress
        Told what is done.

    Raises
    ------
    DataError
        If history or catalogue cannot be used.
    MismatchError
        If the history does not go with the model, has no rating by the user, or the model does not know the
        item.
    """
    model = open_model(model)
    place = find_item(model, item)
    catalogue = None if items is None else read_catalogue(items, catalogue_settings, progress)
    ratings = read_history(model, history, input_settings, progress)
    histories = _history_of(model, ratings, user)
    own = _own_level(model, histories, place)
    _tell_what_matters(model, own, progress)
    predictor = predictor_of(model, histories, exact=settings.exact())
    said = predictor.answers(np.zeros(1, np.int32), np.array([place], np.int32), np.array([own], np.uint8))
    known, chosen = _places(model, histories, place, settings, progress)
    with progress.step("leaving out ratings", len(chosen)) as step:
        found = changes(predictor, place, own, chosen, step)
    top = np.argsort(-np.abs(found.change), kind="stable")[: settings.top]
    title, table = None, _as_table(histories, model, chosen[top], found, top)
    asked = model.item_ids.values.take(pa.array([place]))
    if catalogue is not None:
        told = pa.concat_arrays([asked, table.column("item").combine_chunks()])
        title, *titles = titles_of(catalogue, told, progress)
        table = table.append_column("title", pa.array(titles, pa.string()))
    values = model.levels.values
    start = starting_point(model, histories, place, own)
    return ExplainResult(
        user=histories.users.values[0].as_py(),
        item=asked[0].as_py(),
        title=title,
        prediction=float(said.prediction[0]),
        source=SOURCE_NAMES[said.source[0]],
        levels=[float(value) for value in values],
        probabilities=[float(share) for share in said.probability[0]],
        own_rating=None if own == NOT_OWN else float(values[own]),
        rows=model.rows,
        start={name: [float(share) for share in rates] for name, rates in start.items()},
        n_history=histories.rated.n_ratings - (own != NOT_OWN),
        n_known=known,
        n_considered=len(chosen),
        whole=found.whole,
        table=table,
    )


def _history_of(model: RatingModel, ratings: HistoryInput, user: str | int) -> Histories:
    """Return the history of one user; raise `MismatchError` where there is none."""
    id_ = as_id(user, model.user_ids.type)
    if id_ is not None:
        histories = ratings.of(model, IdIndex(pa.array([id_])))
        if histories.rated.n_ratings:
            return histories
    known = id_ is not None and bool(model.user_ids.lookup(pa.array([id_]))[0] >= 0)
    about = "the model was trained on ratings of that user: name the file" if known else "name a file"
    raise MismatchError(
        f"{ratings.source.where}: user '{user}' has no ratings there",
        hint=f"{about} that holds the user's ratings with --history; without any, predictions are base rates",
    )


def _own_level(model: RatingModel, histories: Histories, item: int) -> int:
    """Return the level at which the user has rated the item, or `NOT_OWN`."""
    place = histories.items.lookup(model.item_ids.values.take(pa.array([item])))
    return int(histories.own_level(np.zeros(1, np.int32), place)[0])


def _tell_what_matters(model: RatingModel, own: int, progress: Progress) -> None:
    if own != NOT_OWN:
        progress.info("the user has rated the item: that rating is left out of the history")
    if model.takes_days:
        progress.warn("the bias of a day is no part of this: the pair is of no day")
    trained = model.record.get("n_also_rated", 0)
    if trained:
        progress.warn(
            f"the model was trained with {trained:,} pairs of unknown rating, which are no part of this"
        )


def _places(
    model: RatingModel, histories: Histories, item: int, settings: ExplainSettings, progress: Progress
) -> tuple[int, np.ndarray]:
    """Return how many ratings the model can use, and where those are that are left out one by one.

    Of a history that is too long to try all of it, those of items that are most like, or unlike, the item.
    """
    rated = histories.model_item[histories.rated.column]
    usable = np.flatnonzero((rated >= 0) & (rated != item))
    if not len(usable):
        progress.warn("the model knows none of the items that the user has rated: the score is base rates")
    if len(usable) <= settings.consider:
        return len(usable), usable
    alike = np.abs(similarities(model, item))[rated[usable]]
    order = np.argsort(-alike, kind="stable")[: settings.consider]
    progress.info(
        f"{settings.consider:,} of {len(usable):,} ratings are left out one by one: of the items most like, "
        "or unlike, the one asked for (--consider)"
    )
    return len(usable), np.sort(usable[order])


def _as_table(
    histories: Histories, model: RatingModel, places: np.ndarray, found: Changes, top: np.ndarray
) -> pa.Table:
    rated = histories.rated
    return pa.table(
        {
            "item": histories.items.values.take(pa.array(rated.column[places], pa.int32())),
            "rating": pa.array(model.levels.values[rated.level[places]], pa.float32()),
            "without": pa.array(found.without[top], pa.float64()),
            "change": pa.array(found.change[top], pa.float64()),
        }
    )

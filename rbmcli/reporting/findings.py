"""All that a report tells of, gathered from its inputs before the first line of it is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from rbmcli.config import ReportSettings
from rbmcli.data.catalogue import Catalogue
from rbmcli.data.ids import IdIndex
from rbmcli.data.tables import RatingsTable
from rbmcli.models.hidden_units import UnitResponse
from rbmcli.models.portrait import Portrait, kept_step
from rbmcli.models.portraits import portrait_of
from rbmcli.models.rating_model import RatingModel
from rbmcli.models.store import describe
from rbmcli.pipeline.evaluation import EvaluateResult
from rbmcli.reporting.examples import Examples
from rbmcli.reporting.markup import Markup
from rbmcli.reporting.parts import named
from rbmcli.reporting.scores import Scores


@dataclass(frozen=True)
class InputName:
    """An input of the report.

    Attributes
    ----------
    role : str
        What it is, such as "history".
    name : str
        Its name, without folders: a report does not depend on where files lie.
    """

    role: str
    name: str


@dataclass(frozen=True)
class RatingSpread:
    """How many ratings there are, by level, by user and by item.

    Attributes
    ----------
    of_level : ndarray of float64, shape (K,)
        Share of each level.
    of_user, of_item : ndarray of int64
        Ratings of each user and of each item.
    mean : float
        Mean of the ratings.
    period : tuple of int, or None
        Timestamps of the first and of the last rating, in seconds, where they are known.
    """

    of_level: np.ndarray
    of_user: np.ndarray
    of_item: np.ndarray
    mean: float
    period: tuple[int, int] | None

    @classmethod
    def of_history(cls, history: RatingsTable, model: RatingModel) -> RatingSpread:
        """Return the spread of the ratings of a history."""
        table = history.table
        rating = table.column("rating").to_numpy().astype(np.float64)
        level = model.levels.nearest(rating)
        period = None
        if "timestamp" in table.column_names and table.num_rows:
            seconds = table.column("timestamp").drop_null().to_numpy()
            period = (int(seconds.min()), int(seconds.max())) if len(seconds) else None
        shares = np.bincount(level, minlength=len(model.levels)) / max(len(level), 1)
        of_user, of_item = (_counts(table.column(name)) for name in ("user", "item"))
        return cls(shares, of_user, of_item, float(rating.mean()), period)

    @classmethod
    def of_model(cls, model: RatingModel) -> RatingSpread:
        """Return the spread of the ratings that a model was trained on, as far as it keeps that."""
        shares = model.global_prior.astype(np.float64)
        mean = float(np.sum(shares * model.levels.values))
        return cls(shares, model.user_ratings, model.item_ratings, mean, None)


def _counts(ids: pa.ChunkedArray) -> np.ndarray:
    """Return how often each id is there, in the order of the ids."""
    index = IdIndex.of(ids)
    return np.bincount(index.lookup(ids), minlength=len(index))


@dataclass(frozen=True)
class Neighbours:
    """The items most alike to one.

    Attributes
    ----------
    item : int
        The model's index of the item.
    nearest : ndarray of int64
        Those of its neighbours, the nearest first.
    similarity : ndarray of float64
        How alike they are, from -1 to 1.
    """

    item: int
    nearest: np.ndarray
    similarity: np.ndarray


@dataclass(frozen=True)
class Findings:
    """All that a report tells of.

    Attributes
    ----------
    model : RatingModel
        The model.
    settings : ReportSettings
        What is shown.
    spread : RatingSpread
        The ratings.
    has_history : bool
        Whether they are those of a history, and not what the model keeps of those it was trained on.
    evaluation : EvaluateResult or None
        How good predictions are.
    units : list of UnitResponse
        The strongest hidden units; none for a model that is no RBM.
    neighbours : list of Neighbours
        Items and those most alike to them; none for a model that holds nothing of items.
    examples : Examples or None
        Users with lists.
    catalogue : Catalogue or None
        Titles of items.
    inputs : sequence of InputName
        The inputs, in the order of the command line.
    """

    model: RatingModel
    settings: ReportSettings
    spread: RatingSpread
    has_history: bool
    evaluation: EvaluateResult | None
    units: list[UnitResponse]
    neighbours: list[Neighbours]
    examples: Examples | None
    catalogue: Catalogue | None
    inputs: Sequence[InputName]

    @cached_property
    def scores(self) -> Scores | None:
        """The figures of the evaluation, to be looked up."""
        return None if self.evaluation is None else Scores(self.evaluation)

    @cached_property
    def description(self) -> dict[str, Any]:
        """What the file of the model says of it."""
        return describe(self.model)

    @cached_property
    def portrait(self) -> Portrait:
        """What the model tells of itself."""
        return portrait_of(self.description)

    @cached_property
    def kept(self) -> dict[str, Any] | None:
        """Figures on validation ratings, of the step of training that was kept; None where there are none."""
        return kept_step(self.description)

    @cached_property
    def _item_ids(self) -> list[int | str]:
        ids: list[int | str] = self.model.item_ids.values.to_pylist()
        return ids

    def item_at(self, place: int) -> Markup:
        """Return how an item is told, by the model's index of it."""
        return self.items([self._item_ids[place]])[0]

    def items(self, ids: Sequence[int | str]) -> list[Markup]:
        """Return how items are told: by their titles, where these are known, and else by their ids."""
        titles: Sequence[str | None] = [None] * len(ids)
        if self.catalogue is not None and ids:
            titles = self.catalogue.titles_of(pa.array(ids))
        return [named(id_, title) for id_, title in zip(ids, titles, strict=True)]

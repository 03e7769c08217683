"""Users as examples: drawn by a rule that is told, with what is recommended to them and why."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rbmcli.config import ExplainSettings, InputSettings, RecommendSettings, ReportSettings
from rbmcli.data.ids import IdIndex, align_ids
from rbmcli.data.intake import read_pairs
from rbmcli.data.readers.opening import Source
from rbmcli.data.tables import RatingsTable
from rbmcli.errors import MismatchError
from rbmcli.models.rating_model import RatingModel
from rbmcli.models.store import fingerprint
from rbmcli.pipeline.asking import with_model_ids
from rbmcli.pipeline.explain import explain
from rbmcli.pipeline.recommend import recommend
from rbmcli.progress import Progress

SHOWN = 5
"""Items that are shown of the list of a user, and ratings of the history."""

_CONSIDERED = 200
_PUSHES = 2
_LEAST_CHANGE = 0.0005
"""What is less would be told as nothing."""


@dataclass(frozen=True)
class Push:
    """What a rating of the history does to a score.

    Attributes
    ----------
    item : int or str
        The rated item.
    rating : float
        Its rating, on its level.
    change : float
        Expected rating with it less that without it.
    """

    item: int | str
    rating: float
    change: float


@dataclass(frozen=True)
class Recommended:
    """An item of the list of a user.

    Attributes
    ----------
    item : int or str
        The item.
    prediction : float
        Expected rating.
    up, down : list of Push
        Ratings of the history that push it up or down most.
    """

    item: int | str
    prediction: float
    up: list[Push]
    down: list[Push]


@dataclass(frozen=True)
class Example:
    """A user with a list.

    Attributes
    ----------
    user : int or str
        The user.
    n_ratings : int
        Ratings of the history.
    mean : float
        Their mean.
    liked : list of tuple
        Items of the highest ratings, and these.
    items : list of Recommended
        The best items, the best first.
    """

    user: int | str
    n_ratings: int
    mean: float
    liked: list[tuple[int | str, float]]
    items: list[Recommended]


@dataclass(frozen=True)
class Examples:
    """Users with their lists.

    Attributes
    ----------
    users : list of Example
        The users, by the number of their ratings, the fewest first.
    drawn_from : int
        How many users they are drawn from.
    given : bool
        Whether their lists are those of a file.
    """

    users: list[Example]
    drawn_from: int
    given: bool


def read_recommendations(
    source: Source, model: RatingModel, input_settings: InputSettings, progress: Progress
) -> pa.Table:
    """Return the columns user and item of recommendations, the best of each user first.

    Raises
    ------
    MismatchError
        If they are of another model, or ids are not those of the model.
    """
    read = read_pairs(source, input_settings, progress)
    told = read.metadata.get("model_fingerprint")
    if told is not None and told != fingerprint(model):
        raise MismatchError(
            f"{read.where}: the recommendations are of another model",
            hint="give those of the model of --model, or leave them out: they are made then",
        )
    table = with_model_ids(read.table, model, read.where)
    if "rank" in table.column_names:
        table = table.take(pc.sort_indices(table, [("rank", "ascending")]))
    return table.select(["user", "item"])


def find_examples(
    model: RatingModel,
    history: RatingsTable,
    recommendations: pa.Table | None,
    settings: ReportSettings,
    input_settings: InputSettings,
    progress: Progress,
) -> Examples:
    """Draw users, and find out what is recommended to them and why.

    Parameters
    ----------
    model : RatingModel
        The model.
    history : RatingsTable
        Ratings of the users.
    recommendations : pyarrow.Table or None
        Columns user and item, the best of each user first; without them they are made.
    settings : ReportSettings
        How many users, and the seed they are drawn by.
    input_settings : InputSettings
        How the ratings were read.
    progress : Progress
        Told what is done.
    """
    user = align_ids(history.table.column("user"), model.user_ids.type, "user", history.where)
    index = IdIndex.of(user)
    counts = np.bincount(index.lookup(user), minlength=len(index))
    candidates = np.arange(len(index))
    if recommendations is not None:
        listed = index.lookup(recommendations.column("user"))
        candidates = np.unique(listed[listed >= 0])
    drawn = draw_users(candidates, counts[candidates], settings.examples, settings.seed)
    shown = []
    with progress.step("explaining recommendations", len(drawn)) as step:
        for place in drawn:
            id_ = index.values[int(place)].as_py()
            own = history.table.filter(pc.equal(user, pa.scalar(id_, user.type)))
            alone = dataclasses.replace(history, table=own, metadata={})
            shown.append(_example(model, id_, alone, recommendations, input_settings))
            step.advance(1)
    return Examples(shown, len(candidates), recommendations is not None)


def draw_users(candidates: np.ndarray, counts: np.ndarray, wanted: int, seed: int) -> np.ndarray:
    """Return users drawn at random, one from each of as many parts with ever more ratings.

    Parameters
    ----------
    candidates : ndarray of int
        The users, in the order of their ids.
    counts : ndarray of int
        Ratings of each.
    wanted : int
        How many parts of equal size there are, if there are as many users.
    seed : int
        Equal seeds draw equal users.
    """
    order = candidates[np.argsort(counts, kind="stable")]
    parts = [part for part in np.array_split(order, max(wanted, 1)) if len(part)] if wanted else []
    generator = np.random.default_rng(seed)
    return np.array([generator.choice(part) for part in parts], np.int64)


def _example(
    model: RatingModel,
    user: int | str,
    history: RatingsTable,
    recommendations: pa.Table | None,
    input_settings: InputSettings,
) -> Example:
    if recommendations is None:
        settings = RecommendSettings(top=SHOWN)
        made = recommend(model, history, settings=settings, input_settings=input_settings)
        recommendations = made.table
    of_user = pc.equal(recommendations.column("user"), pa.scalar(user, recommendations.column("user").type))
    listed = recommendations.column("item").filter(of_user).slice(0, SHOWN).to_pylist()
    return Example(
        user,
        history.table.num_rows,
        float(pc.mean(history.table.column("rating")).as_py()),
        _liked(model, history),
        [_recommended(model, history, user, item, input_settings) for item in listed],
    )


def _liked(model: RatingModel, history: RatingsTable) -> list[tuple[int | str, float]]:
    """Return the items with the highest ratings; of equal ones those that most users have rated."""
    item = align_ids(history.table.column("item"), model.item_ids.type, "item", history.where)
    rating = history.table.column("rating").to_numpy()
    place = model.item_ids.lookup(item)
    known = np.where(place >= 0, model.item_ratings[place], 0)
    best = np.lexsort((IdIndex.of(item).lookup(item), -known, -rating))[:SHOWN]
    return [(item[int(at)].as_py(), float(rating[at])) for at in best]


def _recommended(
    model: RatingModel, history: RatingsTable, user: int | str, item: int | str, input_settings: InputSettings
) -> Recommended:
    settings = ExplainSettings(top=_CONSIDERED, consider=_CONSIDERED)
    result = explain(model, history, user, item, settings=settings, input_settings=input_settings)
    pushes = [Push(row["item"], row["rating"], row["change"]) for row in result.table.to_pylist()]
    up = [push for push in pushes if push.change >= _LEAST_CHANGE]
    down = [push for push in pushes if push.change <= -_LEAST_CHANGE]
    return Recommended(item, result.prediction, up[:_PUSHES], down[:_PUSHES])

"""Training the members of a blend, and finding their weights on ratings that they have not seen."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rbmcli.config import BlendSettings, EnsembleSettings, Member, SingleSettings
from rbmcli.data.levels import Levels
from rbmcli.data.ordering import PairCodes
from rbmcli.data.splits import draw_folds
from rbmcli.kernels.scoring import NOT_OWN
from rbmcli.models.blend import BlendModel
from rbmcli.models.blend_members import usual_time
from rbmcli.models.combination import Combination, Unseen, cross_fitted, fit_combination
from rbmcli.models.histories import Histories
from rbmcli.models.levelled import LevelledRatings
from rbmcli.models.mean_training import common_parts
from rbmcli.models.metrics import PROBABILITY_FLOOR, rmse
from rbmcli.models.predictor import Predictor
from rbmcli.models.rating_model import RatingModel
from rbmcli.progress import PartProgress, Progress

Train = Callable[..., RatingModel]
"""`rbmcli.models.trainings.train_model`."""

Predict = Callable[[RatingModel, Histories], Predictor]
"""`rbmcli.models.kinds.predictor_of`."""


def train_blend(
    ratings: LevelledRatings,
    held_out: np.ndarray,
    levels: Levels,
    settings: BlendSettings | EnsembleSettings,
    members: Sequence[Member],
    progress: Progress,
    train: Train,
    predictor_of: Predict,
) -> BlendModel:
    """Train models and combine them.

    Parameters
    ----------
    ratings : LevelledRatings
        All ratings.
    held_out : ndarray of bool
        Which of them serve as validation.
    levels : Levels
        The scale.
    settings : BlendSettings or EnsembleSettings
        How they are combined.
    members : sequence of Member
        The models.
    progress : Progress
        Told how it goes.
    train, predictor_of : callable
        What trains and asks a model of any kind.
    """
    parts = _parts(ratings, held_out, settings)
    taken: list[Member] = []
    trained: list[_Trained] = []
    for member in _within_budget(members, settings, progress):
        taken.append(member)
        told = PartProgress(progress, member.told)
        trained.append(_trained(ratings, parts, levels, member.within(settings), told, train, predictor_of))
    combination, figures = Combination.equal(len(trained)), _NO_FIGURES
    of_members = [{"member": each.told, **_NO_FIGURES} for each in taken]
    if parts:
        unseen = _unseen(ratings, parts, [each.said for each in trained])
        for place, entry in enumerate(of_members):
            entry |= _figures(unseen.predictions[:, place], unseen.likelihood[:, place], unseen)
        if isinstance(settings, BlendSettings):
            boosted = settings.combiner == "boosted"
            combination = fit_combination(unseen, boosted=boosted)
            figures = _figures(*cross_fitted(unseen, boosted=boosted), unseen)
        else:
            figures = _figures(
                combination.predicted(*unseen.known()), unseen.likelihood @ combination.pool, unseen
            )
    for place, entry in enumerate(of_members):
        entry["weight"] = float(combination.weights[..., place].mean())
        entry["share"] = float(combination.pool[place])
    _tell(of_members, figures, progress)
    order = ratings.codes.order()
    return BlendModel(
        settings=settings,
        combination=combination.as_stored(),
        members=tuple(each.model for each in trained),
        record={
            "best_epoch": 1,
            "best_epochs": [1],
            "epochs": [{"epoch": 1, "loss": None, **figures}],
            "n_ratings": len(ratings.level),
            "of_members": of_members,
        },
        **common_parts(ratings, order if settings.refit else order[~held_out[order]], levels),
    )


def _tell(members: Sequence[dict[str, Any]], together: dict[str, Any], progress: Progress) -> None:
    """Tell the figures of each member, and what they are together."""
    if together["valid_rmse"] is None:
        return
    for entry in members:
        progress.info(
            f"{entry['member']}: RMSE {entry['valid_rmse']:.4f}, NLL {entry['valid_nll']:.4f}; weight "
            f"{entry['weight']:.2f}, {entry['share']:.0%} of the probabilities"
        )
    if len(members) == 1:
        return
    best = [min(entry[name] for entry in members) for name in _NO_FIGURES]
    figures = [together[name] for name in _NO_FIGURES]
    gains = ", ".join(
        f"{name} {figure:.4f} ({figure - least:+.4f} against the best of them)"
        for name, figure, least in zip(("RMSE", "NLL"), figures, best, strict=True)
    )
    progress.info(f"all {len(members)} together: {gains}")


_NO_FIGURES: dict[str, Any] = {"valid_rmse": None, "valid_nll": None}


def _within_budget(
    members: Sequence[Member], settings: BlendSettings | EnsembleSettings, progress: Progress
) -> Iterator[Member]:
    """Yield the members that there is time for, the first of them in any case.

    How long one will take is told by those before it, and by how long its kind usually takes beside theirs.
    """
    budget = settings.time_budget if isinstance(settings, BlendSettings) else None
    started, unit = time.perf_counter(), 0.0
    for place, member in enumerate(members):
        begun = time.perf_counter()
        expected = unit * usual_time(member)
        if budget is not None and place and begun - started + expected > budget:
            progress.warn(
                f"--time-budget {budget:g}: {begun - started:.0f} seconds have gone, and {member.told} would "
                f"take about {expected:.0f}: left out"
            )
            continue
        yield member
        unit = max(unit, (time.perf_counter() - begun) / usual_time(member))


def _parts(
    ratings: LevelledRatings, held_out: np.ndarray, settings: BlendSettings | EnsembleSettings
) -> list[np.ndarray]:
    """Return masks of the parts that members are measured on, of which none has another's ratings."""
    if not held_out.any():
        return []
    further = settings.weight_folds - 1 if isinstance(settings, BlendSettings) else 0
    if not further:
        return [held_out]
    folds = max(round((1 - settings.holdout) / settings.holdout), further)
    others, codes = np.flatnonzero(~held_out), ratings.codes
    fold = np.full(len(held_out), -1)
    of_others = PairCodes(codes.users, codes.items, codes.user_codes[others], codes.item_codes[others])
    fold[others] = draw_folds(of_others, folds, settings.seed)
    return [held_out, *(fold == number for number in range(further))]


@dataclass(frozen=True)
class _Trained:
    """A member, and what it says of the ratings of each part, not having seen them: see `_said_of`."""

    model: RatingModel
    said: list[tuple[np.ndarray, np.ndarray]]


def _trained(
    ratings: LevelledRatings,
    parts: Sequence[np.ndarray],
    levels: Levels,
    member: Member,
    progress: Progress,
    train: Train,
    predictor_of: Predict,
) -> _Trained:
    """Train a member on the ratings outside each part, and the first time then on all, if that is wanted."""
    said: list[tuple[np.ndarray, np.ndarray]] = []
    given = ratings if member.settings.needs_days else dataclasses.replace(ratings, day=None)
    models = []
    for number, part in enumerate(parts or [np.zeros(len(ratings.level), bool)]):
        settings: SingleSettings = member.settings
        if number:
            progress.info(f"training on the ratings outside part {number + 1} of {len(parts)}")
            settings = dataclasses.replace(settings, refit=False)

        def measured(model: RatingModel, part: np.ndarray = part) -> None:
            """Note what the model says of the part."""
            said.append(_said_of(model, given, part, predictor_of))

        hook = measured if parts else None
        models.append(train(given, part, levels, settings, progress, measured=hook))
    return _Trained(models[0], said)


def _said_of(
    model: RatingModel, ratings: LevelledRatings, part: np.ndarray, predictor_of: Predict
) -> tuple[np.ndarray, np.ndarray]:
    """Return what a model says of a part of the ratings, given the others as histories, in their order.

    That is its prediction, and the probability that it gives the level.
    """
    codes, order = ratings.codes, ratings.codes.order()
    asked, known = order[part[order]], order[~part[order]]
    present = np.unique(codes.user_codes[asked])
    users = codes.users.take(present)
    histories = Histories.build(
        model,
        users,
        codes.users.column(codes.user_codes[known]),
        codes.items.column(codes.item_codes[known]),
        ratings.level[known],
        None if ratings.day is None else ratings.day[known],
    )
    answers = predictor_of(model, histories).answers(
        np.searchsorted(present, codes.user_codes[asked]).astype(np.int32),
        model.item_ids.lookup(codes.items.values)[codes.item_codes[asked]],
        np.full(len(asked), NOT_OWN, np.uint8),
        None if ratings.day is None else ratings.day[asked],
    )
    likelihood = answers.probability[np.arange(len(asked)), ratings.level[asked]]
    return answers.prediction, likelihood.astype(np.float64)


def _unseen(
    ratings: LevelledRatings,
    parts: Sequence[np.ndarray],
    said: Sequence[Sequence[tuple[np.ndarray, np.ndarray]]],
) -> Unseen:
    """Return the ratings of all parts, with what each member says of them."""
    codes, order = ratings.codes, ratings.codes.order()
    user, item = codes.user_codes, codes.item_codes
    pieces = []
    for part, *of_members in zip(parts, *said, strict=True):
        asked = order[part[order]]
        counts = [np.bincount(code[~part], minlength=code.max() + 1)[code[asked]] for code in (user, item)]
        prediction, likelihood = (np.stack(each, axis=1) for each in zip(*of_members, strict=True))
        pieces.append((prediction, likelihood, ratings.rating[asked].astype(np.float64), *counts))
    return Unseen(*(np.concatenate(arrays) for arrays in zip(*pieces, strict=True)))


def _figures(prediction: np.ndarray, likelihood: np.ndarray, unseen: Unseen) -> dict[str, Any]:
    """Return RMSE and NLL as a record names them."""
    surprise = -np.log(np.maximum(likelihood, PROBABILITY_FLOOR))
    return {"valid_rmse": rmse(prediction, unseen.rating), "valid_nll": float(np.mean(surprise))}

"""Reads what an evaluation compares, and brings it onto the same pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np

from rbmcli.config import InputSettings
from rbmcli.data.fingerprints import column_fingerprint
from rbmcli.data.intake import Source, check_same_run, read_pairs, read_ratings
from rbmcli.data.levels import UNKNOWN
from rbmcli.data.tables import PairsTable, RatingsTable
from rbmcli.pipeline.measuring import Predicted
from rbmcli.pipeline.past import Past
from rbmcli.pipeline.scored import ScoredPairs, join_with_truth, scored_alike, true_levels
from rbmcli.pipeline.segments import EVERY, TIME, columns_of
from rbmcli.progress import Progress

MODEL_NAME = "model"
"""Name of the predictor where there is but one file of predictions."""


@dataclass(frozen=True)
class EvaluationInput:
    """Predictions of the same pairs, and what they are held against.

    Attributes
    ----------
    names : list of str
        A name for each file of predictions, no two the same.
    asked : list of PairsTable
        The predictions as they were read.
    told : RatingsTable or None
        The truth, where it is a file of its own.
    ratings : RatingsTable or None
        The history.
    scored : list of ScoredPairs
        Of each file of predictions, the pairs that all of them have.
    predicted : list of Predicted
        What each says of them.
    past : Past or None
        What the history knows of them.
    """

    names: list[str]
    asked: list[PairsTable]
    told: RatingsTable | None
    ratings: RatingsTable | None
    scored: list[ScoredPairs]
    predicted: list[Predicted]
    past: Past | None

    @property
    def unmatched(self) -> int:
        """How many pairs of the first predictions are left out."""
        return self.scored[0].unmatched

    def metadata(self, settings: InputSettings, further: dict[str, Any]) -> dict[str, Any]:
        """Return the metadata that says what was compared with what, with further settings."""
        return {
            "command": "evaluate",
            "settings": {
                "unknown_level": settings.unknown_level,
                "duplicates": settings.duplicates,
                **further,
            },
            "predictions": [
                {
                    "name": name,
                    "fingerprint": column_fingerprint(asked.table, "prediction"),
                    "model_fingerprint": asked.metadata.get("model_fingerprint"),
                    "levels": asked.metadata.get("levels"),
                }
                for name, asked in zip(self.names, self.asked, strict=True)
            ],
            "truth_fingerprint": fingerprint_of(self.told),
            "history_fingerprint": fingerprint_of(self.ratings),
        }


def as_list(predictions: object) -> list[Any]:
    """Return one or several sources as a list."""
    return list(predictions) if isinstance(predictions, list | tuple) else [predictions]


def read_asked(
    predictions: Sequence[Source | PairsTable],
    segments: Sequence[str],
    settings: InputSettings,
    progress: Progress,
) -> list[PairsTable]:
    """Read predictions, with timestamps where segments need them; what is read already stays as it is."""
    by_time = bool({TIME, EVERY} & set(segments))
    return [
        each if isinstance(each, PairsTable) else read_pairs(each, settings, progress, timestamps=by_time)
        for each in predictions
    ]


def read_evaluation_input(
    predictions: Sequence[Source | PairsTable],
    truth: Source | None,
    history: Source | None,
    segments: Sequence[str],
    settings: InputSettings,
    progress: Progress,
) -> EvaluationInput:
    """Read and check what `evaluate` is given; raises as that does."""
    by_time = bool({TIME, EVERY} & set(segments))
    asked = read_asked(predictions, segments, settings, progress)
    told = None if truth is None else read_ratings(truth, settings, progress)
    ratings = None if history is None else read_ratings(history, settings, progress)
    check_same_run(*((each.metadata, each.where) for each in (*asked, told, ratings) if each is not None))
    columns = columns_of(segments)
    scored = scored_alike([join_with_truth(each, told, columns, seconds=by_time) for each in asked])
    for each in scored:
        if each.unmatched:
            others = _others(told, [other.where for other in asked if other.where != each.where])
            progress.warn(
                f"{each.unmatched:,} of {each.unmatched + len(each):,} predictions are left out: "
                f"their pairs are not in {others}"
            )
    names = names_of(predictions)
    predicted = [_predicted(name, each, settings, progress) for name, each in zip(names, scored, strict=True)]
    past = None if ratings is None else Past.of(scored[0].pairs, scored[0].where, ratings, progress)
    return EvaluationInput(names, asked, told, ratings, scored, predicted, past)


def _others(told: RatingsTable | None, where: Sequence[str]) -> str:
    return " or not in ".join(dict.fromkeys([*([told.where] if told else []), *where]))


def names_of(
    predictions: Sequence[Source | PairsTable], kind: str = "predictions", taken: Sequence[str] = ()
) -> list[str]:
    """Return the names that files go by: without folder and ending where that tells them apart.

    None of them is one of those that are taken.
    """
    if len(predictions) == 1:
        return [MODEL_NAME]
    named = [each.where if isinstance(each, PairsTable) else each for each in predictions]
    full = [
        str(each) if isinstance(each, str | PurePath) else f"{kind} {place}"
        for place, each in enumerate(named, 1)
    ]
    short = [PurePath(name).name.partition(".")[0] or name for name in full]
    for names in (short, full):
        if len({*names, *taken}) == len(names) + len(taken):
            return names
    return [f"{name} ({place})" for place, name in enumerate(full, 1)]


def _predicted(name: str, scored: ScoredPairs, settings: InputSettings, progress: Progress) -> Predicted:
    """Return what predictions say, with the levels of the ratings where they have probabilities."""
    if scored.probabilities is None or scored.levels is None:
        if scored.has_probabilities:
            progress.warn(
                f"{scored.where}: no metadata tells the levels of the probabilities: only rmse and mae"
            )
        return Predicted(name, scored.prediction)
    level = true_levels(scored, scored.levels, settings)
    dropped = int(np.count_nonzero(level == UNKNOWN))
    if dropped:
        progress.warn(
            f"{scored.where}: {dropped:,} ratings are on no level and left out of all but rmse and mae"
        )
    return Predicted(name, scored.prediction, scored.probabilities, level, scored.levels)


def fingerprint_of(ratings: RatingsTable | None) -> str | None:
    """Return the fingerprint that the ratings' own file carries, or one of their values."""
    if ratings is None:
        return None
    return ratings.metadata.get("fingerprint") or column_fingerprint(ratings.table, "rating")

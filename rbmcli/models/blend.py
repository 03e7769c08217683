"""Several models as one, whose answers are combined as `rbmcli.models.combination` tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rbmcli.config import EnsembleSettings
from rbmcli.kernels.scoring import NOT_OWN
from rbmcli.models.combination import Combination
from rbmcli.models.folding_model import FoldingModel, sources_of
from rbmcli.models.histories import Histories
from rbmcli.models.predictor import Answers, Predictor


@dataclass(frozen=True, kw_only=True)
class BlendModel(FoldingModel):
    """Members and how their answers are combined.

    Attributes
    ----------
    combination : Combination
        How they are combined.
    """

    combination: Combination

    @property
    def kind(self) -> str:
        """Name of its kind."""
        return "ensemble" if isinstance(self.settings, EnsembleSettings) else "blend"

    @property
    def takes_days(self) -> bool:
        """Whether any of its members makes use of the days of ratings."""
        return any(member.takes_days for member in self.members)


class BlendPredictor(Predictor):
    """A blend together with the ratings of the users who are asked for.

    Parameters
    ----------
    model : BlendModel
        The blend.
    histories : Histories
        The users and their ratings.
    members : sequence of Predictor
        Its members, with the same ratings.
    """

    def __init__(self, model: BlendModel, histories: Histories, members: Sequence[Predictor]) -> None:
        self.model: BlendModel = model
        self.histories = histories
        self._members = members
        rated = histories.occasions()
        self._count = np.bincount(rated.user, minlength=len(histories.users))
        # An index of the blend as one of the member; the last entry is what the index -1 finds.
        self._items = [
            np.append(member.model.item_ids.lookup(model.item_ids.values), np.int32(-1)) for member in members
        ]

    def on(self, histories: Histories) -> BlendPredictor:
        """Return the same for other histories."""
        members = [member.on(histories.of(member.model)) for member in self._members]
        return BlendPredictor(self.model, histories, members)

    def answers(
        self, user: np.ndarray, item: np.ndarray, own: np.ndarray, day: np.ndarray | None = None
    ) -> Answers:
        """Return what the blend says of pairs; see `Predictor`."""
        model, values = self.model, self.model.levels.values
        combination = model.combination
        is_own = (own != NOT_OWN) & (item >= 0)
        count = self._count[user] - is_own
        item_count = np.append(model.item_ratings, 0)[item]
        said = [
            member.answers(user, items[item], own, day if member.model.takes_days else None)
            for member, items in zip(self._members, self._items, strict=True)
        ]
        predictions = np.stack([each.prediction for each in said], axis=1)
        mean = combination.predicted(predictions, count, item_count)
        source = sources_of(self.histories, user, item, count)

        def probability() -> np.ndarray:
            """Return level probabilities, float32 (n, K)."""
            pooled = np.zeros((len(user), len(model.levels)), np.float32)
            for share, each in zip(combination.pool, said, strict=True):
                pooled += np.float32(share) * each.probability
            return model.calibrated(pooled, source)

        return Answers(probability, np.clip(mean, values[0], values[-1]), source)


def side_by_side(vectors: Sequence[np.ndarray], places: Sequence[np.ndarray]) -> np.ndarray:
    """Return a vector of length 1 for each item, float64 (items, P): those that members have, side by side.

    The cosine of two items that all know is the mean of those of the members.

    Parameters
    ----------
    vectors : sequence of ndarray
        Vectors of length 1 of the items of each member.
    places : sequence of ndarray of int, shape (items,)
        Index that each item has there; -1 for one that the member does not know.
    """
    # A last vector is what the index -1 finds.
    parts = [
        np.vstack([part, np.zeros((1, part.shape[1]))])[place]
        for part, place in zip(vectors, places, strict=True)
    ]
    whole = np.hstack(parts)
    length = np.linalg.norm(whole, axis=1, keepdims=True)
    return np.asarray(whole / np.where(length > 0, length, 1))

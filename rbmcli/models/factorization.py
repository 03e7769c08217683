"""A Bayesian matrix factorization: samples of what items are, into which users are folded by their ratings.

The model and its sampler are told in `rbmcli.models.gibbs`. An expected rating is the mean over samples of
what the posterior mean of the user's factors gives, each kept within the scale; its variance is that between
samples and the mean of that within.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rbmcli.kernels.factor_folding import ItemSamples, fold_in
from rbmcli.kernels.scoring import NOT_OWN
from rbmcli.models.folding_model import sources_of
from rbmcli.models.histories import Histories
from rbmcli.models.mean_model import MeanModel
from rbmcli.models.predictor import Answers, Predictor


@dataclass(frozen=True, kw_only=True)
class FactorizationModel(MeanModel):
    """A factorization with all that a model of ratings has.

    Attributes
    ----------
    mean : float
        mu.
    samples : ItemSamples
        What is known of its items, by sample.
    """

    mean: float
    samples: ItemSamples

    @property
    def kind(self) -> str:
        """Name of its kind."""
        return "mf"


class FactorizationPredictor(Predictor):
    """A factorization together with the ratings of the users who are asked for."""

    def __init__(self, model: FactorizationModel, histories: Histories) -> None:
        self.model: FactorizationModel = model
        self.histories = histories
        self._known = histories.known()
        self._value = model.levels.values[self._known.level].astype(np.float64)

    def on(self, histories: Histories) -> FactorizationPredictor:
        """Return the same for other histories."""
        return FactorizationPredictor(self.model, histories)

    def answers(
        self, user: np.ndarray, item: np.ndarray, own: np.ndarray, day: np.ndarray | None = None
    ) -> Answers:
        """Return what the model says of pairs; see `Predictor`."""
        values = self.model.levels.values.astype(np.float64)
        is_own = (own != NOT_OWN) & (item >= 0)
        rating = np.full(len(user), np.nan)
        rating[is_own] = values[own[is_own]]
        mean, variance = expected(
            self.model.samples,
            self.model.mean,
            (self._known.start, self._known.column, self._value),
            (user, item, rating),
            (float(values[0]), float(values[-1])),
        )
        count = np.diff(self._known.start)[user] - is_own
        source = sources_of(self.histories, user, item, count)
        return self.model.answers(mean, variance, source, lambda: self.histories.count_left(user, own), item)


def expected(
    samples: ItemSamples,
    base: float,
    known: tuple[np.ndarray, np.ndarray, np.ndarray],
    asked: tuple[np.ndarray, np.ndarray, np.ndarray],
    scale: tuple[float, float],
) -> tuple[np.ndarray, np.ndarray]:
    """Return expected ratings of pairs, on the scale, and their variance, both float64 (n,).

    Parameters
    ----------
    samples : ItemSamples
        Of M items.
    base : float
        mu.
    known : tuple of ndarrays, shapes (U + 1,), (ratings,) and (ratings,)
        First rating of each user; item and value of each rating.
    asked : tuple of ndarrays, shape (n,)
        User, item (-1 for one that is not known) and, if it is among the known ones and is to be left out of
        them, rating of each pair, else NaN.
    scale : tuple of float
        Its ends.
    """
    start, item, value = known
    order = np.argsort(asked[0], kind="stable")
    ask_start = np.zeros(len(start), np.int64)
    np.cumsum(np.bincount(asked[0], minlength=len(start) - 1), out=ask_start[1:])
    unknown = samples.factors.shape[1] - 1
    ask_item = np.where(asked[1] < 0, unknown, asked[1]).astype(np.int32)
    said = np.empty((3, len(order)))
    fold_in(
        start,
        np.ascontiguousarray(item, np.int32),
        np.ascontiguousarray(value, np.float64),
        ask_start,
        ask_item[order],
        np.ascontiguousarray(asked[2][order], np.float64),
        samples,
        base,
        *scale,
        *said,
    )
    mean, square, within = np.empty_like(said)
    for target, source in zip((mean, square, within), said, strict=True):
        target[order] = source
    return np.clip(mean, *scale), np.maximum(square - mean**2, 0) + within


def vectors_of_factors(model: FactorizationModel) -> np.ndarray:
    """Return a vector of length 1 for each item, float64 (items, S F): its factors in all samples.

    In each sample less the mean of all items. Factors of different samples may be turned against each other;
    the cosine of two items is the same for all that, a mean of those of the samples by length.
    """
    factors = model.samples.factors[:, :-1, 1:].astype(np.float64)
    factors -= factors.mean(axis=1, keepdims=True)
    vectors = factors.swapaxes(0, 1).reshape(factors.shape[1], -1)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(length > 0, length, 1))

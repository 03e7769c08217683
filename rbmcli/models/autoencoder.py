"""An autoencoder of the ratings of users, or of items, with all that a model of ratings has.

The network is told in `rbmcli.kernels.autoencoder`. By user a history gives the units of the last layer. By
item these are stored, and a user has weights: those of training, or, for other ratings, a ridge regression
of them on the last layers of the items that were rated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rbmcli.config.autoencoder import AutoencoderSettings
from rbmcli.data.ratings import CompressedRows
from rbmcli.kernels.autoencoder_arrays import Centring, Weights
from rbmcli.kernels.autoencoder_scoring import RowSums, encode_rows, score_rows, sum_rows
from rbmcli.kernels.ridge import ridge_groups
from rbmcli.kernels.scoring import NOT_OWN
from rbmcli.models.folding_model import sources_of
from rbmcli.models.histories import Histories
from rbmcli.models.mean_model import MeanModel
from rbmcli.models.predictor import Answers, Predictor


@dataclass(frozen=True)
class Autoencoder:
    """A trained network over N columns.

    Attributes
    ----------
    sizes : tuple of int
        Units of each layer.
    weights : Weights
        Its parameters.
    mean : float
        mu.
    centring : Centring
        What its input is taken less of.
    """

    sizes: tuple[int, ...]
    weights: Weights
    mean: float
    centring: Centring

    @property
    def layers(self) -> np.ndarray:
        """Units of each layer, int64 (L,)."""
        return np.array(self.sizes, np.int64)

    def sums_of(self, rows: CompressedRows) -> RowSums:
        """Return what is known of rows by their ratings."""
        sums = RowSums.zeros(len(rows), self.weights.given.shape[1])
        sum_rows(rows.start, rows.column, rows.level, self.weights, self.centring, sums)
        return sums

    def said(self, sums: RowSums, row: np.ndarray, column: np.ndarray, own: np.ndarray) -> np.ndarray:
        """Return expected ratings of pairs, float64 (n,), which may be off the scale.

        Parameters
        ----------
        sums : RowSums
            The rows.
        row, column : ndarray of int, shape (n,)
            The pairs.
        own : ndarray of uint8, shape (n,)
            Level of the pair's rating in the row, which is then left out of it; `NOT_OWN` elsewhere.
        """
        order = np.argsort(row, kind="stable")
        start = np.zeros(len(sums.rated) + 1, np.int64)
        np.cumsum(np.bincount(row, minlength=len(sums.rated)), out=start[1:])
        said, result = np.empty(len(row)), np.empty(len(row))
        asked = np.ascontiguousarray(column[order], np.int32), np.ascontiguousarray(own[order], np.uint8)
        score_rows(start, *asked, sums, self.weights, self.layers, self.centring, said)
        result[order] = said
        return self.mean + result

    def codes(self, sums: RowSums) -> tuple[np.ndarray, np.ndarray]:
        """Return the last layer of rows, float32 (R, Q), and their effects, float32 (R,)."""
        count = len(sums.rated)
        code = np.empty((count, self.weights.output.shape[1]), np.float32)
        effect = np.empty(count, np.float32)
        encode_rows(sums, self.weights, self.layers, self.centring, code, effect)
        return code, effect


@dataclass(frozen=True, kw_only=True)
class AutoencoderModel(MeanModel):
    """An autoencoder with all that a model of ratings has.

    Attributes
    ----------
    settings : AutoencoderSettings
        How it was trained.
    network : Autoencoder
        What was trained.
    sums : RowSums or None
        Of models by item: the rows.
    variance : float
        Mean squared error of ratings that were hidden from the input.
    """

    settings: AutoencoderSettings
    network: Autoencoder
    sums: RowSums | None
    variance: float

    @property
    def kind(self) -> str:
        """Name of its kind."""
        return "autoencoder"

    @property
    def rows(self) -> str:
        """Whose ratings make one training case."""
        return self.settings.rows


class AutoencoderPredictor(Predictor):
    """An autoencoder together with the ratings of the users who are asked for."""

    def __init__(self, model: AutoencoderModel, histories: Histories) -> None:
        self.model: AutoencoderModel = model
        self.histories = histories
        self._known = histories.known()
        self._sums = model.network.sums_of(self._known) if model.sums is None else model.sums

    def on(self, histories: Histories) -> AutoencoderPredictor:
        """Return the same for other histories."""
        return AutoencoderPredictor(self.model, histories)

    def answers(
        self, user: np.ndarray, item: np.ndarray, own: np.ndarray, day: np.ndarray | None = None
    ) -> Answers:
        """Return what the model says of pairs; see `Predictor`."""
        model, histories = self.model, self.histories
        known_own = np.where(item >= 0, own, np.uint8(NOT_OWN))
        count = np.diff(self._known.start)[user] - (known_own != NOT_OWN)
        expected = self._by_item if model.rows == "item" else self._by_user
        mean = np.clip(expected(user, item, known_own), model.levels.values[0], model.levels.values[-1])
        item_count = np.append(model.item_ratings, 0)[item]
        variance = unsure(model.variance, float(model.network.centring.penalty), count, item_count)
        source = sources_of(histories, user, item, count)
        return model.answers(mean, variance, source, lambda: histories.count_left(user, own), item)

    def _by_user(self, user: np.ndarray, item: np.ndarray, own: np.ndarray) -> np.ndarray:
        network, known = self.model.network, item >= 0
        mean = np.empty(len(user))
        mean[known] = network.said(self._sums, user[known], item[known], own[known])
        # Of an item that is not known there is no more to say than how the user rates.
        _, effect = network.codes(self._sums)
        mean[~known] = network.mean + effect[user[~known]]
        return mean

    def _by_item(self, user: np.ndarray, item: np.ndarray, own: np.ndarray) -> np.ndarray:
        model, histories = self.model, self.histories
        assert model.sums is not None
        network, mean = model.network, np.empty(len(user))
        known, served = item >= 0, histories.as_trained[user]
        column = histories.model_user[user]
        bias = network.weights.bias[:, 0].astype(np.float64) + network.centring.effect
        trained = known & served
        mean[trained] = network.said(model.sums, item[trained], column[trained], own[trained])
        unknown = ~known & served
        mean[unknown] = network.mean + bias[column[unknown]]
        other = np.flatnonzero(~served)
        mean[other] = self._folded_in(user[other], item[other], own[other], bias)
        return mean

    def _folded_in(self, user: np.ndarray, item: np.ndarray, own: np.ndarray, bias: np.ndarray) -> np.ndarray:
        """Return expected ratings of pairs of users whose weights are fitted to their ratings."""
        network, sums, histories = self.model.network, self.model.sums, self.histories
        assert sums is not None
        code, effect = network.codes(sums)
        features = np.hstack([code[:, : network.sizes[-1]], np.ones((len(code), 1), np.float32)])
        output = network.weights.output[:, : network.sizes[-1]].astype(np.float64)
        trained = np.hstack([output, bias[:, None]])
        people, place = np.unique(user, return_inverse=True)
        start, source = self._ratings_of(people)
        row = self._known.column[source]
        level = self.model.levels.values[self._known.level[source]].astype(np.float64)
        target = level - network.mean - effect[row]
        centre = np.where(
            (histories.model_user[people] >= 0)[:, None],
            trained[histories.model_user[people]],
            trained.mean(axis=0),
        )
        spread = np.maximum(trained.var(axis=0), _LEAST_SPREAD)
        penalty = (
            FOLDING
            * self.model.variance
            / np.append(np.full(len(spread) - 1, spread[:-1].mean()), spread[-1])
        )
        # Where a pair is one of the user's own, it is among the targets.
        own_place = np.full(len(user), -1)
        is_own = np.flatnonzero(own != NOT_OWN)
        group = np.repeat(np.arange(len(people)), np.diff(start))
        keys = group * len(code) + row
        own_place[is_own] = np.searchsorted(keys, place[is_own] * len(code) + item[is_own])
        wanted = np.zeros(len(row), bool)
        wanted[own_place[is_own]] = True
        value, left = np.empty_like(centre), np.empty(len(row))
        ridge_groups(start, row, target, features, penalty, centre, wanted, value, left)
        said = np.einsum("nf,nf->n", np.append(features, features[:1] * 0, axis=0)[item], value[place])
        said += np.append(effect.astype(np.float64), 0.0)[item]
        nothing = np.flatnonzero(item < 0)
        said[nothing] = value[place[nothing], -1]
        said[is_own] = left[own_place[is_own]] + effect[item[is_own]]
        return np.asarray(network.mean + said)

    def _ratings_of(self, people: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the first of the ratings of each of some users, and where these stand."""
        lengths = np.diff(self._known.start)[people]
        start = np.zeros(len(people) + 1, np.int64)
        np.cumsum(lengths, out=start[1:])
        within = np.arange(start[-1]) - np.repeat(start[:-1], lengths)
        return start, np.repeat(self._known.start[people], lengths) + within


def unsure(variance: float, penalty: float, user_count: np.ndarray, item_count: np.ndarray) -> np.ndarray:
    """Return the variance of expected ratings by what few ratings of a user, or of an item, leave open.

    Parameters
    ----------
    variance : float
        Mean squared error of a rating.
    penalty : float
        Ratings of no effect that count against those that there are.
    user_count, item_count : ndarray of int, shape (n,)
        Ratings of each pair's user and item.
    """
    return np.asarray(variance * (1 / (penalty + user_count) + 1 / (penalty + item_count)))


def vectors_of_codes(model: AutoencoderModel) -> np.ndarray:
    """Return a vector of length 1 for each item, float64 (items, Q): what the network knows it by.

    By item that is the last layer, by user the weights of its output, each less its mean over items.
    """
    network = model.network
    found = network.weights.output if model.sums is None else network.codes(model.sums)[0]
    vectors = found[:, : network.sizes[-1]].astype(np.float64)
    vectors -= vectors.mean(axis=0)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(length > 0, length, 1))


FOLDING = 0.05
"""What the pull of new users' weights to the mean user is taken times."""

_LEAST_SPREAD = 1e-6

"""A Gibbs sampler of matrix factorization: r_ui ~ N(mu + b_u + c_i + p_u . q_i, 1 / alpha).

A user's factors are p_u = x_u + w_u sum_{j in N(u)} y_j, with N(u) the items that the user has rated and
w_u = 1 / sqrt(|N(u)|), so that having rated an item tells of the user whatever the rating; and those of an
item likewise, by who has rated it. The biases are factors of the same form, whose other side is 1
throughout. Own and implicit parts of each factor have normal priors, whose mean and precision are drawn too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rbmcli.data.ratings import CompressedRows
from rbmcli.kernels.arithmetic import derive
from rbmcli.kernels.factor_folding import ItemSamples
from rbmcli.kernels.factorization import draw_implicit, draw_own, move_residuals

PRIOR_SHAPE, PRIOR_RATE, PRIOR_PAIRS = 1.0, 1.0, 1.0
"""Of the normal-gamma prior of a factor's mean and precision, and of the gamma prior of alpha."""

FIRST_DEVIATION = 0.1
"""Of the factors that sampling starts from."""


@dataclass
class _Side:
    """Users or items: their ratings, and their factors; the first factor is the bias."""

    start: np.ndarray
    other: np.ndarray
    place: np.ndarray
    weight: np.ndarray
    own: np.ndarray
    implicit: np.ndarray
    total: np.ndarray
    prior: np.ndarray
    implicit_prior: np.ndarray

    @classmethod
    def of(cls, ratings: CompressedRows, place: np.ndarray, own: np.ndarray) -> _Side:
        """Return a side whose own factors are given, and whose implicit ones are 0."""
        counts = np.diff(ratings.start)
        factors = len(own)
        start = np.tile([0.0, 1.0], (factors, 1))
        return cls(
            ratings.start,
            ratings.column,
            place,
            1 / np.sqrt(np.maximum(counts, 1)),
            own,
            np.zeros((factors, ratings.columns)),
            own.copy(),
            start.copy(),
            start.copy(),
        )


class Sampler:
    """Samples of a factorization of ratings, one after the other.

    Parameters
    ----------
    ratings : CompressedRows
        Rows are users, columns items.
    rating : ndarray of float64, shape (ratings,)
        Value of each of them.
    factors : int
        F.
    implicit : bool
        Whether having rated, and having been rated by, counts.
    seed : int
        Equal seeds draw the same samples, at any number of threads.
    """

    def __init__(
        self, ratings: CompressedRows, rating: np.ndarray, factors: int, seed: int, *, implicit: bool = True
    ) -> None:
        self._generator, self._seed, self._sweep = np.random.default_rng([seed, 2]), seed, 0
        self._implicit, self.factors = implicit, factors
        by_item = np.argsort(ratings.column, kind="stable").astype(np.int32)
        users, items = len(ratings), ratings.columns
        own = [self._generator.normal(0, FIRST_DEVIATION, (factors + 1, count)) for count in (users, items)]
        for each in own:
            each[0] = 0.0
        self.mean = float(np.mean(rating))
        self.users = _Side.of(ratings, np.arange(ratings.n_ratings, dtype=np.int32), own[0])
        self.items = _Side.of(ratings.transposed(), by_item, own[1])
        row, column = ratings.row_of_each(), ratings.column
        self.residual = rating - self.predicted(row, column)
        self.alpha = 1.0
        self._ones = np.ones(max(users, items))
        self._work = [np.empty((3, users)), np.empty((3, items))]

    def predicted(self, user: np.ndarray, item: np.ndarray) -> np.ndarray:
        """Return the expected ratings of pairs by the present sample, float64 (n,)."""
        users, items = self.users.total, self.items.total
        said = self.mean + users[0, user] + items[0, item]
        for factor in range(1, self.factors + 1):
            said += users[factor, user] * items[factor, item]
        return said

    def sweep(self) -> None:
        """Draw everything once: the precision of ratings, and then each factor of users and of items."""
        squares = float(np.sum(self.residual**2))
        shape, rate = PRIOR_SHAPE + len(self.residual) / 2, PRIOR_RATE + squares / 2
        self.alpha = self._generator.gamma(shape, 1 / rate)
        for factor in range(self.factors + 1):
            for side, (one, other) in enumerate(((self.users, self.items), (self.items, self.users))):
                self._draw(factor, one, other, side)
        self._sweep += 1

    def _draw(self, factor: int, one: _Side, other: _Side, side: int) -> None:
        of_other = self._ones[: other.total.shape[1]] if factor == 0 else other.total[factor]
        gain, pull, change = self._work[side]
        one.prior[factor] = self._drawn_prior(one.own[factor])
        key = self._key(factor, 2 * side)
        ratings = one.start, one.other, one.place
        draw_own(
            *ratings,
            self.residual,
            of_other,
            self.alpha,
            one.prior[factor],
            key,
            one.own[factor],
            gain,
            pull,
            change,
        )
        if self._implicit:
            one.implicit_prior[factor] = self._drawn_prior(one.implicit[factor])
            draw_implicit(
                other.start,
                other.other,
                one.weight,
                self.alpha,
                one.implicit_prior[factor],
                self._key(factor, 2 * side + 1),
                one.implicit[factor],
                gain,
                pull,
                change,
            )
        move_residuals(*ratings, of_other, change, one.total[factor], self.residual)

    def _drawn_prior(self, values: np.ndarray) -> np.ndarray:
        """Return mean and precision of normal values, drawn given these: float64 (2,)."""
        count, mean = len(values), float(np.mean(values))
        shape = PRIOR_SHAPE + count / 2
        spread = float(np.sum((values - mean) ** 2)) + count * mean**2 * PRIOR_PAIRS / (count + PRIOR_PAIRS)
        precision = self._generator.gamma(shape, 1 / (PRIOR_RATE + spread / 2))
        pairs = count + PRIOR_PAIRS
        drawn = self._generator.normal(count * mean / pairs, 1 / np.sqrt(pairs * precision))
        return np.array([drawn, precision])

    def _key(self, factor: int, what: int) -> np.uint64:
        key = np.uint64(self._seed)
        # Outside a kernel numpy scalars warn of the overflow that a hash is made of.
        with np.errstate(over="ignore"):
            for number in (self._sweep, factor, what):
                key = np.uint64(derive(key, number))
        return key

    def sample(self) -> tuple[np.ndarray, ...]:
        """Return what `ItemSamples` holds of the present sample, each array without its first axis."""
        items, users = self.items, self.users
        count = items.total.shape[1]
        # In the last place stands what is expected of an item that nobody has rated.
        features = np.ones((count + 1, self.factors + 1), np.float32)
        features[:count, :-1], features[count, :-1] = items.total[1:].T, items.prior[1:, 0]
        implicit = np.zeros((count + 1, self.factors + 1), np.float32)
        implicit[:count, :-1], implicit[:count, -1] = users.implicit[1:].T, users.implicit[0]
        bias = np.append(items.total[0], items.prior[0, 0]).astype(np.float32)
        order = [*range(1, self.factors + 1), 0]
        return features, implicit, bias, users.prior[order, 0], users.prior[order, 1], np.array(self.alpha)


def stacked(samples: list[tuple[np.ndarray, ...]]) -> ItemSamples:
    """Return samples as one."""
    return ItemSamples(*(np.stack(parts) for parts in zip(*samples, strict=True)))

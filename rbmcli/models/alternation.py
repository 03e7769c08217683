"""The two sides of a matrix factorization, users and items, each of which is found given the other.

Ratings are standardised, r_ui = mu + d t_ui, so that priors and penalties mean the same on any scale.
Expected of t_ui is b_u + c_i + p_u . q_i, and of bias and factors of a user m + s w_u sum_{j in N(u)} y_j,
with N(u) the items that the user has rated and w_u = 1 / sqrt(|N(u)|); of those of an item likewise, by who
has rated it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rbmcli.data.ratings import CompressedRows
from rbmcli.kernels.arithmetic import derive
from rbmcli.kernels.factor_folding import ItemSamples
from rbmcli.kernels.factorization import add_implicit, draw_implicit, draw_rows
from rbmcli.kernels.normal_equations import LANES, padded

FIRST_DEVIATION = 0.1
"""Of the factors to begin with."""

CALL = 1 << 19
"""Ratings of a call of a kernel, about: what bounds its time. A row counts as much as ratings besides."""


class Side:
    """Users or items: their ratings, and what is known of them; the first factor is the bias.

    Attributes
    ----------
    factors : ndarray of float32, shape (R, P)
        Bias and factors of each row, with zeros up to a multiple of LANES.
    mean, precision : ndarray of float64, shape (P,)
        m, and how much a row is held to what is expected of it.
    implicit : ndarray of float32, shape (C, P)
        y of each column.
    scale, implicit_precision : ndarray of float64, shape (P,)
        s, and how much y is held to 0.
    added : ndarray of float32, shape (R, P)
        w sum y of each row.
    noise_precision : ndarray of float64, shape (R,)
        g, how precise the ratings of each row are beside those of all.
    count : ndarray of int64, shape (R,)
        Ratings of each row.
    squares : ndarray of float64, shape (R,)
        Sums of squares of what the ratings of a row are above their predictions, when it was last found,
        each times g of its column.
    """

    def __init__(self, ratings: CompressedRows, value: np.ndarray, factors: np.ndarray) -> None:
        size, self.count = factors.shape[1], np.diff(ratings.start)
        self.start, self.column, self.value, self.factors = ratings.start, ratings.column, value, factors
        self.weight = (1 / np.sqrt(np.maximum(self.count, 1))).astype(np.float32)
        # By each column, the sum of w^2 over the rows that rated it.
        self.gain = np.bincount(ratings.column, np.repeat(self.weight, self.count) ** 2, ratings.columns)
        self.mean, self.precision = np.zeros(size), np.ones(size)
        self.implicit = np.zeros((ratings.columns, size), np.float32)
        # What comes after the factors that are used has no scale, and so stays 0.
        self.scale, self.implicit_precision = np.zeros(size), np.ones(size)
        self.added = np.zeros_like(factors)
        self.noise_precision, self.squares = np.ones(len(factors)), np.zeros(len(factors))
        self.calls = list(_calls(self.start, size))

    def expected(self) -> np.ndarray:
        """Return what is expected of bias and factors, float32 (R, P)."""
        return (self.mean + self.scale * self.added).astype(np.float32)


def _calls(start: np.ndarray, cost: int) -> Iterator[tuple[int, int]]:
    """Yield the first row of each call of a kernel and the one after its last."""
    work = start + cost * np.arange(len(start))
    first = 0
    while first < len(start) - 1:
        last = max(int(np.searchsorted(work, work[first] + CALL, "right")) - 1, first + 1)
        yield first, last
        first = last


class Alternation:
    """Users and items of a factorization, and what finds the one given the other.

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
        Equal seeds find the same, at any number of threads.
    """

    noisy: bool
    """Whether what is found is drawn from a posterior, or is the mean of that."""

    def __init__(
        self, ratings: CompressedRows, rating: np.ndarray, factors: int, seed: int, *, implicit: bool = True
    ) -> None:
        self._generator, self._seed, self._sweep = np.random.default_rng([seed, 2]), seed, 0
        self._implicit, self.size = implicit, factors + 1
        self.mean, self.deviation = float(np.mean(rating)), float(np.std(rating)) or 1.0
        value = ((rating - self.mean) / self.deviation).astype(np.float32)
        by_item, transposed = np.argsort(ratings.column, kind="stable"), ratings.transposed()
        self.users = Side(ratings, value, self._first_factors(len(ratings)))
        self.items = Side(transposed, value[by_item], self._first_factors(ratings.columns))
        self.alpha = 1.0

    def _first_factors(self, count: int) -> np.ndarray:
        factors = np.zeros((count, padded(self.size)), np.float32)
        factors[:, 1 : self.size] = self._generator.normal(0, FIRST_DEVIATION, (count, self.size - 1))
        return factors

    def predicted(self, user: np.ndarray, item: np.ndarray) -> np.ndarray:
        """Return the expected ratings of pairs as things stand, float64 (n,)."""
        users, items = self.users.factors, self.items.factors
        said = np.einsum("nf,nf->n", users[user, 1:], items[item, 1:])
        said = said.astype(np.float64) + users[user, 0] + items[item, 0]
        return np.asarray(self.mean + self.deviation * said)

    def _mean_square(self, last: Side, other: Side) -> float:
        """Return the mean square of what ratings are above predictions, `last` being found last.

        It is weighted by g of the other side.
        """
        weights = float(other.count @ other.noise_precision)
        return self.deviation**2 * float(np.sum(last.squares)) / max(weights, 1e-9)

    def _find_rows(self, side: int, one: Side, other: Side) -> None:
        """Find bias and factors of the rows of one side."""
        key, expected = self._key(2 * side), one.expected()
        for first, last in one.calls:
            draw_rows(
                first,
                last,
                one.start,
                one.column,
                one.value,
                other.factors,
                other.noise_precision,
                self.alpha,
                one.noise_precision,
                one.precision,
                self.size,
                expected,
                self.noisy,
                key,
                one.factors,
                one.squares,
            )

    def _find_implicit(self, side: int, one: Side, other: Side) -> None:
        """Find y of one side, and what it adds to its rows."""
        key = self._key(2 * side + 1)
        left = _in_lanes(self._above_mean(one) - (one.scale * one.added).astype(np.float32))
        implicit = _in_lanes(one.implicit)
        for first, last in other.calls:
            draw_implicit(
                first,
                last,
                other.start,
                other.column,
                one.weight,
                one.gain,
                *(_in_lanes(each) for each in (one.scale, one.precision, one.implicit_precision)),
                self.noisy,
                key,
                left,
                implicit,
            )
        one.implicit = _out_of_lanes(implicit)
        for first, last in one.calls:
            add_implicit(first, last, one.start, one.column, one.weight, one.implicit, one.added)

    @staticmethod
    def _above_mean(one: Side) -> np.ndarray:
        return one.factors - one.mean.astype(np.float32)

    def _key(self, what: int) -> np.uint64:
        key = np.uint64(self._seed)
        # Outside a kernel numpy scalars warn of the overflow that a hash is made of.
        with np.errstate(over="ignore"):
            for number in (self._sweep, what):
                key = np.uint64(derive(key, number))
        return key

    def sample(self) -> tuple[np.ndarray, ...]:
        """Return what `ItemSamples` holds of how things stand, each array without its first axis."""
        items, users, deviation = self.items, self.users, self.deviation
        # In the last place stands what is expected of an item that nobody has rated.
        factors = np.vstack([items.factors, items.mean.astype(np.float32)]) * np.float32(deviation)
        # The bias of a user is in the unit of ratings, the factors are in none: theirs is that of the items.
        unit = np.ones(factors.shape[1])
        unit[0] = deviation
        implicit = np.zeros_like(factors)
        # Without what pads them: numbers times 0 are zeros of two signs.
        implicit[:-1, : self.size] = (users.implicit * (users.scale * unit))[:, : self.size]
        noise_precision = np.append(items.noise_precision, 1).astype(np.float32)
        # Of a user who is folded in g is 1: that of ratings whose variance is the mean over all.
        variance = float(users.count @ (1 / users.noise_precision)) / max(len(users.value), 1) / self.alpha
        alpha = np.array(1 / (variance * deviation**2))
        return factors, implicit, users.mean * unit, users.precision / unit**2, noise_precision, alpha


def _in_lanes(values: np.ndarray) -> np.ndarray:
    """Return numbers of factors, (..., P), with those of some factors together, (P / LANES, ..., LANES)."""
    lanes = values.reshape(*values.shape[:-1], -1, LANES)
    return np.ascontiguousarray(np.moveaxis(lanes, -2, 0))


def _out_of_lanes(lanes: np.ndarray) -> np.ndarray:
    """Return them as they were."""
    values = np.moveaxis(lanes, 0, -2)
    return np.ascontiguousarray(values.reshape(*values.shape[:-2], -1))


def stacked(samples: list[tuple[np.ndarray, ...]]) -> ItemSamples:
    """Return samples as one."""
    return ItemSamples(*(np.stack(parts) for parts in zip(*samples, strict=True)))

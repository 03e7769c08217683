"""A Gibbs sampler of matrix factorization: r_ui ~ N(mu + b_u + c_i + p_u . q_i, 1 / alpha).

Bias and factors of a user are p_u = m + s w_u sum_{j in N(u)} y_j + e_u, with N(u) the items that the user
has rated and w_u = 1 / sqrt(|N(u)|), so that having rated an item tells of the user whatever the rating; and
those of an item likewise, by who has rated it. e_u and y_j are normal around 0, and of each factor their
precision, m and s are drawn too. A scale s of its own makes what is drawn of y follow fast; what comes of it
is a prior of the deviation of s y like half a Cauchy distribution.

Ratings are standardised first, so that priors mean the same on any scale.

Source of s: A. Gelman (2006), "Prior distributions for variance parameters in hierarchical models", Bayesian
Analysis 1.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rbmcli.data.ratings import CompressedRows
from rbmcli.kernels.arithmetic import derive
from rbmcli.kernels.factor_folding import ItemSamples
from rbmcli.kernels.factorization import add_implicit, draw_implicit, draw_rows
from rbmcli.kernels.normal_equations import LANES, padded

PRIOR_SHAPE, PRIOR_RATE, PRIOR_PAIRS = 1.0, 0.1, 1.0
"""Of the normal-gamma prior of mean and precision of a factor."""

IMPLICIT_SHAPE, IMPLICIT_RATE = 0.5, 0.5
"""Of the gamma prior of the precision of y."""

NOISE_SHAPE, NOISE_RATE = 1.0, 1.0
"""Of the gamma prior of alpha."""

FIRST_DEVIATION = 0.1
"""Of the factors that sampling starts from."""

CALL = 1 << 19
"""Ratings of a call of a kernel, about: what bounds its time. A row counts as much as ratings besides."""


class _Side:
    """Users or items: their ratings, and what is drawn of them; the first factor is the bias."""

    def __init__(self, ratings: CompressedRows, value: np.ndarray, factors: np.ndarray, used: int) -> None:
        size = factors.shape[1]
        self.start, self.column, self.value, self.factors = ratings.start, ratings.column, value, factors
        self.weight = (1 / np.sqrt(np.maximum(np.diff(ratings.start), 1))).astype(np.float32)
        self.mean, self.precision = np.zeros(size), np.ones(size)
        self.precision[:used] = FIRST_DEVIATION**-2
        self.implicit = np.zeros((ratings.columns, size), np.float32)
        self.scale, self.implicit_precision = np.zeros(size), np.ones(size)
        # What comes after the factors that are used has no scale, and so stays 0.
        self.scale[:used] = FIRST_DEVIATION
        self.added = np.zeros_like(factors)
        self.squares = np.zeros(len(factors))
        self.calls = list(_calls(self.start, size))

    def expected(self) -> np.ndarray:
        """Return e, what is expected of bias and factors, float32 (R, P)."""
        return (self.mean + self.scale * self.added).astype(np.float32)


def _calls(start: np.ndarray, cost: int) -> Iterator[tuple[int, int]]:
    """Yield the first row of each call of a kernel and the one after its last."""
    work = start + cost * np.arange(len(start))
    first = 0
    while first < len(start) - 1:
        last = max(int(np.searchsorted(work, work[first] + CALL, "right")) - 1, first + 1)
        yield first, last
        first = last


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
        self._implicit, self.size = implicit, factors + 1
        self.mean, self.deviation = float(np.mean(rating)), float(np.std(rating)) or 1.0
        value = ((rating - self.mean) / self.deviation).astype(np.float32)
        by_item, transposed = np.argsort(ratings.column, kind="stable"), ratings.transposed()
        self.users = _Side(ratings, value, self._first_factors(len(ratings)), self.size)
        self.items = _Side(transposed, value[by_item], self._first_factors(ratings.columns), self.size)
        self.alpha = 1.0
        # By each column, the sum of w^2 over the rows that rated it.
        self._gain = [
            np.bincount(one.column, one.weight[_row_of_each(one)] ** 2, len(one.implicit))
            for one in (self.users, self.items)
        ]

    def _first_factors(self, count: int) -> np.ndarray:
        factors = np.zeros((count, padded(self.size)), np.float32)
        factors[:, 1 : self.size] = self._generator.normal(0, FIRST_DEVIATION, (count, self.size - 1))
        return factors

    def predicted(self, user: np.ndarray, item: np.ndarray) -> np.ndarray:
        """Return the expected ratings of pairs by the present sample, float64 (n,)."""
        users, items = self.users.factors, self.items.factors
        said = np.einsum("nf,nf->n", users[user, 1:], items[item, 1:])
        said = said.astype(np.float64) + users[user, 0] + items[item, 0]
        return np.asarray(self.mean + self.deviation * said)

    def mean_square(self) -> float:
        """Return the mean square of what ratings are above their predictions by the present sample."""
        return self.deviation**2 * float(np.sum(self.items.squares)) / max(len(self.items.value), 1)

    def sweep(self) -> None:
        """Draw everything once: users, items, each with their priors, and the precision of ratings."""
        self._draw(0, self.users, self.items)
        self._draw(1, self.items, self.users)
        shape = NOISE_SHAPE + len(self.items.value) / 2
        rate = NOISE_RATE + float(np.sum(self.items.squares)) / 2
        self.alpha = float(self._generator.gamma(shape, 1 / rate))
        self._sweep += 1

    def _draw(self, side: int, one: _Side, other: _Side) -> None:
        key, expected = self._key(2 * side), one.expected()
        for first, last in one.calls:
            draw_rows(
                first,
                last,
                one.start,
                one.column,
                one.value,
                other.factors,
                self.alpha,
                one.precision,
                self.size,
                expected,
                key,
                one.factors,
                one.squares,
            )
        self._draw_prior(one)
        if self._implicit:
            self._draw_implicit(side, one, other)

    def _draw_prior(self, one: _Side) -> None:
        """Draw mean and precision of each factor of the rows around what their ratings add."""
        own = (one.factors - one.scale * one.added)[:, : self.size].astype(np.float64)
        count, mean = len(own), np.mean(own, axis=0)
        spread = np.sum((own - mean) ** 2, axis=0) + count * mean**2 * PRIOR_PAIRS / (count + PRIOR_PAIRS)
        pairs = count + PRIOR_PAIRS
        precision = self._generator.gamma(PRIOR_SHAPE + count / 2, 1 / (PRIOR_RATE + spread / 2))
        one.precision[: self.size] = precision
        one.mean[: self.size] = self._generator.normal(count * mean / pairs, 1 / np.sqrt(pairs * precision))

    def _draw_implicit(self, side: int, one: _Side, other: _Side) -> None:
        """Draw y, then its scale, and then its precision."""
        key, target = self._key(2 * side + 1), one.factors - one.mean.astype(np.float32)
        left = _in_lanes(target - (one.scale * one.added).astype(np.float32))
        implicit = _in_lanes(one.implicit)
        for first, last in other.calls:
            draw_implicit(
                first,
                last,
                other.start,
                other.column,
                one.weight,
                self._gain[side],
                *(_in_lanes(each) for each in (one.scale, one.precision, one.implicit_precision)),
                key,
                left,
                implicit,
            )
        one.implicit = _out_of_lanes(implicit)
        for first, last in one.calls:
            add_implicit(first, last, one.start, one.column, one.weight, one.implicit, one.added)
        size, added = self.size, one.added.astype(np.float64)
        precision = 1 + one.precision * np.sum(added**2, axis=0)
        mean = one.precision * np.sum(added * target, axis=0) / precision
        one.scale[:size] = self._generator.normal(mean[:size], 1 / np.sqrt(precision[:size]))
        squares = np.sum(one.implicit[:, :size].astype(np.float64) ** 2, axis=0)
        shape, rate = IMPLICIT_SHAPE + len(one.implicit) / 2, IMPLICIT_RATE + squares / 2
        one.implicit_precision[:size] = self._generator.gamma(shape, 1 / rate)

    def _key(self, what: int) -> np.uint64:
        key = np.uint64(self._seed)
        # Outside a kernel numpy scalars warn of the overflow that a hash is made of.
        with np.errstate(over="ignore"):
            for number in (self._sweep, what):
                key = np.uint64(derive(key, number))
        return key

    def sample(self) -> tuple[np.ndarray, ...]:
        """Return what `ItemSamples` holds of the present sample, each array without its first axis."""
        items, users, deviation = self.items, self.users, self.deviation
        # In the last place stands what is expected of an item that nobody has rated.
        factors = np.vstack([items.factors, items.mean.astype(np.float32)]) * np.float32(deviation)
        # The bias of a user is in the unit of ratings, the factors are in none: theirs is that of the items.
        unit = np.ones(factors.shape[1])
        unit[0] = deviation
        implicit = np.zeros_like(factors)
        # Without what pads them: numbers times 0 are zeros of two signs.
        implicit[:-1, : self.size] = (users.implicit * (users.scale * unit))[:, : self.size]
        alpha = np.array(self.alpha / deviation**2)
        return factors, implicit, users.mean * unit, users.precision / unit**2, alpha


def _in_lanes(values: np.ndarray) -> np.ndarray:
    """Return numbers of factors, (..., P), with those of some factors together, (P / LANES, ..., LANES)."""
    lanes = values.reshape(*values.shape[:-1], -1, LANES)
    return np.ascontiguousarray(np.moveaxis(lanes, -2, 0))


def _out_of_lanes(lanes: np.ndarray) -> np.ndarray:
    """Return them as they were."""
    values = np.moveaxis(lanes, 0, -2)
    return np.ascontiguousarray(values.reshape(*values.shape[:-2], -1))


def _row_of_each(side: _Side) -> np.ndarray:
    return np.repeat(np.arange(len(side.start) - 1), np.diff(side.start))


def stacked(samples: list[tuple[np.ndarray, ...]]) -> ItemSamples:
    """Return samples as one."""
    return ItemSamples(*(np.stack(parts) for parts in zip(*samples, strict=True)))

"""The planted model: users with hidden units, items with biases and weights, and who rates how much.

Each hidden unit of a user is on or off, evenly and independently of all others, and a rating comes from
p(v_i^k = 1 | h) = softmax_k(b_i^k + sum_j W_ij^k h_j), as in an RBM (Salakhutdinov, Mnih and Hinton 2007).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist

import numpy as np

from benchmarks.generated import Size, ratings_in_all

NETFLIX = Size(480_189, 17_770, 100_480_507)
HIDDEN = 20

# How users of Netflix rate: 1 to 5, in per cent.
_SHARES = np.array([0.05, 0.10, 0.29, 0.33, 0.23])

# Spreads, of what moves the logarithm of the odds of the highest level to the middle one.
_OF_ITEMS = 1.0
_OF_USERS = 1.3
_OF_TASTE = 1.3
_OF_EXTREMES = 0.7

_USERS_SIGMA = 1.25
_ITEMS_SIGMA = (1.37, 2.65)
_ITEMS_CAP = 2000.0

# Ids of users step through a field of this many, a prime.
_ID_FIELD = 9_999_999_967
_ID_STEP = 6_180_339_887

_CALIBRATION_PAIRS = 20_000
_CALIBRATION_ROUNDS = 12


@dataclass(frozen=True)
class Planted:
    """The planted model of a rating set.

    Attributes
    ----------
    size : Size
        How many users, items and ratings there are.
    levels, hidden : int
        Levels, of which the ratings are 1, 2, ..., and hidden units.
    seed : int
        Seed of all that is random.
    """

    size: Size
    levels: int = 5
    hidden: int = HIDDEN
    seed: int = 0

    @cached_property
    def counts(self) -> np.ndarray:
        """How many ratings each user has: int64, shape (users,).

        Log-normal quantiles, bent to stay below the number of items, in no order. At the size of Netflix: the
        median is 96 (Netflix: 96), the quartiles 41 and 223 (39 and 259), the most 17,519 (17,653).
        """
        spread = np.exp(_USERS_SIGMA * _normal_quantiles(self.size.users))
        generator = self._generator(0)
        generator.shuffle(spread)
        return ratings_in_all(
            self.size, lambda scale: _bent(scale / self.size.users * spread, self.size.items), generator
        )

    @cached_property
    def popularity(self) -> np.ndarray:
        """What items are drawn in proportion to: float64, shape (items,).

        Log-normal quantiles x with a wider upper half, x / (1 + x / 2000) of them, in no order. Users have no
        item twice, so that the ratings of the most popular grow less than this. At the size of Netflix, seed
        0: the median of an item's ratings is 566 (Netflix: 561), the quartiles 231 and 2,952 (192 and 2,667),
        the most 233,799 (232,944), the fewest 2 (3).
        """
        normal = _normal_quantiles(self.size.items)
        weight = np.exp(np.where(normal < 0, *_ITEMS_SIGMA) * normal)
        weight /= 1 + weight / _ITEMS_CAP
        self._generator(1).shuffle(weight)
        return weight

    @cached_property
    def user_ids(self) -> np.ndarray:
        """Distinct ids of the users, scattered below ten thousand million: int64, shape (users,)."""
        first = int(self._generator(2).integers(_ID_FIELD))
        steps = np.arange(1, self.size.users + 1, dtype=np.uint64)
        # In two steps, since the product of both would not fit into 64 bits.
        high, low = divmod(_ID_STEP, 1 << 17)
        moved = steps * np.uint64(high) % np.uint64(_ID_FIELD) * np.uint64(1 << 17) + steps * np.uint64(low)
        return ((moved + np.uint64(first)) % np.uint64(_ID_FIELD)).astype(np.int64) + 1

    @cached_property
    def weights(self) -> np.ndarray:
        """The weights W: float32, shape (items, hidden, levels)."""
        generator = self._generator(3)
        # The first units tell most, as the first factors of real ratings do: weights are as 1 / j.
        strength = 1.0 / np.arange(1, self.hidden + 1)
        strength *= 2.0 / np.linalg.norm(strength)
        of_unit = strength * generator.standard_normal(self.hidden)
        # So that users differ as much for any seed.
        of_unit *= _OF_USERS * 2.0 / np.linalg.norm(of_unit)
        of_pair = _OF_TASTE * strength * generator.standard_normal((self.size.items, self.hidden))
        of_extremes = _OF_EXTREMES * strength * generator.standard_normal((self.size.items, self.hidden))
        slope = (of_unit + of_pair)[..., None] * self._position
        return (slope + of_extremes[..., None] * (self._position**2 - 0.5)).astype(np.float32)

    @cached_property
    def bias(self) -> np.ndarray:
        """The biases b: float32, shape (items, levels); such that levels are as frequent as in Netflix."""
        generator = self._generator(4)
        quality = _OF_ITEMS * generator.standard_normal(self.size.items)
        own = quality[:, None] * self._position - 0.5 * self.weights.sum(axis=1)
        share = self.popularity / self.popularity.sum()
        item = generator.choice(self.size.items, _CALIBRATION_PAIRS, p=share)
        hidden = generator.random((_CALIBRATION_PAIRS, self.hidden)) < 0.5
        score = own[item] + np.einsum("nj,njk->nk", hidden, self.weights[item])
        wanted = level_shares(self.levels)
        common = np.log(wanted)
        for _ in range(_CALIBRATION_ROUNDS):
            common += np.log(wanted / softmax(score + common).mean(axis=0))
        return (own + common).astype(np.float32)

    def hidden_units(self, users: np.ndarray) -> np.ndarray:
        """Return the hidden units of users, by their numbers: bool, shape (n, hidden)."""
        counter = (
            np.arange(self.hidden, dtype=np.uint64) + (users.astype(np.uint64) << np.uint64(16))[:, None]
        )
        return (_mixed(counter ^ self.key(5)) >> np.uint64(63)).astype(bool)

    def probabilities(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Return the probability of each level for pairs of users and items, by their numbers.

        Parameters
        ----------
        users, items : ndarrays of integers, shape (n,)
            From 0.

        Returns
        -------
        ndarray of float64, shape (n, levels)
        """
        hidden = self.hidden_units(users)
        score = self.bias[items] + np.einsum("nj,njk->nk", hidden, self.weights[items].astype(np.float64))
        return softmax(score)

    def key(self, stream: int) -> np.uint64:
        """Return the key of one stream of random numbers."""
        return np.uint64(self._generator(100 + stream).integers(2**64, dtype=np.uint64))

    @property
    def _position(self) -> np.ndarray:
        """The levels from -1 to 1."""
        return np.linspace(-1.0, 1.0, self.levels)

    def _generator(self, stream: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, stream])


def level_shares(levels: int) -> np.ndarray:
    """Return how frequent each level is to be: as in Netflix, stretched where there are not five."""
    whole = np.concatenate([[0.0], np.cumsum(_SHARES)])
    return np.diff(np.interp(np.linspace(0, 1, levels + 1), np.linspace(0, 1, len(whole)), whole))


def softmax(score: np.ndarray) -> np.ndarray:
    """Return exp(score), divided by the sum over the last axis."""
    odds = np.exp(score - score.max(axis=-1, keepdims=True))
    return odds / odds.sum(axis=-1, keepdims=True)


def _normal_quantiles(count: int) -> np.ndarray:
    normal = NormalDist()
    return np.array([normal.inv_cdf((number + 0.5) / count) for number in range(count)])


def _bent(value: np.ndarray, most: float) -> np.ndarray:
    """Return about `value` where that is small, and less than `most` where it is large."""
    return value / (1 + (value / most) ** 4) ** 0.25


def _mixed(key: np.ndarray) -> np.ndarray:
    """Return `rbmcli.kernels.arithmetic.mix` of each."""
    key = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    key = (key ^ (key >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return key ^ (key >> np.uint64(31))

"""A Gibbs sampler of matrix factorization: r_ui ~ N(mu + b_u + c_i + p_u . q_i, 1 / (alpha g_u g_i)).

Bias and factors of a user are p_u = m + s w_u sum_{j in N(u)} y_j + e_u, with N(u) the items that the user
has rated and w_u = 1 / sqrt(|N(u)|), so that having rated an item tells of the user whatever the rating; and
those of an item likewise, by who has rated it. e_u and y_j are normal around 0, and of each factor their
precision, m and s are drawn too. A scale s of its own makes what is drawn of y follow fast; what comes of it
is a prior of the deviation of s y like half a Cauchy distribution.

Some users rate with less noise than others, and so are some items rated: g_u and g_i, around 1, are drawn
from gamma distributions. Without them the factors of items explain what is nothing but noise.

Sources: of s, A. Gelman (2006), "Prior distributions for variance parameters in hierarchical models",
Bayesian Analysis 1; of g, B. Lakshminarayanan, G. Bouchard, C. Archambeau (2011), "Robust Bayesian matrix
factorisation".
"""

from __future__ import annotations

import numpy as np

from rbmcli.data.ratings import CompressedRows
from rbmcli.models.alternation import FIRST_DEVIATION, Alternation, Side

PRIOR_SHAPE, PRIOR_RATE, PRIOR_PAIRS = 1.0, 0.1, 1.0
"""Of the normal-gamma prior of mean and precision of a factor."""

IMPLICIT_SHAPE, IMPLICIT_RATE = 0.5, 0.5
"""Of the gamma prior of the precision of y."""

NOISE_SHAPE, NOISE_RATE = 1.0, 1.0
"""Of the gamma prior of alpha."""

OWN_NOISE = 20.0
"""Twice the shape, and the rate, of the gamma prior of g: ratings as noisy as all, against those of a row."""

ALIKE = 20
"""Sweeps in which g is 1: what factors have not found yet is no noise, and would be held to be for long."""


class Sampler(Alternation):
    """Samples of a factorization of ratings, one after the other; parameters are those of `Alternation`."""

    noisy = True

    def __init__(
        self, ratings: CompressedRows, rating: np.ndarray, factors: int, seed: int, *, implicit: bool = True
    ) -> None:
        super().__init__(ratings, rating, factors, seed, implicit=implicit)
        for one in (self.users, self.items):
            one.precision[: self.size] = FIRST_DEVIATION**-2
            one.scale[: self.size] = FIRST_DEVIATION

    def mean_square(self) -> float:
        """Return the mean square of what ratings are above their predictions by the present sample."""
        return self._mean_square(self.items, self.users)

    def sweep(self) -> None:
        """Draw everything once: users, items, each with their priors, and the precision of ratings."""
        self._draw(0, self.users, self.items)
        self._draw(1, self.items, self.users)
        shape = NOISE_SHAPE + len(self.items.value) / 2
        rate = NOISE_RATE + float(self.items.squares @ self.items.noise_precision) / 2
        self.alpha = float(self._generator.gamma(shape, 1 / rate))
        self._sweep += 1

    def _draw(self, side: int, one: Side, other: Side) -> None:
        self._find_rows(side, one, other)
        if self._sweep >= ALIKE:
            rate = (OWN_NOISE + self.alpha * one.squares) / 2
            one.noise_precision = self._generator.gamma((OWN_NOISE + one.count) / 2, 1 / rate)
        self._draw_prior(one)
        if self._implicit:
            self._find_implicit(side, one, other)
            self._draw_scale(one)

    def _draw_prior(self, one: Side) -> None:
        """Draw mean and precision of each factor of the rows around what their ratings add."""
        own = (one.factors - one.scale * one.added)[:, : self.size].astype(np.float64)
        count, mean = len(own), np.mean(own, axis=0)
        spread = np.sum((own - mean) ** 2, axis=0) + count * mean**2 * PRIOR_PAIRS / (count + PRIOR_PAIRS)
        pairs = count + PRIOR_PAIRS
        precision = self._generator.gamma(PRIOR_SHAPE + count / 2, 1 / (PRIOR_RATE + spread / 2))
        one.precision[: self.size] = precision
        one.mean[: self.size] = self._generator.normal(count * mean / pairs, 1 / np.sqrt(pairs * precision))

    def _draw_scale(self, one: Side) -> None:
        """Draw the scale of y, and then its precision."""
        size, added = self.size, one.added.astype(np.float64)
        precision = 1 + one.precision * np.sum(added**2, axis=0)
        mean = one.precision * np.sum(added * self._above_mean(one), axis=0) / precision
        one.scale[:size] = self._generator.normal(mean[:size], 1 / np.sqrt(precision[:size]))
        squares = np.sum(one.implicit[:, :size].astype(np.float64) ** 2, axis=0)
        shape, rate = IMPLICIT_SHAPE + len(one.implicit) / 2, IMPLICIT_RATE + squares / 2
        one.implicit_precision[:size] = self._generator.gamma(shape, 1 / rate)

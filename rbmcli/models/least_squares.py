"""Matrix factorization by alternating least squares.

With t_ui the standardised rating, what is made small is

    sum_ui (t_ui - b_u - c_i - p_u . q_i)^2 + lambda sum_u |p_u - w_u sum_{j in N(u)} y_j|^2 + lambda_y |y|^2

and what items have of the last two, N(u) being what u has rated and w_u = 1 / sqrt(|N(u)|). The bias is the
first of p_u here, with a lambda of its own. All of a row are found at once, by ridge regression; y is found
factor by factor and column by column, once a sweep. That is a mode of what `rbmcli.models.gibbs` draws from,
with precisions given, and takes the same kernels without their noise.

Sources: Y. Zhou, D. Wilkinson, R. Schreiber, R. Pan (2008), "Large-scale parallel collaborative filtering for
the Netflix Prize"; y is that of Y. Koren (2008), "Factorization meets the neighborhood".
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rbmcli.data.ratings import CompressedRows
from rbmcli.models.alternation import Alternation, Side


class Penalties(NamedTuple):
    """What factors and biases are held by, each worth as many ratings of no effect.

    Attributes
    ----------
    factor, bias : float
        lambda of factors, and of biases.
    implicit : float
        lambda_y.
    """

    factor: float
    bias: float
    implicit: float


class LeastSquares(Alternation):
    """Alternating least squares; parameters are those of `Alternation`, and the penalties."""

    noisy = False

    def __init__(
        self,
        ratings: CompressedRows,
        rating: np.ndarray,
        factors: int,
        seed: int,
        penalties: Penalties,
        *,
        implicit: bool = True,
    ) -> None:
        super().__init__(ratings, rating, factors, seed, implicit=implicit)
        for one in (self.users, self.items):
            one.precision[: self.size] = penalties.factor
            one.precision[0] = penalties.bias
            one.implicit_precision[: self.size] = penalties.implicit
            one.scale[: self.size] = 1.0

    def mean_square(self) -> float:
        """Return the mean square of what ratings are above their predictions."""
        return self._mean_square(self.users, self.items)

    def sweep(self) -> None:
        """Find everything once: items, then users.

        Of each side y comes before the rows, so that at the end users are those that the items and y fold
        them in as.
        """
        self._find(1, self.items, self.users)
        self._find(0, self.users, self.items)
        self._sweep += 1

    def _find(self, side: int, one: Side, other: Side) -> None:
        # At first the factors say nothing yet that y could tell.
        if self._implicit and self._sweep:
            self._find_implicit(side, one, other)
        self._find_rows(side, one, other)

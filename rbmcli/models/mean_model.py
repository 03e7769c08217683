"""What models of an expected rating have in common: what makes level probabilities of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rbmcli.models.folding_model import FoldingModel
from rbmcli.models.level_habits import LevelHabits
from rbmcli.models.ordinal_link import OrdinalLink
from rbmcli.models.predictor import Answers


@dataclass(frozen=True, kw_only=True)
class MeanModel(FoldingModel):
    """A model of an expected rating, whose users are folded in from their histories.

    Attributes
    ----------
    link : OrdinalLink
        What makes probabilities of expected ratings.
    habits : LevelHabits
        What is added to them for who rates, and for what is rated.
    """

    link: OrdinalLink
    habits: LevelHabits

    def answers(
        self,
        mean: np.ndarray,
        variance: np.ndarray,
        source: np.ndarray,
        count: Callable[[], np.ndarray],
        item: np.ndarray,
    ) -> Answers:
        """Return answers with the probabilities of expected ratings.

        Parameters
        ----------
        mean, variance : ndarray of float64, shape (n,)
            Expected ratings on the scale, and their variance.
        source : ndarray of uint8, shape (n,)
            Where each comes from.
        count : callable
            Returns what probabilities need and expected ratings do not, int (n, K): known ratings of each
            pair's user at each level, without that of the pair.
        item : ndarray of int, shape (n,)
            Index of each item; -1 for one that is not known.
        """

        def probability() -> np.ndarray:
            """Return level probabilities, float32 (n, K)."""
            # A last line is what the index -1 finds.
            item_share = np.vstack([self.item_prior, self.global_prior])[item]
            plain = self.link.probabilities(mean, variance)
            return self.calibrated(self.habits.added(plain, count(), item_share, self.global_prior), source)

        return Answers(probability, mean, source)

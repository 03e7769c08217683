"""What models of an expected rating have in common: a link that makes level probabilities of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rbmcli.models.folding_model import FoldingModel
from rbmcli.models.ordinal_link import OrdinalLink
from rbmcli.models.predictor import Answers


@dataclass(frozen=True, kw_only=True)
class MeanModel(FoldingModel):
    """A model of an expected rating, whose users are folded in from their histories.

    Attributes
    ----------
    link : OrdinalLink
        What makes probabilities of expected ratings.
    """

    link: OrdinalLink

    def answers(self, mean: np.ndarray, variance: np.ndarray, source: np.ndarray) -> Answers:
        """Return answers with the probabilities of expected ratings.

        Parameters
        ----------
        mean, variance : ndarray of float64, shape (n,)
            Expected ratings on the scale, and their variance.
        source : ndarray of uint8, shape (n,)
            Where each comes from.
        """
        probability = self.link.probabilities(mean, variance)
        return Answers(self.calibrated(probability, source), mean, source)

"""The average of the parameters over the last epochs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

import numpy as np

from rbmcli.kernels.arrays import Parameters
from rbmcli.kernels.autoencoder_arrays import Weights

Bundle = TypeVar("Bundle", Parameters, Weights)


class Average(Generic[Bundle]):
    """The mean of the parameters over the last epochs, about `epochs` of them.

    After each epoch the mean moves 1 / min(epochs so far, n) of the way, so that it is plain at first and
    then forgets.
    """

    def __init__(self, epochs: int, taken: int = 0, mean: Bundle | None = None) -> None:
        self.most = epochs
        self.taken = taken
        self.mean: Bundle | None = mean

    def add(self, parameters: Bundle) -> Bundle:
        """Take the parameters of an epoch in, and return the mean."""
        self.taken += 1
        if self.most == 1:
            return parameters
        whole: Bundle = parameters.copy() if self.mean is None else self.mean
        share = np.float32(1 / min(self.taken, self.most))
        means: Iterable[np.ndarray] = whole
        for mean, array in zip(means, parameters, strict=True):
            mean += share * (array - mean)
        self.mean = whole
        return whole

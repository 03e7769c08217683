"""The average of the parameters over the last epochs."""

from __future__ import annotations

import numpy as np

from rbmcli.kernels.arrays import Parameters


class Average:
    """The mean of the parameters over the last epochs, about `epochs` of them.

    After each epoch the mean moves 1 / min(epochs so far, n) of the way, so that it is plain at first and
    then forgets.
    """

    def __init__(self, epochs: int, taken: int = 0, mean: Parameters | None = None) -> None:
        self.most = epochs
        self.taken = taken
        self.mean = mean

    def add(self, parameters: Parameters) -> Parameters:
        """Take the parameters of an epoch in, and return the mean."""
        self.taken += 1
        if self.most == 1:
            return parameters
        if self.mean is None:
            self.mean = parameters.copy()
        share = np.float32(1 / min(self.taken, self.most))
        for mean, array in zip(self.mean, parameters, strict=True):
            mean += share * (array - mean)
        return self.mean

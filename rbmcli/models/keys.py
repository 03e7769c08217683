"""Keys of random numbers, as Python derives them."""

from __future__ import annotations

import numpy as np

from rbmcli.kernels.arithmetic import derive


def derived(key: np.uint64, counter: int) -> np.uint64:
    """Call `derive` outside a kernel, where numpy scalars warn of the overflow that a hash is made of."""
    with np.errstate(over="ignore"):
        return np.uint64(derive(key, counter))

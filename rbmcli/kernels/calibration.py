"""Outcomes drawn from predicted probabilities, counted by bin: what perfect calibration would look like."""

from __future__ import annotations

import numpy as np
from numba import prange

from rbmcli.kernels.arithmetic import derive, uniform
from rbmcli.kernels.jit import parallel_kernel, strict_kernel


@strict_kernel
def _bin_of(probability, bins):
    """Return which of `bins` equally wide bins over [0, 1] holds a probability; their ends belong below."""
    return min(max(np.int64(np.ceil(np.float64(probability) * bins)) - 1, 0), bins - 1)


@strict_kernel
def _draw_level(probability, pair, number):
    """Return the level that a number in [0, 1) draws; the probabilities need not quite sum to 1."""
    levels, total, reached = probability.shape[1], 0.0, 0.0
    for k in range(levels):
        total += probability[pair, k]
    for k in range(levels - 1):
        reached += probability[pair, k]
        if number * total < reached:
            return k
    return levels - 1


@parallel_kernel
def drawn_hits(probability, key, hits):
    """Count how often each level is drawn, by bin of its probability, in several draws of all pairs.

    Pair n of draw d goes by a hash of (key, d, n).

    Parameters
    ----------
    probability : float32 or float64 (n, K)
        Probability of each level.
    key : uint64
        Seed.
    hits : int64 (D, K, bins)
        Overwritten: of each draw, how many pairs have level k, drawn with a probability in the bin.
    """
    for draw in prange(hits.shape[0]):
        stream = derive(key, draw)
        hits[draw, :, :] = 0
        for pair in range(probability.shape[0]):
            level = _draw_level(probability, pair, np.float64(uniform(stream, pair)))
            hits[draw, level, _bin_of(probability[pair, level], hits.shape[2])] += 1

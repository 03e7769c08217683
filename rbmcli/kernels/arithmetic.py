"""Scalar arithmetic that every kernel inlines: exp, sigmoid and counter-based random numbers.

``exp`` is a polynomial rather than the C library's function, because a loop over it vectorises, and
because it gives the same bits on every machine.
"""

from __future__ import annotations

import numpy as np

from rbmcli.kernels.jit import kernel

_LOG2_E = np.float32(1.4426950408889634)
_LN2_HIGH = np.float32(0.693359375)
_LN2_LOW = np.float32(-2.12194440e-4)
_CLAMP = np.float32(87.0)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@kernel
def exponential(x):
    """Return exp(x) in float32, for x clamped to [-87, 87]; relative error below 2e-7.

    x = n ln 2 + r with |r| <= ln 2 / 2; exp(r) by a polynomial of degree 6 (coefficients of the
    Taylor-like minimax form in Cephes' expf), 2^n by writing n into the exponent bits.
    """
    x = min(max(np.float32(x), -_CLAMP), _CLAMP)
    n = np.floor(x * _LOG2_E + np.float32(0.5))
    r = x - n * _LN2_HIGH - n * _LN2_LOW
    p = np.float32(1.9875691500e-4)
    p = p * r + np.float32(1.3981999507e-3)
    p = p * r + np.float32(8.3334519073e-3)
    p = p * r + np.float32(4.1665795894e-2)
    p = p * r + np.float32(1.6666665459e-1)
    p = p * r + np.float32(5.0000001201e-1)
    p = p * r * r + r + np.float32(1.0)
    return p * np.int32((np.int32(n) + np.int32(127)) << np.int32(23)).view(np.float32)


@kernel
def sigmoid(x):
    """Return 1 / (1 + exp(-x)) in float32."""
    return np.float32(1.0) / (np.float32(1.0) + exponential(-x))


@kernel
def mix(key):
    """Return a uint64 whose every bit depends on every bit of the uint64 `key`.

    The finaliser of SplitMix64 (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number
    generators").
    """
    key = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    key = (key ^ (key >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return key ^ (key >> np.uint64(31))


@kernel
def derive(key, counter):
    """Return the key of stream number `counter` below `key`: counter-based, so order plays no part."""
    return mix(key + (np.uint64(counter) + np.uint64(1)) * _GOLDEN)


@kernel
def uniform(key, counter):
    """Return number `counter` of the stream `key`: a float32 in [0, 1), a multiple of 2^-24."""
    return np.float32(derive(key, counter) >> np.uint64(40)) * np.float32(1.0 / 16777216.0)


@kernel
def normal(key, counter):
    """Return number `counter` of the stream `key` as a draw from N(0, 1), in float32.

    The polar transform of two uniform numbers: G. Box, M. Muller (1958), "A note on the generation of
    random normal deviates", Ann. Math. Statist.
    """
    radius = np.sqrt(-2.0 * np.log(1.0 - np.float64(uniform(key, 2 * counter))))
    angle = 2.0 * np.pi * np.float64(uniform(key, 2 * counter + 1))
    return np.float32(radius * np.cos(angle))

"""What a gradient does to the parameters: momentum, and Adam.

Both are lazy: they are called for the columns of a mini-batch only, so that a column that is not in it
costs nothing. Momentum, decay and Adam's averages of a column go on when it is next rated.
"""

from __future__ import annotations

import numpy as np

from rbmcli.kernels.jit import strict_kernel


@strict_kernel
def follow(value, velocity, gradient, at, step, momentum, shrink):
    """M <- momentum M + step g - shrink W, W <- W + M, for row `at` of parameters (n, m)."""
    for j in range(value.shape[1]):
        speed = momentum * velocity[at, j] + step * gradient[j] - shrink * value[at, j]
        velocity[at, j] = speed
        value[at, j] += speed


@strict_kernel
def follow_group(value, velocity, gradient, at, step, momentum, shrink):
    """The same for group `at` of weights (N, S, V)."""
    for s in range(value.shape[1]):
        for c in range(value.shape[2]):
            speed = momentum * velocity[at, s, c] + step * gradient[s, c] - shrink * value[at, s, c]
            velocity[at, s, c] = speed
            value[at, s, c] += speed


ADAM_MEAN = np.float32(1 - 0.9)
"""1 - beta1."""

ADAM_SQUARE = np.float32(1 - 0.999)
"""1 - beta2."""

ADAM_EPSILON = np.float32(1e-8)


@strict_kernel
def adam_corrections(times):
    """Return 1 / (1 - beta1^t) and 1 / (1 - beta2^t), float32, of what has been updated t times."""
    mean = np.float32(1.0 / (1.0 - (1.0 - np.float64(ADAM_MEAN)) ** times))
    square = np.float32(1.0 / (1.0 - (1.0 - np.float64(ADAM_SQUARE)) ** times))
    return mean, square


@strict_kernel
def follow_adam(value, mean, square, gradient, at, scale, decay, rate, corrections):
    """One step of Adam down g = scale x gradient + decay x W, for row `at` of parameters (n, m).

    m <- beta1 m + (1 - beta1) g, s <- beta2 s + (1 - beta2) g^2,
    W <- W - rate (m / (1 - beta1^t)) / (sqrt(s / (1 - beta2^t)) + epsilon); `corrections` are the two
    fractions of `adam_corrections`.

    Source: D. Kingma, J. Ba (2015), "Adam: a method for stochastic optimization", ICLR, algorithm 1.
    """
    for j in range(value.shape[1]):
        slope = scale * gradient[j] + decay * value[at, j]
        mean[at, j] += ADAM_MEAN * (slope - mean[at, j])
        square[at, j] += ADAM_SQUARE * (slope * slope - square[at, j])
        spread = np.sqrt(square[at, j] * corrections[1]) + ADAM_EPSILON
        value[at, j] -= rate * mean[at, j] * corrections[0] / spread


@strict_kernel
def follow_adam_group(value, mean, square, gradient, at, scale, decay, rate, corrections):
    """The same for group `at` of weights (N, S, V)."""
    for s in range(value.shape[1]):
        for c in range(value.shape[2]):
            slope = scale * gradient[s, c] + decay * value[at, s, c]
            mean[at, s, c] += ADAM_MEAN * (slope - mean[at, s, c])
            square[at, s, c] += ADAM_SQUARE * (slope * slope - square[at, s, c])
            spread = np.sqrt(square[at, s, c] * corrections[1]) + ADAM_EPSILON
            value[at, s, c] -= rate * mean[at, s, c] * corrections[0] / spread

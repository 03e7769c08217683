"""Kernels called on the problems of tests/kernels/cases.py, whose own arrays stay as they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np

from rbmcli.kernels.arrays import Parameters, Scratch
from rbmcli.kernels.backpropagation import Objective, backpropagate
from rbmcli.kernels.divergence import Rule, contrastive_divergence
from rbmcli.kernels.row_bias import Smoothing
from rbmcli.models.plan import CHUNKS
from tests.kernels.cases import Problem
from tests.reference import Model
from tests.reference_training import Adam


def callable_from_python(inner: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function for Python around one that is compiled for other kernels alone."""

    @numba.njit
    def call(*arguments):
        return inner(*arguments)

    return call


def rule(
    steps: int = 1,
    *,
    sampled: bool = False,
    persistent: bool = False,
    joint: bool = False,
    rate: float = 0.3,
    momentum: float = 0.7,
    decay: float = 0.05,
    runs: int = 3,
) -> Rule:
    """Return a rule; persistent chains are sampled."""
    numbers = (np.float32(number) for number in (rate, momentum, decay))
    return Rule(steps, sampled or persistent, persistent, joint, *numbers, runs)


def smoothing(levels: int, strength: float = 10.0, tilt_strength: float = 3.0) -> Smoothing:
    """Return how counts and expected rates are put together, for K levels of mean 0 and variance 1."""
    values = np.arange(levels) - 0.5 * (levels - 1)
    return Smoothing(strength, tilt_strength, (values / values.std()).astype(np.float32))


def objective(
    problem: Problem,
    *,
    keep: float = 0.6,
    squared_share: float = 0.4,
    rate: float = 0.01,
    decay: float = 0.02,
    strength: float = 10.0,
    tilt_strength: float = 3.0,
) -> Objective:
    """Return an objective for a problem, with a penalty of about `decay` for each column."""
    columns, levels = problem.column_prior.shape
    keep, squared_share, rate = (np.float32(number) for number in (keep, squared_share, rate))
    penalties = (decay * np.linspace(0.5, 1.5, columns + 1)).astype(np.float32)
    return Objective(keep, squared_share, rate, penalties, *smoothing(levels, strength, tilt_strength))


def used_scratch(problem: Problem) -> Scratch:
    """Return scratch memory with room to spare that other mini-batches have left their numbers in.

    They are NaN, or levels and marks that would do as well as the right ones. Only the padding of the hidden
    units, and of what they come to by the factors, is still zero, as it is at all times.
    """
    form, batch = problem.form, problem.batch
    scratch = Scratch.sized(len(batch.rows) + 3, len(batch.column) + 5, CHUNKS, form)
    for array in scratch:
        array[...] = np.nan if array.dtype.kind == "f" else np.arange(len(array)) % 2
    for name, array in scratch._asdict().items():
        if name in ("data_hidden", "model_hidden", "state", "decoded"):
            array[:, form.hidden :] = 0.0
        elif name in ("data_features", "model_features", "state_features"):
            array[:, form.factors or form.hidden :] = 0.0
    return scratch


@dataclass(frozen=True)
class Outcome:
    """Parameters after a mini-batch, with what is remembered for the next one, and its loss."""

    parameters: Parameters
    velocity: Parameters
    loss: float
    chain: np.ndarray


def diverge(problem: Problem, how: Rule, key: int, chain: np.ndarray | None = None) -> Outcome:
    """Return what contrastive divergence makes of a problem, whose own arrays stay as they are.

    `chain` holds the levels that persistent chains go on from, by rating.
    """
    batch = problem.batch
    parameters, velocity = problem.parameters.copy(), problem.velocity.copy()
    chain = np.empty(0, np.uint8) if chain is None else chain.copy()
    loss = contrastive_divergence(
        batch,
        chain,
        parameters,
        velocity,
        problem.row_bias,
        used_scratch(problem),
        problem.form,
        how,
        np.uint64(key),
    )
    return Outcome(parameters, velocity, float(loss), chain)


@dataclass(frozen=True)
class Backpropagated:
    """Parameters after a mini-batch, with what Adam remembers, its loss and the number of hidden ratings."""

    parameters: Parameters
    mean: Parameters
    square: Parameters
    times: np.ndarray
    loss: float
    hidden: int


def propagate_back(problem: Problem, what: Objective, key: int) -> Backpropagated:
    """Return what back-propagation makes of a problem, whose own arrays stay as they are."""
    batch = problem.batch
    after = [parameters.copy() for parameters in (problem.parameters, problem.velocity, problem.square)]
    times = problem.times.copy()
    loss, hidden = backpropagate(
        batch, *after, times, problem.column_prior, used_scratch(problem), problem.form, what, np.uint64(key)
    )
    return Backpropagated(*after, times, float(loss), int(hidden))


def adam_of(problem: Problem) -> Adam:
    """Return where Adam starts, as the oracle takes it."""
    three = (problem.parameters, problem.velocity, problem.square)
    return Adam(*(Model.of(parameters, problem.form) for parameters in three), problem.times)


def assert_close(ours: Parameters, theirs: Model, tolerance: float) -> None:
    """Check every array of a kernel's parameters against the oracle's."""
    found = Model.of(ours, theirs.form)
    for name, value, truth in zip(Parameters._fields, found.arrays(), theirs.arrays(), strict=True):
        np.testing.assert_allclose(value, truth, rtol=0, atol=tolerance, err_msg=name)

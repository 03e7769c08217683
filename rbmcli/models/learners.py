"""The two ways to learn an RBM's parameters from a mini-batch, behind one interface."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from rbmcli.config import ResolvedSettings
from rbmcli.kernels.arrays import Batch, Form, Parameters, Scratch
from rbmcli.kernels.backpropagation import Objective, backpropagate
from rbmcli.kernels.divergence import Rule, contrastive_divergence
from rbmcli.kernels.jit import threads
from rbmcli.kernels.row_bias import Smoothing


class Learner(ABC):
    """Parameters, and what a way of learning remembers from one mini-batch to the next.

    Attributes
    ----------
    parameters : Parameters
        The parameters, changed in place.
    form, measured : Form
        The form that they have while they are learned, and the one that they are exported in.
    at_once : int
        Mini-batches that are best learned together.
    """

    parameters: Parameters
    form: Form
    measured: Form
    at_once: int = 1

    @abstractmethod
    def learn(self, place: int, epoch: int, key: np.uint64) -> tuple[float, int]:
        """Do a mini-batch, and return the sum of its loss and over how many ratings it is.

        Parameters
        ----------
        place : int
            Number of the mini-batch.
        epoch : int
            Number of the epoch, from 0.
        key : uint64
            Key of the random numbers of this mini-batch.
        """

    def learn_several(
        self, places: Sequence[int], epoch: int, keys: Sequence[np.uint64]
    ) -> list[tuple[float, int]]:
        """Do mini-batches one after the other, and return what `learn` does of each."""
        return [self.learn(place, epoch, key) for place, key in zip(places, keys, strict=True)]

    @abstractmethod
    def memory(self) -> dict[str, np.ndarray]:
        """Return all arrays that learning changes and depends on, by name; they are the learner's own."""

    @abstractmethod
    def exported(self, parameters: Parameters) -> Parameters:
        """Return parameters of the learner's form in the form of the model."""


class DivergenceLearner(Learner):
    """Contrastive divergence with momentum.

    In a plain form with a term D, weights hold D in them, V_i^k = W_i^k + D_i, and the form has no D: that
    reads half as much in every pass. The same levels result, because a term that all levels of a group
    share is no part of a softmax. The velocities add up likewise, since W and D follow one learning rate and
    decay. D comes back out of the sum over levels: W and D start with sum_k W^k = D = 0 and then follow
    the same gradient, so that sum_k V^k = (K + 1) D at all times.
    """

    def __init__(
        self,
        parameters: Parameters,
        form: Form,
        batches: Sequence[Batch],
        scratch: Scratch,
        row_bias: np.ndarray,
        settings: ResolvedSettings,
        *,
        also_rated: bool,
    ) -> None:
        self.joint = form.conditional and not (form.shared or form.factors or also_rated)
        self.form = form._replace(conditional=False) if self.joint else form
        self.measured = form
        self.parameters = parameters
        self.velocity = Parameters(*(np.zeros_like(array) for array in parameters))
        self.batches, self.scratch, self.row_bias, self.settings = batches, scratch, row_bias, settings
        levels = [batch.level for batch in batches] if settings.persistent else []
        self.chain = np.concatenate([np.empty(0, np.uint8), *levels])
        self.chains = np.split(self.chain, np.cumsum([len(level) for level in levels])[:-1])

    def learn(self, place: int, epoch: int, key: np.uint64) -> tuple[float, int]:
        """Do a mini-batch; the loss is that of the first reconstruction of its ratings."""
        settings = self.settings
        rule = Rule(
            steps=settings.steps_at(epoch),
            sampled=settings.reconstruction == "sampled" or settings.persistent,
            persistent=settings.persistent,
            joint=self.joint,
            rate=np.float32(settings.learning_rate / (1 + settings.rate_decay * epoch)),
            momentum=np.float32(settings.momentum_at(epoch)),
            decay=np.float32(settings.weight_decay),
            runs=threads(),
        )
        batch = self.batches[place]
        loss = contrastive_divergence(
            batch,
            self.chains[place] if settings.persistent else self.chain,
            self.parameters,
            self.velocity,
            self.row_bias,
            self.scratch,
            self.form,
            rule,
            key,
        )
        return loss, int((batch.row_rated - batch.row_start[:-1]).sum())

    def memory(self) -> dict[str, np.ndarray]:
        """Return parameters, velocities, and the levels of persistent chains, those of all mini-batches."""
        return {**named(parameters=self.parameters, velocity=self.velocity), "chain": self.chain}

    def exported(self, parameters: Parameters) -> Parameters:
        """Return the parameters with W and D apart."""
        if not self.joint:
            return parameters
        levels = parameters.weights.shape[1]
        conditional = parameters.weights.sum(axis=1) / np.float32(levels + 1)
        return parameters._replace(
            weights=parameters.weights - conditional[:, None, :], conditional=conditional
        )


class NetworkLearner(Learner):
    """Back-propagation of the loss of hidden ratings, with Adam."""

    def __init__(
        self,
        parameters: Parameters,
        form: Form,
        batches: Sequence[Batch],
        scratch: Scratch,
        decay: np.ndarray,
        column_prior: np.ndarray,
        smoothing: Smoothing,
        settings: ResolvedSettings,
    ) -> None:
        self.parameters, self.form, self.measured = parameters, form, form
        self.mean, self.square = (
            Parameters(*(np.zeros_like(array) for array in parameters)) for _ in range(2)
        )
        self.times = np.zeros(len(parameters.visible_bias) + 1, np.int64)
        self.batches, self.scratch = batches, scratch
        self.decay = decay
        self.column_prior, self.smoothing, self.settings = column_prior, smoothing, settings

    def learn(self, place: int, epoch: int, key: np.uint64) -> tuple[float, int]:
        """Do a mini-batch; the loss is that of the ratings that were hidden."""
        settings = self.settings
        objective = Objective(
            keep=np.float32(settings.keep),
            squared_share=np.float32(settings.squared_share),
            rate=np.float32(settings.network_rate_at(epoch)),
            decay=self.decay,
            strength=self.smoothing.strength,
            tilt_strength=self.smoothing.tilt_strength,
            values=self.smoothing.values,
        )
        loss, hidden = backpropagate(
            self.batches[place],
            self.parameters,
            self.mean,
            self.square,
            self.times,
            self.column_prior,
            self.scratch,
            self.form,
            objective,
            key,
        )
        return loss, hidden

    def memory(self) -> dict[str, np.ndarray]:
        """Return parameters, what Adam makes its steps by, and how many each column has had."""
        bundles = named(parameters=self.parameters, mean=self.mean, square=self.square)
        return {**bundles, "times": self.times}

    def exported(self, parameters: Parameters) -> Parameters:
        """Return the parameters as they are."""
        return parameters


def named(**bundles: Parameters) -> dict[str, np.ndarray]:
    """Return the arrays of bundles, each under the names of both."""
    return {
        f"{bundle}/{name}": array
        for bundle, arrays in bundles.items()
        for name, array in arrays._asdict().items()
    }


def spread_penalty(penalty: float, batches: Sequence[Batch], columns: int) -> np.ndarray:
    """Return the share of an L2 penalty that each column has in one of its mini-batches, float32 (N + 1,).

    The penalty is one of the sum of the losses over all rows. A column meets it in its own mini-batches only,
    so that each of them brings an equal part; the last is that of what is in every mini-batch.
    """
    visits = np.zeros(columns + 1)
    for batch in batches:
        visits[batch.columns] += 1
        visits[-1] += 1
    rows = sum(len(batch.rows) for batch in batches) / max(len(batches), 1)
    return (penalty / (rows * np.maximum(visits, 1))).astype(np.float32)

"""Training, stopped at its first epoch: the one place here that knows how training is built inside.

The public function `rbmcli.train` runs until everything is ready, with the very arrays that the command would
have; from then on an epoch is done whenever one is asked for.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any
from unittest import mock

import numpy as np
import pyarrow as pa

from rbmcli import TrainSettings
from rbmcli.kernels.arrays import Batch, Parameters
from rbmcli.kernels.jit import set_threads
from rbmcli.models import fit, learners
from rbmcli.models.plan import plan_batches
from rbmcli.pipeline.train import train

CD_1 = TrainSettings(
    by="user",
    objective="divergence",
    hidden=100,
    level_functions=0,
    batch_size=500,
    reconstruction="sampled",
    cd_steps="1",
    learning_rate=0.05,
    weight_decay=0.01,
    penalty=4.0,
    epochs=1,
    validation="none",
)
"""What speed is measured with: nothing in it follows from the ratings."""


class _Ready(Exception):  # noqa: N818 (not an error)
    """Carries training that is about to do its first epoch."""

    def __init__(self, training: Any) -> None:
        super().__init__()
        self.training = training


class Setting:
    """Ratings and settings, and parameters that each epoch changes.

    Parameters
    ----------
    ratings : pyarrow.Table
        Columns user, item and rating.
    **changes
        Settings other than those of `CD_1`.
    """

    def __init__(self, ratings: pa.Table, **changes: Any) -> None:
        def stop(training: Any) -> None:
            raise _Ready(training)

        try:
            with mock.patch.object(fit._Training, "run_stage", stop):
                train(ratings, settings=dataclasses.replace(CD_1, **changes))
        except _Ready as ready:
            self._training = ready.training

    @property
    def n_ratings(self) -> int:
        """Ratings that an epoch goes through."""
        return int(self._training.data.ratings.n_ratings)

    @property
    def batches(self) -> Sequence[Batch]:
        """The mini-batches."""
        batches: Sequence[Batch] = self._training.batches
        return batches

    @property
    def parameters(self) -> Parameters:
        """The parameters as they are now."""
        parameters: Parameters = self._training.learner.parameters
        return parameters

    def epoch(self, number: int) -> None:
        """Do one epoch, as many threads as were set before."""
        self._training.state.epochs_run, self._training.state.batches = [number], 0
        self._training.run_epoch()

    def epoch_seconds(self, number: int, threads: int) -> dict[str, float]:
        """Return how long one epoch takes, as `seconds`, and its processor time, as `cpu_seconds`."""
        set_threads(threads)
        began, spent = time.perf_counter(), time.process_time()
        self.epoch(number)
        return {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - spent}

    def epoch_by(self, divergence: Callable[..., float], number: int, threads: int) -> None:
        """Do one epoch with another function in place of the kernel `contrastive_divergence`."""
        set_threads(threads)
        with mock.patch.object(learners, "contrastive_divergence", divergence):
            self.epoch(number)

    def planning_seconds(self) -> float:
        """Return how long it takes to plan the mini-batches, which training does once."""
        ratings, rows = self._training.data.ratings, self._training.settings.batch_size
        generator = np.random.default_rng(0)
        began = time.perf_counter()
        plan_batches(ratings, rows, generator)
        return time.perf_counter() - began

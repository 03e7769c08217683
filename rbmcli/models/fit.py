"""Training: epochs of one way of learning, or of two after each other, and the best of them kept."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from rbmcli.config import ResolvedSettings
from rbmcli.errors import DivergenceError
from rbmcli.kernels.arrays import Parameters
from rbmcli.models.averaging import Average
from rbmcli.models.checkpoint import KEEPING_NOTHING, Checkpoint
from rbmcli.models.crews import MakeCrew, crew_here
from rbmcli.models.dealing import Part, deal_rows, dealt_penalty, part_of
from rbmcli.models.fit_state import (
    BEST,
    BY_EPOCHS,
    BY_PATIENCE,
    LEARNER,
    MEAN,
    FitFigures,
    FitState,
    as_parameters,
    fill,
    key_of,
    limits_of,
    owned,
)
from rbmcli.models.form import form_of
from rbmcli.models.initial import draw_upper_weights, initial_parameters
from rbmcli.models.joint_learning import JointLearner, Member
from rbmcli.models.keys import derived
from rbmcli.models.layers import UpperLearner, top_means
from rbmcli.models.learners import Learner
from rbmcli.models.making_learners import learner_of
from rbmcli.models.plan import Batches, plan_batches
from rbmcli.models.states import row_states
from rbmcli.models.training_data import TrainingData, Validation
from rbmcli.models.validating import Validator
from rbmcli.progress import EpochReport, Progress

_LEAST_GAIN = 1e-5


@dataclass(frozen=True)
class Fit(FitFigures):
    """The outcome of training.

    Attributes
    ----------
    best_epoch, best_epochs, epochs
        As in `FitFigures`.
    parameters : Parameters
        Those of the best epoch, or of the last one without validation.
    """

    parameters: Parameters


class _Training:
    """The stages of one training, from the state that it is in to the end of the last one."""

    learner: Learner
    average: Average[Parameters]

    def __init__(
        self,
        data: TrainingData,
        settings: ResolvedSettings,
        validation: Validation | None,
        progress: Progress,
        limits: tuple[int, ...],
        checkpoint: Checkpoint,
        state: FitState,
        make_crew: MakeCrew | None,
    ) -> None:
        self.make_crew = crew_here if make_crew is None and settings.workers > 1 else make_crew
        self.data, self.settings, self.progress = data, settings, progress
        self.limits, self.checkpoint, self.state = limits, checkpoint, state
        self.form = form_of(settings, data.level_values)
        self.start = initial_parameters(data.column_prior, self.form, settings.seed)
        if settings.objective == "discriminative":
            for layer in range(len(self.form.upper)):
                draw_upper_weights(self.start, self.form, layer, settings.seed)
        self.order = np.random.default_rng([settings.seed, 1])
        self.batches = plan_batches(
            data.ratings, settings.batch_size, self.order, data.also_rated, data.offset
        )
        if state.order:
            self.order.bit_generator.state = state.order
        state.order = dict(self.order.bit_generator.state)
        self.validator = Validator(validation, data, settings) if validation else None
        best = state.of(BEST)
        self.best = as_parameters(best, self.start) if best else None

    def run(self) -> Parameters:
        """Do what is left of all stages, and return the best parameters."""
        state = self.state
        state.reopen(self.limits)
        while True:
            if not state.stage_is_over:
                with ExitStack() as stack:
                    self.begin_stage(stack)
                    self.run_stage()
            if state.is_over:
                break
            state.next_stage(is_comparable=self.settings.stages()[state.stage + 1] == "discriminative")
            state.arrays = {}
        self.collect()
        self.checkpoint.ended()
        return self.start if self.best is None else self.best

    def begin_stage(self, stack: ExitStack) -> None:
        """Make what learns in a stage, as it is at its beginning, or as the state has it.

        What is needed only as long as it learns is put on the stack.
        """
        state, settings = self.state, self.settings
        parameters = (self.start if self.best is None else self.best).copy()
        objective = settings.stages()[state.stage]
        if objective == "divergence" and state.stage > 0:
            self.learner = self._upper(parameters)
        elif self.make_crew is not None:
            self.learner = self._joint(objective, parameters, stack)
        else:
            self.learner = learner_of(objective, parameters, self.form, self.data, self.batches, settings)
        self.average = Average(settings.average)
        if state.has_learner:
            fill(self.learner.memory(), state.of(LEARNER))
            mean = state.of(MEAN)
            self.average.taken = state.epoch
            self.average.mean = as_parameters(mean, self.learner.parameters) if mean else None
            state.arrays = {}

    def _upper(self, parameters: Parameters) -> Learner:
        """Return a learner of the upper layer that is next, by contrastive divergence."""
        layer, data = self.state.stage - 1, self.data
        draw_upper_weights(parameters, self.form, layer, self.settings.seed)
        form = self.form._replace(upper=self.form.upper[: layer + 1])
        states = row_states(
            data.ratings, parameters, data.column_prior, data.smoothing, self.form, data.also_rated
        )
        below = top_means(states.activation, parameters, form._replace(upper=form.upper[:-1]))
        return UpperLearner(parameters, form, self.batches, below, self.settings)

    def _joint(self, objective: str, parameters: Parameters, stack: ExitStack) -> Learner:
        """Return a learner whose mini-batches a crew does that is dismissed with the stack."""
        data, settings, form = self.data, self.settings, self.form
        dealt = deal_rows(data.ratings, self.batches.rows, settings.workers)
        decay = dealt_penalty(settings.penalty, data, dealt)
        parts = [Part(part_of(data, rows), rows, form, objective, settings, decay) for rows in dealt]
        assert self.make_crew is not None
        crew = stack.enter_context(self.make_crew(Member, parts))
        held = learner_of(objective, parameters, form, data, Batches(data.ratings, []), settings, decay)
        return JointLearner(held, crew, len(parts), settings.average_every)

    def run_stage(self) -> None:
        """Do the epochs of the stage that are left, and keep the best parameters of all stages."""
        state, limit = self.state, self.limits[self.state.stage]
        if state.epoch == limit:
            state.endings.append(BY_EPOCHS)
        began, first = time.perf_counter(), state.epoch
        while not state.stage_is_over:
            started = time.perf_counter()
            loss = self.run_epoch()
            speed = self.data.ratings.n_ratings / max(time.perf_counter() - started, 1e-9)
            # Measured as they are stored: exact inference tells apart whether D stands in the weights.
            parameters = self.learner.exported(self.average.add(self.learner.parameters))
            rmse, nll = (
                self.validator.measure(parameters, self.learner.measured) if self.validator else (None, None)
            )
            is_best = rmse is None or rmse < state.best_rmse - _LEAST_GAIN
            done = state.epoch + 1
            left = (time.perf_counter() - began) / (done - first) * (limit - done)
            number = len(state.reports) + 1
            report = EpochReport(number, number - done + limit, loss, rmse, nll, is_best, speed, left)
            self.progress.epoch(report)
            self._take_in(report, parameters, limit)
            self.checkpoint.reached(self.collect, epoch_is_over=True)

    def _take_in(self, report: EpochReport, parameters: Parameters, limit: int) -> None:
        """Count an epoch: keep its parameters if they are the best, and end the stage if it is to end."""
        state, rmse, epoch = self.state, report.valid_rmse, self.state.epoch
        state.count_epoch(report, self.order.bit_generator.state)
        if rmse is not None and rmse < state.best_of_stage - _LEAST_GAIN:
            state.best_of_stage, state.best_at = rmse, epoch
        if report.is_best and (rmse is not None or epoch == limit - 1):
            state.best_epoch, state.best_rmse = report.epoch, np.inf if rmse is None else rmse
            state.best_epochs[-1] = epoch + 1
            self.best = parameters.copy()
        elif rmse is not None and epoch - state.best_at >= self.settings.patience:
            state.endings.append(BY_PATIENCE)
            return
        if state.epoch == limit:
            state.endings.append(BY_EPOCHS)

    def run_epoch(self) -> float:
        """Do the mini-batches of an epoch that are left, in a random order; return a rating's mean loss."""
        state = self.state
        key = derived(derived(np.uint64(self.settings.seed), state.stage), state.epoch)
        places = self.order.permutation(len(self.batches))[state.batches :]
        with self.progress.step(f"epoch {len(state.reports) + 1}", len(places), is_brief=True) as step:
            for first in range(0, len(places), self.learner.at_once):
                several = places[first : first + self.learner.at_once].tolist()
                keys = [derived(key, place) for place in several]
                for loss, ratings in self.learner.learn_several(several, state.epoch, keys):
                    if not np.isfinite(loss):
                        self._fail()
                    state.batches += 1
                    state.loss, state.count = state.loss + loss, state.count + ratings
                step.advance(len(several))
                self.checkpoint.reached(self.collect, epoch_is_over=False)
        if not self.learner.parameters.is_finite():
            self._fail()
        return state.loss / max(state.count, 1)

    def collect(self) -> None:
        """Put all arrays into the state that the rest of the training, or one of more epochs, depends on."""
        state = self.state
        state.arrays = {} if self.best is None else owned(BEST, self.best._asdict())
        if state.stage_is_over and state.endings[-1] == BY_PATIENCE:
            return
        state.arrays |= owned(LEARNER, self.learner.memory())
        if self.average.mean is not None:
            state.arrays |= owned(MEAN, self.average.mean._asdict())

    def _fail(self) -> None:
        settings, stage = self.settings, self.state.stage
        by_network = settings.stages()[stage] == "discriminative"
        option, rate = (
            ("--network-rate", settings.network_rate)
            if by_network
            else ("--learning-rate", settings.learning_rate)
        )
        number = len(self.state.reports) + 1
        raise DivergenceError(
            f"training left the finite numbers in epoch {number}: no model is written",
            hint=f"choose a {option} below {rate:g}",
        )


def fit(
    data: TrainingData,
    settings: ResolvedSettings,
    validation: Validation | None,
    progress: Progress,
    epochs: tuple[int, ...] | None = None,
    checkpoint: Checkpoint = KEEPING_NOTHING,
    make_crew: MakeCrew | None = None,
) -> Fit:
    """Train an RBM.

    Parameters
    ----------
    data : TrainingData
        What is learned from.
    settings : ResolvedSettings
        How.
    validation : Validation or None
        With it the epoch with the smallest RMSE is kept, and a stage stops after `settings.patience`
        epochs without a better one.
    progress : Progress
        Told each epoch.
    epochs : tuple of int, optional
        Epochs of each stage, in place of those of the settings.
    checkpoint : Checkpoint
        What knows how far this training had come before, and is told how far it has come.

    Raises
    ------
    DivergenceError
        If a parameter is no longer finite.
    StoppedError
        If the checkpoint says so.
    """
    limits = limits_of(settings) if epochs is None else epochs
    key = key_of(settings, measured=validation is not None)
    state = checkpoint.begin(key, limits) or FitState(validation is not None, len(settings.stages()))
    checkpoint.watch(state)
    if state.is_result_of(limits):
        figures = state.outcome()
        columns, levels = data.column_prior.shape
        like = Parameters.zeros(columns, levels, form_of(settings, data.level_values))
        return Fit(**vars(figures), parameters=as_parameters(state.of(BEST), like))
    if state.reports:
        progress.info(f"going on after epoch {len(state.reports)}")
    try:
        best = _Training(data, settings, validation, progress, limits, checkpoint, state, make_crew).run()
    except DivergenceError as error:
        state.failure, state.arrays = (error.message, error.hint), {}
        checkpoint.ended()
        raise
    return Fit(**vars(state.outcome()), parameters=best)

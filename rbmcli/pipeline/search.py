"""The search for settings: trial after trial, each a training that is measured on the validation ratings.

Optuna chooses what to try, by the tree-structured Parzen estimator; pruning.py tells which trials to give up
early. What a trial tries follows from the seed, its place and the trials
before it alone, so that a search that was ended and goes on does what an unbroken one does.
"""

from __future__ import annotations

import dataclasses
import math
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from rbmcli.config import ResolvedSettings, TuneSettings
from rbmcli.engine import LOCAL, Engine
from rbmcli.errors import DataError
from rbmcli.models.tuning import Choice, Range, SearchSpace
from rbmcli.pipeline.attempts import OUT_OF_TIME, Attempt, Attempted, TrialOutcome, attempt_trial
from rbmcli.pipeline.pruning import Peers
from rbmcli.pipeline.telling import map_telling
from rbmcli.pipeline.training_input import TrainingInput
from rbmcli.progress import Progress

if TYPE_CHECKING:
    import optuna

_OUTCOME = "outcome"
_RANDOM_TRIALS = 10


class Search:
    """A search under way.

    Parameters
    ----------
    study : optuna.Study
        Holds the trials; those of an earlier run count.
    space : SearchSpace
        What is searched.
    given : TrainingInput
        Ratings, those that are held out for all trials alike, and the scale.
    settings : TuneSettings
        How many trials, and the seed.
    deadline : float
        Value of `time.monotonic()` at which the budget is spent; infinite for no budget.
    progress : Progress
        Told each trial.
    engine : Engine
        Where trials are made. As many as it has workers are chosen at a time, before any of them is known,
        so that a search depends on their number.

    Attributes
    ----------
    outcomes : list of TrialOutcome
        The trials that have ended, in the order of their places.
    """

    def __init__(
        self,
        study: optuna.Study,
        space: SearchSpace,
        given: TrainingInput,
        settings: TuneSettings,
        deadline: float,
        progress: Progress,
        engine: Engine = LOCAL,
    ) -> None:
        import optuna

        self._study, self._space, self._given = study, space, given
        self._settings, self._deadline, self._progress = settings, deadline, progress
        self._engine = engine
        states = optuna.trial.TrialState
        # A trial that a killed run left under way does not count: its place is tried again.
        ended = study.get_trials(deepcopy=False, states=(states.COMPLETE, states.PRUNED))
        try:
            self.outcomes = [TrialOutcome(**trial.user_attrs[_OUTCOME]) for trial in ended]
        except (KeyError, TypeError):
            raise DataError("the journal holds trials that are not of this search") from None
        self._peers = Peers()
        for trial, outcome in zip(ended, self.outcomes, strict=True):
            curve = [value for _, value in sorted(trial.intermediate_values.items())]
            self._compare_with(outcome, curve)

    @property
    def best(self) -> int | None:
        """Place of the complete trial with the smallest validation RMSE, from 0; None without one."""
        return self._best_among(len(self.outcomes))

    @property
    def best_default(self) -> int | None:
        """The same among the defaults."""
        return self._best_among(len(self._space.defaults))

    def _best_among(self, first: int) -> int | None:
        complete = [
            (outcome.valid_rmse, place)
            for place, outcome in enumerate(self.outcomes[:first])
            if outcome.ending == "complete" and outcome.valid_rmse is not None
        ]
        return min(complete)[1] if complete else None

    def run(self) -> None:
        """Do trials until there are as many as asked for, or the budget is spent."""
        wanted, done = self._settings.trials, len(self.outcomes)
        if done:
            self._progress.info(f"going on: {done:,} of {wanted:,} trials are done")
        with self._progress.step("searching settings", total=max(wanted - done, 0)) as step:
            while len(self.outcomes) < wanted and not self._is_over():
                step.advance(self._do_trials(min(self._engine.workers, wanted - len(self.outcomes))))
        if len(self.outcomes) < wanted:
            self._progress.info(f"the budget is spent after {len(self.outcomes):,} of {wanted:,} trials")

    def _is_over(self) -> bool:
        """Tell whether the budget is spent; it is not before there is something to show for it."""
        return time.monotonic() >= self._deadline and self.best is not None

    def _do_trials(self, count: int) -> int:
        """Choose trials, make them, and take note of them in their order; return how many have ended."""
        first = len(self.outcomes)
        asked = [self._ask(first + number) for number in range(count)]
        left = self._deadline - time.monotonic() if self.best is not None else math.inf
        attempts = [
            Attempt(settings, self._peers if place >= len(self._space.defaults) else None, time.time() + left)
            for place, (_, settings) in enumerate(asked, first)
        ]
        given = self._given
        work = partial(attempt_trial, given.ratings, given.held_out, given.levels)
        attempted = map_telling(self._engine, work, attempts, lambda attempt: self._progress)
        for (trial, settings), made in zip(asked, attempted, strict=True):
            self._take_in(trial, settings, made)
        return len(self.outcomes) - first

    def _take_in(self, trial: optuna.Trial, settings: ResolvedSettings, made: Attempted) -> None:
        """Take note of a trial, which does not count if it was out of time."""
        import optuna

        states = optuna.trial.TrialState
        for epoch, rmse in enumerate(made.curve, 1):
            trial.report(rmse, epoch)
        if made.ending == OUT_OF_TIME:
            self._study.tell(trial, state=states.FAIL)
            return
        outcome = made.outcome(settings)
        trial.set_user_attr(_OUTCOME, dataclasses.asdict(outcome))
        if outcome.ending == "complete":
            self._study.tell(trial, outcome.valid_rmse)
        else:
            # To the sampler a trial that diverged is one of the worst, as one that was given up.
            self._study.tell(trial, state=states.PRUNED)
        self.outcomes.append(outcome)
        self._compare_with(outcome, made.curve)
        self._tell(outcome)

    def _compare_with(self, outcome: TrialOutcome, curve: list[float]) -> None:
        """Compare later trials with one that has ended, if it is complete."""
        if outcome.ending == "complete":
            self._peers.add(outcome.settings["objective"], curve)

    def _ask(self, place: int) -> tuple[optuna.Trial, ResolvedSettings]:
        """Return the trial of a place and its settings: a default, then what the sampler chooses."""
        import optuna

        defaults = self._space.defaults
        self._study.sampler = optuna.samplers.TPESampler(
            n_startup_trials=max(_RANDOM_TRIALS, len(defaults)),
            multivariate=False,
            # Trials that are chosen together must not all be the same.
            constant_liar=self._engine.workers > 1,
            seed=int(np.random.SeedSequence([self._settings.seed, place]).generate_state(1)[0]),
        )
        waiting = (optuna.trial.TrialState.WAITING,)
        if place < len(defaults) and not self._study.get_trials(deepcopy=False, states=waiting):
            self._study.enqueue_trial(self._space.searched(defaults[place]))
        trial = self._study.ask()
        drawn = self._space.draw(lambda name, range_: range_.rounded(_suggest(trial, name, range_)))
        return trial, defaults[place] if place < len(defaults) else drawn

    def _tell(self, outcome: TrialOutcome) -> None:
        place, best = len(self.outcomes) - 1, self.best
        told = {
            "complete": f"validation RMSE {_figure(outcome.valid_rmse)} in epoch {outcome.best_epoch}",
            "pruned": f"given up after epoch {outcome.epochs}, validation RMSE {_figure(outcome.valid_rmse)}",
            "diverged": f"left the finite numbers after epoch {outcome.epochs}",
        }[outcome.ending]
        if best == place:
            told += ", best"
        elif best is not None:
            told += f"; best {_figure(self.outcomes[best].valid_rmse)}"
        how = f"rows of {outcome.settings['by']}s, {outcome.settings['objective']}"
        self._progress.info(f"trial {place + 1} of {self._settings.trials}: {how}: {told}")


def _suggest(trial: optuna.Trial, name: str, range_: Range) -> Any:
    if isinstance(range_, Choice):
        return trial.suggest_categorical(name, range_.values)
    if range_.whole:
        return trial.suggest_int(name, int(range_.low), int(range_.high), log=range_.by_factors)
    return trial.suggest_float(name, range_.low, range_.high, log=range_.by_factors)


def _figure(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4f}"

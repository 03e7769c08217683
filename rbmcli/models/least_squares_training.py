"""Fitting a factorization by alternating least squares: which penalties, how many sweeps, how sure it is.

Sweeps end when the validation RMSE has not fallen for a few, and the best of them is kept. Penalties that are
not given are moved together, up or down, as long as that RMSE falls: what suits grows slowly with the number
of ratings, and a fit takes a few seconds.
"""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import numpy as np

from rbmcli.config.factorization import FactorizationSettings
from rbmcli.data.levels import Levels
from rbmcli.kernels.factor_folding import ItemSamples
from rbmcli.models.alternation import stacked
from rbmcli.models.factorization import FactorizationModel
from rbmcli.models.factorization_fit import FactorizationFit, as_stored
from rbmcli.models.least_squares import LeastSquares, Penalties
from rbmcli.models.levelled import LevelledRatings
from rbmcli.models.mean_training import MeanFit
from rbmcli.progress import EpochReport, Progress

FACTOR_PENALTY, BIAS_PENALTY, IMPLICIT_PENALTY = 18.0, 6.0, 32.0
"""Chosen on held-out parts of the training ratings of four sets. Of the first and the last it is where the
search starts, and what is taken without validation ratings."""

STEP, MOST_STEPS = 1.3, 12
"""By what penalties are moved, and how often at most."""

PATIENCE, LEAST_GAIN = 5, 1e-4
"""Sweeps after which a fit ends if the validation RMSE has not fallen by that share."""

_LEFT_OUT = 20_000


def fit_least_squares(
    ratings: LevelledRatings,
    learned: np.ndarray,
    asked: np.ndarray,
    levels: Levels,
    settings: FactorizationSettings,
    progress: Progress,
    first: MeanFit | None,
) -> FactorizationFit:
    """Fit a factorization to some of the ratings; see `rbmcli.models.mean_training.train_mean_model`."""
    given = ratings, learned, asked, levels, settings, progress
    if isinstance(first, _Fit):
        again = _Fit(first.penalties, *given)
        again.run(first.best_epoch)
        again.noise = first.noise
        return again

    def tried(steps: int) -> _Fit:
        """Return a fit with penalties so many steps from where the search starts."""
        fit = _Fit(_penalties(settings, STEP**steps), *given)
        fit.run(settings.sweeps)
        return fit

    best = tried(0)
    if len(asked) and _is_open(settings):
        best = _searched(best, tried)
    best.measure_noise()
    return best


def _searched(start: _Fit, tried: Any) -> _Fit:
    """Return the best fit along a line of penalties: upward, and if there is nothing, downward."""
    best = start
    for way in (1, -1):
        for steps in range(1, MOST_STEPS + 1):
            fit = tried(way * steps)
            if fit.best_rmse >= best.best_rmse:
                break
            best = fit
        if best is not start:
            break
    return best


def _is_open(settings: FactorizationSettings) -> bool:
    """Return whether there is a penalty to choose."""
    return settings.factor_penalty is None or (settings.implicit and settings.implicit_penalty is None)


def _penalties(settings: FactorizationSettings, times: float) -> Penalties:
    factor, bias, implicit = settings.factor_penalty, settings.bias_penalty, settings.implicit_penalty
    return Penalties(
        round(FACTOR_PENALTY * times, 3) if factor is None else factor,
        BIAS_PENALTY if bias is None else bias,
        round(IMPLICIT_PENALTY * times, 3) if implicit is None else implicit,
    )


class _Fit(FactorizationFit):
    """The sweeps of least squares with given penalties, and the best of them.

    Attributes
    ----------
    penalties : Penalties
        The penalties.
    best_rmse : float
        Validation RMSE of the best sweep; infinite without validation.
    noise : float
        Variance of ratings around what is expected of them, but for what the user's factors are not known by.
    """

    def __init__(self, penalties: Penalties, *given: Any) -> None:
        super().__init__(*given)
        settings, self.penalties = self.settings, penalties
        self._squares = LeastSquares(
            self.rows,
            self.value,
            settings.latent_factors,
            settings.seed,
            penalties,
            implicit=settings.implicit,
        )
        self.best_rmse, self.noise = np.inf, self._squares.deviation**2
        self._best = self._squares.sample()

    @property
    def mean(self) -> float:
        """Mean of the ratings, mu."""
        return self._squares.mean

    def run(self, sweeps: int) -> None:
        """Do so many sweeps, or fewer if patience ends."""
        squares, started = self._squares, time.perf_counter()
        has_validation = len(self.truth) > 0
        with self.progress.step("least squares", sweeps, is_brief=True) as step:
            for sweep in range(1, sweeps + 1):
                squares.sweep()
                rmse = self.rmse(squares.predicted(*self.pairs)) if has_validation else None
                loss = squares.mean_square()
                self.reports.append({"epoch": sweep, "loss": loss, "valid_rmse": rmse, "valid_nll": None})
                step.advance(1)
                if rmse is not None and rmse < self.best_rmse * (1 - LEAST_GAIN):
                    self.best_rmse, self.best_epoch, self._best = rmse, sweep, squares.sample()
                elif rmse is not None and sweep >= self.best_epoch + PATIENCE:
                    break
        if not has_validation:
            self.best_epoch, self._best = sweeps, squares.sample()
        self._tell(sweeps, time.perf_counter() - started)

    def _tell(self, sweeps: int, seconds: float) -> None:
        factor, bias, implicit = self.penalties
        told = f", of implicit factors {implicit:g}" if self.settings.implicit else ""
        self.progress.detail(f"penalty of factors {factor:g}, of biases {bias:g}{told}")
        best, done = self.reports[self.best_epoch - 1], len(self.reports)
        speed = done * self.rows.n_ratings / max(seconds, 1e-9)
        rmse = best["valid_rmse"]
        self.progress.epoch(
            EpochReport(self.best_epoch, sweeps, best["loss"], rmse, None, rmse is not None, speed, 0.0)
        )

    def measure_noise(self) -> None:
        """Find the variance of ratings by the validation ratings, or else by those learned from.

        With h the variance by the user's factors in units of that of ratings, e^2 is expected to be 1 + h
        times it. Of a rating that was learned from, e is what is left of it when it is left out of its
        user's: a little too small, since items have seen it.
        """
        if len(self.truth):
            pairs, own, truth = self.pairs, np.full(len(self.truth), np.nan), self.truth
        else:
            chosen = np.arange(0, len(self.value), max(len(self.value) // _LEFT_OUT, 1))
            pairs = self.rows.row_of_each()[chosen], self.rows.column[chosen]
            own = truth = self.value[chosen]
        mean, variance = self.asked(self.samples(), *pairs, own)
        self.noise = max(
            float(np.mean((truth - mean) ** 2 / (1 + variance / self.noise))),
            1e-6 * (self.scale[1] - self.scale[0]) ** 2,
        )

    def samples(self) -> ItemSamples:
        """Return the best sweep as a sample, with numbers as they are stored."""
        found, used = stacked([self._best]), self._squares.size
        # With so many times as much of both it is the same regression.
        alpha = np.array([1 / self.noise])
        found.precision[:, :used] *= alpha / found.alpha
        return as_stored(found._replace(alpha=alpha))

    def model(self, known_items: np.ndarray, **common: Any) -> FactorizationModel:
        """Return the model, with the penalties that it has in its settings."""
        factor, bias, implicit = self.penalties
        settings = dataclasses.replace(
            self.settings,
            factor_penalty=factor,
            bias_penalty=bias,
            implicit_penalty=implicit if self.settings.implicit else None,
        )
        return super().model(known_items, **(common | {"settings": settings}))

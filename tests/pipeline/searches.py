"""Searches on small ratings, with or without real training, for tests of `tune`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from rbmcli.config import ResolvedSettings, TuneSettings
from rbmcli.errors import DivergenceError
from rbmcli.pipeline import attempts, search, tune
from rbmcli.pipeline.tune import TuneResult
from rbmcli.progress import EpochReport, Progress
from tests.small_ratings import ratings

EPOCHS = 4


def tuned(output: object = None, trials: int = 6, source: object = None, **options: Any) -> TuneResult:
    """Search settings of trainings of few epochs."""
    fixed = {"epochs": EPOCHS} | options.pop("fixed", {})
    settings = TuneSettings(trials=trials, **options.pop("settings", {}))
    return tune.tune(
        ratings() if source is None else source, output, fixed=fixed, settings=settings, **options
    )


class Script:
    """Stands in for the training of a trial, and ends each as it is told.

    Parameters
    ----------
    monkeypatch : pytest.MonkeyPatch
        Puts it in place.
    curves : sequence
        For each trial the validation RMSE of its epochs. An exception among them is raised in its place, and
        a function is called before the next figure.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, curves: Sequence[Sequence[Any]]) -> None:
        self.curves = list(curves)
        self.tried: list[ResolvedSettings] = []
        monkeypatch.setattr(attempts, "try_settings", self)

    def __call__(
        self,
        data: object,
        held_out: object,
        levels: object,
        settings: ResolvedSettings,
        progress: Progress,
    ) -> None:
        curve = self.curves[len(self.tried)]
        self.tried.append(settings)
        epoch, best = 0, float("inf")
        for entry in curve:
            if isinstance(entry, BaseException):
                raise entry
            if callable(entry):
                entry()
                continue
            epoch += 1
            is_best, best = entry < best, min(entry, best)
            progress.epoch(EpochReport(epoch, len(curve), 1.0, entry, entry / 2, is_best, 1e6, 0.0))


DIVERGES = DivergenceError("training left the finite numbers")


def set_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], Callable[[], None]]:
    """Replace the clock of searches; return what makes a function that puts it to some seconds."""
    now = [0.0]
    for module in (attempts, search, tune):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0], time=lambda: now[0]))

    def at(seconds: float) -> Callable[[], None]:
        return lambda: now.__setitem__(0, seconds)

    return at

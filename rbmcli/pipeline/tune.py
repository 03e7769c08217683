"""Ratings -> the settings that suit them best, as a TOML file for `train`."""

from __future__ import annotations

import importlib
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rbmcli.config import InputSettings, LevelSettings, ResolvedSettings, TrainSettings, TuneSettings
from rbmcli.data.intake import Source
from rbmcli.data.outputs import Target, check_target, local_path
from rbmcli.engine import LOCAL, Engine
from rbmcli.errors import DivergenceError, UsageError
from rbmcli.models.levelled import shape_of
from rbmcli.models.tuning import SearchSpace, search_space
from rbmcli.pipeline.attempts import TrialOutcome
from rbmcli.pipeline.search import Search
from rbmcli.pipeline.search_journal import open_study
from rbmcli.pipeline.settings_file import write_settings
from rbmcli.pipeline.training_input import TrainingInput, read_training
from rbmcli.progress import SILENT, Progress

NOT_OF_A_SEARCH = ("preset", "seed", "validation", "workers", "average_every")
"""Settings of training that a search sets itself."""


@dataclass(frozen=True)
class TuneResult:
    """What a search found.

    Attributes
    ----------
    settings : ResolvedSettings
        Those of the best trial.
    searched : dict
        The ones among them that were searched, by name.
    trial : int
        Number of that trial, from 1.
    best_epoch : int
        Its epoch with the smallest validation RMSE.
    valid_rmse, valid_nll : float or None
        The figures of that epoch.
    default_rmse : float or None
        Validation RMSE of the best default settings, which were the first trials.
    endings : dict of str to int
        How many trials were complete, pruned, and diverged.
    path, journal : Path or None
        The file of the settings, and the journal of the search, if there are any.
    """

    settings: ResolvedSettings
    searched: dict[str, Any]
    trial: int
    best_epoch: int
    valid_rmse: float
    valid_nll: float | None
    default_rmse: float | None
    endings: dict[str, int]
    path: Path | None
    journal: Path | None


def tune(
    ratings: Source,
    output: Target | None = None,
    *,
    journal: str | os.PathLike[str] | None = None,
    valid: Source | None = None,
    also_rated: Source | None = None,
    fixed: Mapping[str, Any] | None = None,
    settings: TuneSettings = TuneSettings(),  # noqa: B008
    input_settings: InputSettings = InputSettings(),  # noqa: B008
    level_settings: LevelSettings = LevelSettings(),  # noqa: B008
    progress: Progress = SILENT,
    engine: Engine = LOCAL,
) -> TuneResult:
    """Search settings of training by what they do on validation ratings.

    The first trials are the defaults. Equal searches give equal files, also where one of them was
    interrupted and went on, unless a budget of time ended it.

    Parameters
    ----------
    ratings : path or table
        Ratings to train on.
    output : path, '-' or address, optional
        Where to write the TOML; '-' is standard output.
    journal : path, optional
        Journal of the search; beside `output` without it. One that is there already is gone on with.
    valid : path or table, optional
        Ratings to measure all trials on; without them the same share of `ratings` is held out in all.
    also_rated : path or table, optional
        As in `train`.
    fixed : mapping, optional
        Settings of `TrainSettings`, by name, that are not searched.
    settings : TuneSettings
        How long is searched.
    input_settings : InputSettings
        How ratings are read.
    level_settings : LevelSettings
        The scale, where the file does not name its levels.
    progress : Progress
        Told each trial.
    engine : Engine
        Where trials are made, as many at a time as it has workers. These are chosen together, so that what is
        found depends on the number of workers, though not on the engine.

    Returns
    -------
    TuneResult

    Raises
    ------
    UsageError
        If optuna is not installed, a setting cannot be fixed, or a file may not be written there.
    DataError
        If the ratings or the journal cannot be used.
    MismatchError
        If the journal is of another search.
    LockedError
        If another search writes the journal.
    DivergenceError
        If no trial stayed within the finite numbers.
    """
    check_optuna()
    deadline = time.monotonic() + settings.budget if settings.budget is not None else np.inf
    given = settings_of_trials(fixed or {}, settings)
    journal_path = checked_journal(output, journal, [ratings, valid, also_rated])
    read = read_training(ratings, valid, also_rated, given, input_settings, level_settings, progress)
    shape = shape_of(read.ratings, read.held_out, read.levels)
    space = search_space(read.rbm_settings, list(fixed or {}), shape)
    with (
        _optuna_quiet(),
        open_study(journal_path, _description(read, space, fixed or {})) as study,
    ):
        search = Search(study, space, read, settings, deadline, progress, engine)
        with _telling_how_to_go_on(search, journal_path, progress):
            search.run()
        result = _result(search, space, local_path(output), journal_path)
        if output is not None:
            _write(result, output, level_settings)
    return result


def check_optuna() -> None:
    """Raise `UsageError`, naming the command that installs it, if optuna is not installed."""
    try:
        importlib.import_module("optuna")
    except ModuleNotFoundError as error:
        if error.name != "optuna":
            raise
        raise UsageError(
            "tune needs the package optuna, which is not installed", hint="pip install 'rbmcli[tune]'"
        ) from None


@contextmanager
def _optuna_quiet() -> Iterator[None]:
    """Keep optuna's own messages off the terminal, but for warnings."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def settings_of_trials(fixed: Mapping[str, Any], settings: TuneSettings) -> TrainSettings:
    """Return the settings that trials have in common; what is fixed must not be what the search sets."""
    refused = [name for name in NOT_OF_A_SEARCH if name in fixed]
    if refused:
        raise UsageError(f"{refused[0]} cannot be fixed: the search sets it itself")
    return TrainSettings(**{**fixed, "preset": "accurate", "seed": settings.seed})


def checked_journal(
    output: Target | None, journal: str | os.PathLike[str] | None, inputs: list[Any]
) -> Path | None:
    """Check output and journal, and return the path of the journal."""
    check_target(output, inputs)
    path = local_path(output)
    if journal is None and path is not None:
        journal = path.with_name(f"{path.stem}.tune.journal")
    if journal is None:
        return None
    check_target(journal, inputs)
    if path is not None and path.absolute() == Path(journal).absolute():
        raise UsageError(f"{path}: is the output and the journal too", hint="give --journal another name")
    return Path(journal)


def _description(read: TrainingInput, space: SearchSpace, fixed: Mapping[str, Any]) -> dict[str, Any]:
    """Return what tells one search from another: its ratings, its settings, and what it searches."""
    # The first that differs is told.
    return {
        "settings": {**fixed, "seed": read.settings.seed},
        **read.fingerprints(),
        "ranges or defaults": space.as_dict(),
    }


@contextmanager
def _telling_how_to_go_on(search: Search, journal: Path | None, progress: Progress) -> Iterator[None]:
    """Where an interrupt or a signal ends the search, tell what is left of it."""
    try:
        yield
    except Exception:
        raise
    except BaseException:
        best, done = search.best, len(search.outcomes)
        if journal is not None and best is not None:
            progress.warn(
                f"stopped after {done:,} trials, the best with validation RMSE "
                f"{search.outcomes[best].valid_rmse:.4f}: the same command goes on from {journal}; with "
                f"--trials {done} it writes the best so far"
            )
        raise


def _result(search: Search, space: SearchSpace, path: Path | None, journal: Path | None) -> TuneResult:
    place = search.best
    if place is None:
        raise DivergenceError(
            f"none of {len(search.outcomes):,} trials stayed within the finite numbers: no settings are "
            "written",
            hint="try more --trials, or other settings than those given",
        )
    best = search.outcomes[place]
    settings = ResolvedSettings(**best.settings)
    counts = Counter(outcome.ending for outcome in search.outcomes)
    return TuneResult(
        settings=settings,
        searched=space.searched(settings),
        trial=place + 1,
        best_epoch=best.best_epoch,
        valid_rmse=_known(best),
        valid_nll=best.valid_nll,
        default_rmse=None if search.best_default is None else _known(search.outcomes[search.best_default]),
        endings={ending: counts[ending] for ending in ("complete", "pruned", "diverged")},
        path=path,
        journal=journal,
    )


def _known(outcome: TrialOutcome) -> float:
    """Return the validation RMSE of a complete trial, which has one."""
    assert outcome.valid_rmse is not None
    return outcome.valid_rmse


def _write(result: TuneResult, output: Target, scale: LevelSettings) -> None:
    nll = "" if result.valid_nll is None else f" and NLL {result.valid_nll:.4f}"
    defaults = "" if result.default_rmse is None else f"; of the defaults {result.default_rmse:.4f}"
    head = [
        "The best settings that `rbmcli tune` found, for `rbmcli train RATINGS --config FILE -o MODEL`.",
        f"Validation RMSE {result.valid_rmse:.4f}{nll} in epoch {result.best_epoch}{defaults}.",
        f"Trial {result.trial} of {sum(result.endings.values())}: "
        + ", ".join(f"{count} {ending}" for ending, count in result.endings.items())
        + ".",
    ]
    # Which file serves as validation is for the command line to say, and the preset has nothing left to set.
    others = {
        name: value
        for name, value in result.settings.as_dict().items()
        if name not in result.searched and name not in {"preset", "validation"}
    }
    parts: list[tuple[str, dict[str, Any]]] = [
        ("Searched.", result.searched),
        ("Given, or the default.", others),
    ]
    if scale.levels:
        others["levels"] = ",".join(repr(level).removesuffix(".0") for level in scale.levels)
    if scale.bins:
        others["bins"] = scale.bins
    write_settings(output, "train", [part for part in parts if part[1]], head)

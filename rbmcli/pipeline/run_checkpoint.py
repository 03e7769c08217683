"""The checkpoint of a run of `train`: whose the file is, and whether this run may go on from it."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rbmcli.data.locks import locked
from rbmcli.data.outputs import check_target, local_path
from rbmcli.data.schemas import CHECKPOINT
from rbmcli.data.storage import read_footer
from rbmcli.errors import DataError, LockedError, MismatchError, StoppedError, UsageError
from rbmcli.models.checkpoint import SavedCheckpoint
from rbmcli.models.checkpoint_store import Saved, load_checkpoint, save_checkpoint
from rbmcli.models.defaults import resolved
from rbmcli.models.levelled import shape_of
from rbmcli.pipeline.same_run import installed_versions, other_data, other_settings, other_versions
from rbmcli.pipeline.training_input import TrainingInput
from rbmcli.progress import Progress

_WHERE = "the checkpoint"
_START_ANEW = "leave out --resume to start anew, which replaces the checkpoint"


@dataclass(frozen=True)
class RunCheckpoint:
    """The file of a checkpoint, whose lock is held.

    Attributes
    ----------
    path : Path
        The file.
    interval : float
        Seconds between two times that it is saved.
    saved : list of pairs of a key and a state
        The trainings in it, if this run is to go on from them.
    metadata : dict
        What is known of the run that they are of; empty if there is none.
    """

    path: Path
    interval: float
    saved: Saved
    metadata: dict[str, Any]

    def of(self, given: TrainingInput, stop: Callable[[], bool], progress: Progress) -> SavedCheckpoint:
        """Return the checkpoint of a run on some data, after a check that it may go on from the file.

        Raises
        ------
        MismatchError
            If the file is of a run with other data or settings, or with more epochs.
        """
        description = _description(given)
        if self.metadata:
            _check_same_run(description, self.metadata, self.path, progress)
            over = sum(state.is_over for _, state in self.saved)
            progress.info(f"{self.path}: going on from {over:,} trainings that are over{self._under_way()}")

        def _save(states: Saved, is_complete: bool) -> None:
            save_checkpoint(self.path, description, states, is_complete=is_complete)

        return SavedCheckpoint(_save, self.interval, stop, self.saved)

    def _under_way(self) -> str:
        epochs = [len(state.reports) for _, state in self.saved if not state.is_over]
        return f", and one after epoch {epochs[-1]}" if epochs else ""


@contextmanager
def open_checkpoint(
    target: str | os.PathLike[str],
    *,
    resume: bool,
    interval: float,
    others: Sequence[Any],
    progress: Progress,
) -> Iterator[RunCheckpoint]:
    """Lock the file of a checkpoint for the whole run, and read it if the run is to go on from it.

    Parameters
    ----------
    target : path
        The file, which need not exist.
    resume : bool
        Whether the run is to go on from it.
    interval : float
        Seconds between two times that it is saved.
    others : sequence
        Inputs and outputs of the run; those that are paths must not be the file.
    progress : Progress
        Told what becomes of a file that is there.

    Raises
    ------
    UsageError
        If the file cannot be a checkpoint, or is something else that would be replaced.
    DataError
        If it is damaged, and the run is to go on from it.
    LockedError
        If another run holds it.
    """
    path = _checked(target, interval, others)
    with _held(path):
        saved: Saved = []
        metadata: dict[str, Any] = {}
        if not path.exists():
            if resume:
                progress.info(f"{path}: there is no checkpoint yet: training starts from the beginning")
        elif resume:
            saved, metadata = load_checkpoint(path)
        else:
            _check_replaceable(path, progress)
        yield RunCheckpoint(path, interval, saved, metadata)


@contextmanager
def telling_how_to_go_on(path: Path | None, progress: Progress) -> Iterator[None]:
    """Where training stops because it was asked to, tell how it goes on."""
    try:
        yield
    except StoppedError as stopped:
        if path is None:
            raise
        message = f"stopped: all that was done is saved in {path}, and --resume goes on from there"
        progress.warn(message)
        raise StoppedError(message) from stopped


def _checked(target: str | os.PathLike[str], interval: float, others: Sequence[Any]) -> Path:
    path = local_path(target)
    if not (math.isfinite(interval) and interval >= 0):
        raise UsageError(f"--checkpoint-interval {interval:g}: expected seconds, 0 or more")
    if path is None:
        raise UsageError(
            f"--checkpoint {target}: a checkpoint is a file of this machine",
            hint="give --checkpoint the name of a file",
        )
    check_target(path)
    paths = [Path(other) for other in others if isinstance(other, str | os.PathLike)]
    if path.resolve() in {other.resolve() for other in paths}:
        raise UsageError(
            f"{path}: is an input or the output, and would be written over by the checkpoint",
            hint="give --checkpoint another name",
        )
    return path


@contextmanager
def _held(path: Path) -> Iterator[None]:
    """Hold the lock of the file for the whole run."""
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(path))
        except LockedError as error:
            raise LockedError(
                f"{error.message} as its checkpoint", hint="wait for it, or give --checkpoint another name"
            ) from error
        yield


def _check_replaceable(path: Path, progress: Progress) -> None:
    try:
        _, metadata, _ = read_footer(path)
    except DataError:
        metadata = {}
    if metadata.get("format") != CHECKPOINT.format:
        raise UsageError(
            f"{path}: is no checkpoint of rbmcli, or a damaged one, and is not replaced",
            hint="give --checkpoint another name, or delete the file",
        )
    if not metadata.get("complete"):
        progress.warn(f"{path}: holds a run that was not finished, and is replaced; --resume goes on from it")


def _description(given: TrainingInput) -> dict[str, Any]:
    """Return what tells a run from others, and how long it is."""
    settings = given.settings.as_dict()
    del settings["epochs"]
    shape = shape_of(given.ratings, given.held_out, given.levels)
    description = {
        "settings": settings,
        "most_epochs": resolved(given.settings, shape).epochs,
        "seed": given.settings.seed,
        "data": given.fingerprints(),
        **given.levels.as_metadata(),
        "versions": installed_versions(),
    }
    # As the file gives it back.
    return dict(json.loads(json.dumps(description)))


def _check_same_run(now: dict[str, Any], then: dict[str, Any], path: Path, progress: Progress) -> None:
    try:
        settings, data, epochs, versions = (
            then[name] for name in ("settings", "data", "most_epochs", "versions")
        )
        differences = other_settings(now["settings"], settings, _WHERE)
        if now["most_epochs"] < epochs:
            differences.append(f"--epochs is {now['most_epochs']}, and was {epochs} in the checkpoint")
        differences += other_data(now["data"], data, _WHERE)
        changed = other_versions(versions)
    except (LookupError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: the checkpoint is damaged: {error}", hint=_START_ANEW) from None
    if differences:
        raise MismatchError(f"{path}: is of another run: {'; '.join(differences)}", hint=_START_ANEW)
    if changed:
        progress.warn(
            f"{path}: was saved by {', '.join(changed)}: the model may not be that of an unbroken run"
        )

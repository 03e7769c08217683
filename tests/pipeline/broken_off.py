"""Runs of training that are broken off on purpose, and go on from their checkpoint."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

import rbmcli
from rbmcli.errors import StoppedError
from tests.recorder import Recorder
from tests.small_ratings import dated, quick, tastes


class StopAfter:
    """Says once to stop, the so-manieth time that it is asked; 0 never does.

    Attributes
    ----------
    asked : int
        How often it was asked.
    """

    def __init__(self, times: int) -> None:
        self.times, self.asked = times, 0

    def __call__(self) -> bool:
        """Count, and tell."""
        self.asked += 1
        return self.asked == self.times


class Run:
    """The arguments of a run of training, with its files in a folder.

    Parameters
    ----------
    folder : Path
        Where model.parquet and checkpoint.parquet are written.
    changes : dict
        Settings other than those of `quick`; of the input, `also_rated` and `valid`.
    """

    def __init__(self, folder: Path, **changes: object) -> None:
        self.folder = folder
        self.table: pa.Table = dated(tastes(30, 12))
        self.inputs = {name: changes.pop(name) for name in ("also_rated", "valid") if name in changes}
        self.changes = {
            "validation": "holdout",
            "epochs": 3,
            "batch_size": 10,
            "network_rate": 0.03,
            **changes,
        }

    @property
    def model(self) -> bytes:
        """The bytes of the model."""
        return (self.folder / "model.parquet").read_bytes()

    @property
    def checkpoint(self) -> Path:
        """The file of the checkpoint."""
        return self.folder / "checkpoint.parquet"

    def go(self, stop_after: int = 0, *, resume: bool = False, **changes: object) -> tuple[Recorder, int]:
        """Train, with some settings changed; return what was told, and how often `stop` was asked."""
        recorder, stop = Recorder(), StopAfter(stop_after)
        rbmcli.train(
            self.table,
            self.folder / "model.parquet",
            settings=quick(**{**self.changes, **changes}),
            progress=recorder,
            checkpoint=self.checkpoint,
            resume=resume,
            stop=stop,
            **self.inputs,
        )
        return recorder, stop.asked

    def break_off(self, stop_after: int, *, resume: bool = False, **changes: object) -> None:
        """Train, and stop after so many mini-batches and epochs."""
        with pytest.raises(StoppedError):
            self.go(stop_after, resume=resume, **changes)

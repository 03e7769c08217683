"""A model that goes to other processes as the path of its file, and is read there once."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rbmcli.data.outputs import local_path
from rbmcli.errors import DataError
from rbmcli.models.rating_model import RatingModel
from rbmcli.models.store import fingerprint, load_model

_read: dict[str, RatingModel] = {}
"""The model that this process has read, by its fingerprint; one at a time."""


@dataclass(frozen=True)
class ModelHandle:
    """A model, and where it can be read.

    Attributes
    ----------
    model : RatingModel
        The model.
    path : str or None
        Its file on this machine; None where it has none.
    fingerprint : str
        Its fingerprint.
    """

    model: RatingModel
    path: str | None
    fingerprint: str

    @classmethod
    def of(cls, model: RatingModel | str | os.PathLike[str]) -> ModelHandle:
        """Return the handle of a model, read from its file if a path is given."""
        if not isinstance(model, str | os.PathLike):
            return cls(model, None, fingerprint(model))
        read, path = load_model(model), local_path(model)
        # What came through a pipe is not there a second time.
        place = str(path.resolve()) if path is not None and path.is_file() else None
        return cls(read, place, fingerprint(read))

    def __reduce__(self) -> tuple[Callable[..., ModelHandle], tuple[Any, ...]]:
        """Return how it is made again in another process."""
        if self.path is None:
            return ModelHandle, (self.model, None, self.fingerprint)
        return _again, (self.path, self.fingerprint)


def _again(path: str, expected: str) -> ModelHandle:
    if expected not in _read:
        model = load_model(path)
        if fingerprint(model) != expected:
            raise DataError(f"{path}: has changed while it was used", hint="run again")
        _read.clear()
        _read[expected] = model
    return ModelHandle(_read[expected], path, expected)

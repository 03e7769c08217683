"""Settings of `similar` and `explain`."""

from __future__ import annotations

from dataclasses import dataclass

from rbmcli.config.base import Settings, setting


@dataclass(frozen=True)
class SimilarSettings(Settings):
    """Which neighbours of an item are wanted.

    Attributes
    ----------
    top : int
        Items, at most.
    min_support : int
        Ratings that a neighbour must have had in training.
    """

    top: int = setting(10, low=1, high=1_000_000)
    min_support: int = setting(5, low=0, high=2**31 - 1)


@dataclass(frozen=True)
class ExplainSettings(Settings):
    """How much of a score is explained, and how it is made.

    Attributes
    ----------
    top : int
        Ratings of the history that are told, at most.
    consider : int
        Ratings of the history that are left out one by one, at most.
    inference : {"auto", "mean-field", "exact"}
        As in `PredictSettings`.
    """

    top: int = setting(10, low=1, high=1_000_000)
    consider: int = setting(500, low=1, high=1_000_000)
    inference: str = setting("auto", choices=("auto", "mean-field", "exact"))

    def exact(self) -> bool | None:
        """Return whether to sum hidden units out exactly; None to do as the model was trained to."""
        return None if self.inference == "auto" else self.inference == "exact"

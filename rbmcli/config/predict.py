"""Settings of `predict` and `recommend`."""

from __future__ import annotations

from dataclasses import dataclass

from rbmcli.config.base import Settings, setting


@dataclass(frozen=True)
class PredictSettings(Settings):
    """What is predicted and how.

    Attributes
    ----------
    inference : {"auto", "mean-field", "exact"}
        How hidden units are summed over; auto does as the model was trained to.
    probabilities : bool
        Whether to give the probability of each level too, and their entropy.
    keep_own : bool
        Whether a pair that stands in the history is predicted from all of it, its own rating included.
    allow_unknown : bool
        Whether it is fine that the model knows none of the users and items.
    suffix : str
        Appended to the names of the output columns.
    """

    inference: str = setting("auto", choices=("auto", "mean-field", "exact"))
    probabilities: bool = False
    keep_own: bool = False
    allow_unknown: bool = False
    suffix: str = ""

    def exact(self) -> bool | None:
        """Return whether to sum hidden units out exactly; None to do as the model was trained to."""
        return None if self.inference == "auto" else self.inference == "exact"

    def columns(self) -> list[str]:
        """Return the names of the output columns."""
        names = ["prediction", "source", *(["probabilities", "entropy"] if self.probabilities else [])]
        return [name + self.suffix for name in names]


@dataclass(frozen=True)
class RecommendSettings(Settings):
    """What is recommended.

    Attributes
    ----------
    top : int
        Items per user, at most.
    rank_by : {"expectation", "lower-bound"}
        What items are ranked by: the expected rating, or that less some standard deviations.
    deviations : float
        How many, of the predicted distribution of the rating.
    min_support : int
        Ratings that an item must have had in training.
    inference : {"auto", "mean-field", "exact"}
        As in `PredictSettings`.
    """

    top: int = setting(10, low=1, high=1_000_000)
    rank_by: str = setting("expectation", choices=("expectation", "lower-bound"))
    deviations: float = setting(1.0, low=0.0, high=10.0)
    min_support: int = setting(1, low=0, high=2**31 - 1)
    inference: str = setting("auto", choices=("auto", "mean-field", "exact"))

    def exact(self) -> bool | None:
        """Return whether to sum hidden units out exactly; None to do as the model was trained to."""
        return None if self.inference == "auto" else self.inference == "exact"

"""What an evaluation of ranked lists found, as tables and as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rbmcli.pipeline.evaluation import Evaluation


@dataclass(frozen=True)
class ListCounts:
    """What was counted of the lists of one predictor.

    Attributes
    ----------
    lists : int
        Users with a list.
    left_out : int
        Those of them without relevant items, of whom nothing can be told.
    without_list : int
        Users with relevant items and no list, who count as 0.
    already_rated : int or None
        Items listed that their user has rated in the history; None without one.
    candidates : str
        What the lists were chosen from.
    """

    lists: int
    left_out: int
    without_list: int
    already_rated: int | None
    candidates: str


@dataclass(frozen=True)
class RankingResult(Evaluation):
    """What an evaluation of ranked lists found.

    Attributes
    ----------
    metrics, predictors, n, metadata
        As of `rbmcli.pipeline.evaluation.Evaluation`; n counts the users with relevant items.
    at : tuple of int
        The cutoffs.
    n_relevant : int
        Relevant items of all users.
    relevance : str
        What is relevant, in words.
    counts : list of ListCounts
        Of each predictor.
    n_given : int
        How many of the predictors were given; what follows is the baseline.
    """

    at: tuple[int, ...]
    n_relevant: int
    relevance: str
    counts: list[ListCounts]
    n_given: int

    def as_dict(self) -> dict[str, Any]:
        """Return the result as plain values, ready for JSON."""
        return {
            "n": self.n,
            "at": list(self.at),
            "relevant": self.n_relevant,
            "relevance": self.relevance,
            "predictors": [
                {
                    "name": name,
                    "is_baseline": place >= self.n_given,
                    **vars(counts),
                    "segments": self.segments(name),
                    "intervals": self.intervals(name),
                }
                for place, (name, counts) in enumerate(zip(self.predictors, self.counts, strict=True))
            ],
            "differences": self._told_differences(),
            "compared": self.metadata,
        }

"""The options of `evaluate` that are of lists of recommendations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import typer

from rbmcli.config import RankingSettings
from rbmcli.errors import UsageError

RANKED_LISTS = "Lists of recommendations"


@dataclass(frozen=True)
class RankedLists:
    """At which cutoffs lists are measured, and what should stand in them."""

    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="N,...",
            help="Measure the first N of each list [default: those of 1, 5 and 10 that the lists reach].",
            rich_help_panel=RANKED_LISTS,
        ),
    ] = None
    relevant: Annotated[
        float | None,
        typer.Option(
            "--relevant",
            metavar="RATING",
            help="Least rating of a held-out item that is relevant [default: every held-out item is, since "
            "no threshold suits every scale].",
            rich_help_panel=RANKED_LISTS,
        ),
    ] = None
    gain: Annotated[
        Literal["binary", "rating"],
        typer.Option(
            "--gain",
            help="What a relevant item is worth in NDCG: all the same, or what its rating is above the "
            "lowest of the scale; items of the lowest rating then are not relevant.",
            rich_help_panel=RANKED_LISTS,
        ),
    ] = "binary"

    def settings(self) -> RankingSettings:
        """Return the settings that the options stand for.

        Raises
        ------
        UsageError
            If the cutoffs are no whole numbers separated by commas.
        """
        try:
            at = tuple(int(part) for part in self.at.split(",")) if self.at else ()
        except ValueError:
            raise UsageError(
                f"--at {self.at!r}: expected whole numbers separated by commas, such as 1,5,10"
            ) from None
        return RankingSettings(at=at, relevant=self.relevant, gain=self.gain)

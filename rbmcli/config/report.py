"""Settings of `report`."""

from __future__ import annotations

from dataclasses import dataclass

from rbmcli.config.base import Settings, setting


@dataclass(frozen=True)
class ReportSettings(Settings):
    """What a report shows.

    Attributes
    ----------
    title : str
        Heading of the report.
    examples : int
        Users whose recommendations are shown and explained, at most.
    resamples : int
        How often users are drawn anew for the 95% intervals of the figures; 0 gives none.
    plots_format : {"png", "svg"}
        Format of the pictures that are written as files.
    seed : int
        Seed of what is drawn: the users that are shown, and those of the intervals.
    """

    title: str = "Rating predictions"
    examples: int = setting(3, low=0, high=100)
    resamples: int = setting(1000, low=0, high=1_000_000)
    plots_format: str = setting("png", choices=("png", "svg"))
    seed: int = setting(0, low=0, high=2**64 - 1)

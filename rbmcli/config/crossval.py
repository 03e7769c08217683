"""Settings of `crossval`."""

from __future__ import annotations

from dataclasses import dataclass

from rbmcli.config.base import Settings, setting


@dataclass(frozen=True)
class CrossvalSettings(Settings):
    """How ratings are cross-validated.

    Attributes
    ----------
    folds : int
        Parts that the ratings are dealt out to, each of which is predicted by a model of all others.
    resamples : int
        How often users are drawn anew for the 95% intervals of the figures of all folds together; 0 gives
        none.
    """

    folds: int = setting(5, low=2, high=1_000_000)
    resamples: int = setting(1000, low=0, high=1_000_000)

"""Settings of measuring ranked lists."""

from __future__ import annotations

from dataclasses import dataclass

from rbmcli.config.base import Settings, setting
from rbmcli.errors import UsageError


@dataclass(frozen=True)
class RankingSettings(Settings):
    """How lists of recommendations are measured.

    Attributes
    ----------
    at : tuple of int
        Cutoffs N: figures are of the first N of each list. Empty takes those of 1, 5 and 10 that the lists
        reach.
    relevant : float or None
        Least rating of a held-out item that is relevant; None takes every held-out item, since there is no
        threshold that would suit every scale. Likewise trec_eval and ranx take whatever was judged above 0.
    gain : {"binary", "rating"}
        What a relevant item is worth in NDCG: the same for all, or what its rating is above the lowest of
        the scale. With the latter, items of the lowest rating are not relevant.
    """

    at: tuple[int, ...] = ()
    relevant: float | None = setting(None, low=-1e9, high=1e9)
    gain: str = setting("binary", choices=("binary", "rating"))

    def __post_init__(self) -> None:
        super().__post_init__()
        if any(cutoff < 1 for cutoff in self.at) or len(set(self.at)) < len(self.at):
            raise UsageError(
                f"--at {','.join(map(str, self.at))}: expected different whole numbers from 1",
                hint="such as --at 1,5,10",
            )

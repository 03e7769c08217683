"""Settings of `train --model bias`."""

from __future__ import annotations

from dataclasses import dataclass

from rbmcli.config.base import Settings, setting


@dataclass(frozen=True)
class BiasSettings(Settings):
    """How user and item effects are fitted.

    Attributes
    ----------
    user_penalty, item_penalty : float or None
        Ratings of no effect that count against those of a user, and of an item; None chooses them on held-out
        parts of the training ratings.
    validation : {"file", "holdout", "none"}
        What the ordinal link is fitted to: a file of ratings, a share of the training ratings, nothing.
    holdout : float
        That share.
    refit : bool
        Whether to fit the effects again, on the validation ratings too.
    seed : int
        Seed of what is held out.
    """

    user_penalty: float | None = setting(None, low=1e-6, high=1e9)
    item_penalty: float | None = setting(None, low=1e-6, high=1e9)
    validation: str = setting("holdout", choices=("file", "holdout", "none"))
    holdout: float = setting(0.1, low=0.001, high=0.9)
    refit: bool = True
    seed: int = setting(0, low=0, high=2**63 - 1)

    @property
    def needs_days(self) -> bool:
        """Whether the days of ratings are needed."""
        return False

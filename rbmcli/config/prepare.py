"""Settings of `prepare`."""

from __future__ import annotations

from dataclasses import dataclass

from rbmcli.config.base import Settings, setting
from rbmcli.errors import UsageError


@dataclass(frozen=True)
class PrepareSettings(Settings):
    """How raw ratings become train, valid and test files.

    Attributes
    ----------
    split : {"random", "leave-last", "time", "none"}
        random: each rating by itself, decided by a hash of seed, user and item; leave-last: the last
        ratings of each user; time: the last ratings of all; none: one file.
    valid_fraction, test_fraction : float
        Shares of the ratings for validation and test, with split random or time.
    leave_last : int
        Ratings per user for validation, and as many for test, with split leave-last.
    min_user_ratings, min_item_ratings : int
        Users and items with fewer ratings are dropped, again and again until none is left.
    seed : int
        Seed of the random split.
    """

    split: str = setting("random", choices=("random", "leave-last", "time", "none"))
    valid_fraction: float = setting(0.1, low=0.0, high=0.95)
    test_fraction: float = setting(0.1, low=0.0, high=0.95)
    leave_last: int = setting(1, low=1, high=1_000_000)
    min_user_ratings: int = setting(1, low=1, high=2**31 - 1)
    min_item_ratings: int = setting(1, low=1, high=2**31 - 1)
    seed: int = setting(0, low=0, high=2**63 - 1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.valid_fraction + self.test_fraction > 0.95:
            raise UsageError(
                f"--valid-fraction {self.valid_fraction} and --test-fraction {self.test_fraction} leave less "
                "than 0.05 of the ratings for training"
            )

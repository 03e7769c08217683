"""Settings of `train --model mf`."""

from __future__ import annotations

from dataclasses import dataclass

from rbmcli.config.base import Settings, setting
from rbmcli.errors import UsageError


@dataclass(frozen=True)
class FactorizationSettings(Settings):
    """How a matrix factorization is sampled.

    Attributes
    ----------
    latent_factors : int
        F, beside the biases.
    implicit : bool
        Whether which items a user has rated, and who has rated an item, counts beside the ratings.
    sweeps, burn_in : int
        How often everything is drawn, and how many of these come before the first that counts.
    samples : int
        Samples that the model keeps, evenly spread over those that count.
    validation : {"file", "holdout", "none"}
        What the ordinal link is fitted to: a file of ratings, a share of the training ratings, nothing.
    holdout : float
        That share.
    refit : bool
        Whether to sample again at the end, with the validation ratings.
    seed : int
        Seed of everything random.
    """

    latent_factors: int = setting(31, low=1, high=1000)
    implicit: bool = True
    sweeps: int = setting(200, low=2, high=1_000_000)
    burn_in: int = setting(40, low=0, high=1_000_000)
    samples: int = setting(32, low=1, high=10_000)
    validation: str = setting("holdout", choices=("file", "holdout", "none"))
    holdout: float = setting(0.1, low=0.001, high=0.9)
    refit: bool = True
    seed: int = setting(0, low=0, high=2**63 - 1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sweeps - self.burn_in < self.samples:
            raise UsageError(
                f"--sweeps {self.sweeps} less --burn-in {self.burn_in} is less than --samples {self.samples}",
                hint="sweep more often, or keep fewer samples",
            )

    @property
    def needs_days(self) -> bool:
        """Whether the days of ratings are needed."""
        return False

    def is_kept(self, sweep: int) -> bool:
        """Return whether the sample after a sweep, counted from 0, is one of those that the model keeps."""
        counted, among = sweep - self.burn_in, self.sweeps - self.burn_in
        return counted >= 0 and (counted + 1) * self.samples // among > counted * self.samples // among

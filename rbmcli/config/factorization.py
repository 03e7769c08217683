"""Settings of `train --model mf`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rbmcli.config.base import Settings, setting
from rbmcli.errors import UsageError

_ONLY_OF = {
    "gibbs": ("burn_in", "samples"),
    "als": ("factor_penalty", "bias_penalty", "implicit_penalty"),
}
"""Settings that only one of the methods has."""


@dataclass(frozen=True)
class FactorizationSettings(Settings):
    """How a matrix factorization is found.

    Attributes
    ----------
    method : {"gibbs", "als"}
        Gibbs sampling, or alternating least squares, which is a point estimate in a fraction of the time.
    latent_factors : int
        F, beside the biases.
    implicit : bool
        Whether which items a user has rated, and who has rated an item, counts beside the ratings.
    sweeps : int
        How often everything is drawn; by least squares, the most often that it is found.
    burn_in : int
        How many of them come before the first draws that count; not of least squares.
    samples : int
        Samples that the model keeps, evenly spread over those that count; not of least squares.
    factor_penalty, implicit_penalty : float or None
        By least squares, ratings of no effect that count against factors, and against what having rated adds
        to them; None has the validation ratings choose.
    bias_penalty : float or None
        The same against biases; None for 6.
    validation : {"file", "holdout", "none"}
        What the ordinal link is fitted to, and by least squares penalties and sweeps are chosen by: a file of
        ratings, a share of the training ratings, nothing.
    holdout : float
        That share.
    refit : bool
        Whether to fit again at the end, with the validation ratings.
    seed : int
        Seed of everything random.
    """

    method: str = setting("gibbs", choices=("gibbs", "als"))
    latent_factors: int = setting(31, low=1, high=1000)
    implicit: bool = True
    sweeps: int = setting(300, low=2, high=1_000_000)
    burn_in: int = setting(100, low=0, high=1_000_000)
    samples: int = setting(32, low=1, high=10_000)
    factor_penalty: float | None = setting(None, low=1e-6, high=1e9)
    bias_penalty: float | None = setting(None, low=1e-6, high=1e9)
    implicit_penalty: float | None = setting(None, low=1e-6, high=1e9)
    validation: str = setting("holdout", choices=("file", "holdout", "none"))
    holdout: float = setting(0.1, low=0.001, high=0.9)
    refit: bool = True
    seed: int = setting(0, low=0, high=2**63 - 1)

    def __post_init__(self) -> None:
        super().__post_init__()
        other = "gibbs" if self.method == "als" else "als"
        strange = [entry for entry in _ONLY_OF[other] if getattr(self, entry) != _default(entry)]
        if strange:
            options = ", ".join("--" + name.replace("_", "-") for name in strange)
            raise UsageError(
                f"{options}: not an option of --method {self.method}",
                hint=f"leave it out, or take --method {other}",
            )
        if self.implicit_penalty is not None and not self.implicit:
            raise UsageError(
                "--implicit-penalty is of what --no-implicit leaves out", hint="leave out one of the two"
            )
        if self.method == "gibbs" and self.sweeps - self.burn_in < self.samples:
            raise UsageError(
                f"--sweeps {self.sweeps} less --burn-in {self.burn_in} is less than --samples {self.samples}",
                hint="sweep more often, or keep fewer samples",
            )

    @property
    def kept(self) -> int:
        """Samples that the model has: least squares makes one."""
        return 1 if self.method == "als" else self.samples

    @property
    def needs_days(self) -> bool:
        """Whether the days of ratings are needed."""
        return False

    def is_kept(self, sweep: int) -> bool:
        """Return whether the sample after a sweep, counted from 0, is one of those that the model keeps."""
        counted, among = sweep - self.burn_in, self.sweeps - self.burn_in
        return counted >= 0 and (counted + 1) * self.samples // among > counted * self.samples // among


def _default(name: str) -> Any:
    return FactorizationSettings.__dataclass_fields__[name].default

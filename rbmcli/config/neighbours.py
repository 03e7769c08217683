"""Settings of `train --model neighbours`."""

from __future__ import annotations

from dataclasses import dataclass

from rbmcli.config.base import Settings, setting
from rbmcli.config.effects import BiasSettings
from rbmcli.config.factorization import FactorizationSettings
from rbmcli.config.train import TrainSettings
from rbmcli.errors import UsageError

BaseSettings = TrainSettings | BiasSettings | FactorizationSettings
"""Settings of a model whose residuals neighbours can explain."""


@dataclass(frozen=True)
class NeighboursSettings(Settings):
    """How neighbours of items are found.

    Attributes
    ----------
    base : {"rbm", "mf", "als", "bias"}
        The kind of model whose residuals they explain; "als" is a matrix factorization by least squares.
    neighbours : int
        Most neighbours of an item.
    similarity_shrinkage : float
        lambda, in ratings: what holds similarities of items with few ratings to 0.
    validation : {"file", "holdout", "none"}
        What the gain and the ordinal link are fitted to: a file of ratings, a share of the training ratings,
        nothing.
    holdout : float
        That share.
    refit : bool
        Whether to train again at the end, on the validation ratings too.
    seed : int
        Seed of everything random.
    """

    base: str = setting("rbm", choices=("rbm", "mf", "als", "bias"))
    neighbours: int = setting(300, low=1, high=100_000)
    similarity_shrinkage: float = setting(20.0, low=0.0, high=1e9)
    validation: str = setting("holdout", choices=("file", "holdout", "none"))
    holdout: float = setting(0.1, low=0.001, high=0.9)
    refit: bool = True
    seed: int = setting(0, low=0, high=2**63 - 1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.base == "rbm" and self.validation == "none":
            raise UsageError(
                "--base rbm chooses its number of epochs by validation ratings, and --no-valid leaves none",
                hint="leave out --no-valid, or take --base mf, als or bias",
            )

    @property
    def needs_days(self) -> bool:
        """Whether the days of ratings are needed."""
        return False

    def of_base(self) -> BaseSettings:
        """Return how the base is trained: as its kind is by default, an RBM with items as rows."""
        common = {"validation": self.validation, "holdout": self.holdout, "seed": self.seed}
        refit = self.refit and self.validation != "none"
        if self.base in {"mf", "als"}:
            method = "gibbs" if self.base == "mf" else "als"
            return FactorizationSettings(method=method, refit=refit, **common)  # type: ignore[arg-type]
        if self.base == "bias":
            return BiasSettings(refit=refit, **common)  # type: ignore[arg-type]
        return TrainSettings(by="item", objective="discriminative", refit=refit, **common)  # type: ignore[arg-type]

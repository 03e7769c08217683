"""Settings of `train --model autoencoder`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rbmcli.config.base import Settings, setting
from rbmcli.errors import UsageError

_MOST_UNITS = 100_000


@dataclass(frozen=True)
class AutoencoderSettings(Settings):
    """How an autoencoder is trained.

    Attributes
    ----------
    by : {"user", "item"} or None
        Whose ratings make one training case; None for items.
    layers : str
        Units of each hidden layer, from the input on, as in ``200`` or ``200,100``.
    input_dropout : float
        Share of a row's ratings that is hidden from the input, to be predicted.
    dropout : float
        Share of hidden units that is dropped.
    epochs : int or None
        Most epochs; None for 200.
    patience : int
        Epochs without a better validation RMSE after which training stops.
    batch_size : int or None
        Rows of a mini-batch; None for 64.
    average : int
        Last epochs that parameters are averaged over.
    network_rate, network_rate_decay : float
        Step of Adam in the first epoch; epoch e, from 0, has the rate / (1 + decay e).
    penalty : float or None
        L2 penalty of all weights, in ratings' squared errors; None for 0.5.
    validation : {"file", "holdout", "none"}
        What the number of epochs and the ordinal link are chosen by: a file of ratings, a share of the
        training ratings, nothing.
    holdout : float
        That share.
    refit : bool
        Whether to train again at the end, on the validation ratings too, for the best number of epochs.
    seed : int
        Seed of everything random.
    """

    by: str | None = setting(None, choices=("user", "item"))
    layers: str = "300"
    input_dropout: float = setting(0.2, low=0.001, high=0.999)
    dropout: float = setting(0.5, low=0.0, high=0.99)
    epochs: int | None = setting(None, low=1, high=1_000_000)
    patience: int = setting(20, low=1, high=1_000_000)
    batch_size: int | None = setting(None, low=1, high=10_000_000)
    average: int = setting(10, low=1, high=1_000_000)
    network_rate: float = setting(0.003, low=1e-9, high=1e3)
    network_rate_decay: float = setting(0.03, low=0.0, high=1e3)
    penalty: float | None = setting(None, low=0.0, high=1e6)
    validation: str = setting("holdout", choices=("file", "holdout", "none"))
    holdout: float = setting(0.1, low=0.001, high=0.9)
    refit: bool = True
    seed: int = setting(0, low=0, high=2**63 - 1)

    def __post_init__(self) -> None:
        # Of one layer a member of a blend has a number.
        object.__setattr__(self, "layers", str(self.layers))
        super().__post_init__()
        words = self._words()
        if not all(word.isdecimal() and 1 <= int(word) <= _MOST_UNITS for word in words):
            raise UsageError(
                f"--layers '{self.layers}': expected whole numbers from 1 to {_MOST_UNITS}, commas between",
                hint="write it like 200, or 200,100 for two layers",
            )

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units of each layer."""
        return tuple(int(word) for word in self._words())

    @property
    def rows(self) -> str:
        """Whose ratings make one training case."""
        return self.by or "item"

    @property
    def needs_days(self) -> bool:
        """Whether the days of ratings are needed."""
        return False

    def rate_in(self, epoch: int) -> float:
        """Return the step of Adam in an epoch, from 0."""
        return self.network_rate / (1 + self.network_rate_decay * epoch)

    def _words(self) -> list[str]:
        # A member of a blend has its settings between commas.
        return [word.strip() for word in re.split("[,-]", self.layers)]

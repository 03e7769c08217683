"""Settings of `train`."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rbmcli.config.base import Settings, setting
from rbmcli.config.schedule import at_epoch, check_schedule
from rbmcli.errors import UsageError

SECONDS_BETWEEN_SAVES = 30.0
"""How often a checkpoint is saved where nothing else is said."""


@dataclass(frozen=True)
class TrainSettings(Settings):
    """What an RBM is and how it is trained.

    What is None is chosen from the shape of the training ratings, by `rbmcli.models.defaults.resolved`.

    Attributes
    ----------
    preset : {"fast", "accurate"}
        Whether what is None is set at once, or orientation and objective are tried out on the validation
        ratings, and the best is trained again on all of them.
    by : {"user", "item"} or None
        Whose ratings make one row, that is one training case.
    hidden : int or None
        Hidden units, F.
    layers : str
        Hidden units of several layers, such as "200,100", the first of which is `hidden`; empty for one.
    hidden_units : {"binary", "gaussian"}
        Whether hidden units are 0 or 1, or normal with variance 1.
    factors : int
        Factors C of the weights, W_ij^k = sum_c A_ic^k B_cj; 0 for weights that are not factored.
    level_functions : int or None
        Functions S of the level that weights are sums of; 0 for weights of their own for every level.
    conditional : bool
        Whether which columns were rated enters the hidden units (the term D).
    row_bias : bool
        Whether the row bias is added to the visible logits.
    row_bias_strength : float
        Ratings at the row's base rates that the row bias starts from.
    prior_strength : float
        Ratings at the overall rates that a column's base rates start from.
    tilt_strength : float
        Ratings at these rates, and at those of the row bias, that count against tilting them.
    day_bias : bool
        Whether how a user rates on a day, as told by the other ratings of that day, is added to the visible
        logits; the ratings need timestamps.
    day_bias_strength : float
        Ratings as expected of the user that count against those of a day.
    inference : {"mean-field", "exact"}
        How predictions sum over the hidden units.
    objective : {"divergence", "discriminative"} or None
        What training follows: contrastive divergence, or the loss of ratings that are hidden.
    fine_tune : bool
        Whether contrastive divergence is followed by discriminative training.
    epochs : int or None
        Most passes over the training ratings, by each objective, and of each layer by contrastive divergence.
    patience : int
        Epochs without a better validation RMSE after which training by an objective stops.
    batch_size : int or None
        Rows of a mini-batch.
    average : int
        Epochs, the last ones, that parameters are averaged over.
    learning_rate, rate_decay : float
        Epoch e, from 0, of contrastive divergence learns at learning_rate / (1 + rate_decay * e); None
        takes 0.05, or 0.005 with normal hidden units.
    momentum : str
        Share of the last step that goes on in the next: a number, or a schedule such as "0.5,0.9@6".
    weight_decay : float or None
        L2 shrinkage of weights and of the conditional term, in units of the gradient.
    cd_steps : str
        Gibbs steps T of contrastive divergence: a number, or a schedule "1,3@20,5@40".
    reconstruction : {"mean-field", "sampled"}
        Whether a reconstruction is probabilities or a sampled level.
    persistent : bool
        Whether Gibbs chains go on from epoch to epoch; then reconstructions are sampled.
    keep : float
        Share of a row's ratings that discriminative training keeps as input.
    squared_share : float
        Share of squared error in the discriminative loss; the rest is cross-entropy.
    network_rate, network_rate_decay : float
        Learning rate of Adam in discriminative training, and its decay.
    penalty : float or None
        L2 penalty of weights, of the conditional term, and of how far visible biases are from the log base
        rates, added to the loss of all ratings, in discriminative training.
    validation : {"file", "holdout", "none"}
        What the epochs are measured on: a file of ratings, a share of the training ratings, nothing.
    holdout : float
        That share.
    refit : bool or None
        Whether to train again, on the validation ratings too, for as many epochs as were best.
    workers : int
        Workers that learn together, each from its share of the rows of a mini-batch.
    average_every : int
        Mini-batches after which what several workers have come to is averaged.
    seed : int
        Seed of everything random.
    """

    preset: str = setting("fast", choices=("fast", "accurate"))
    by: str | None = setting(None, choices=("user", "item"))
    hidden: int | None = setting(None, low=1, high=100_000)
    layers: str = ""
    hidden_units: str = setting("binary", choices=("binary", "gaussian"))
    factors: int = setting(0, low=0, high=100_000)
    level_functions: int | None = setting(None, low=0, high=254)
    conditional: bool = True
    row_bias: bool = True
    row_bias_strength: float = setting(60.0, low=1e-3, high=1e6)
    prior_strength: float = setting(60.0, low=1e-3, high=1e6)
    tilt_strength: float = setting(4.0, low=1e-3, high=1e9)
    day_bias: bool = False
    day_bias_strength: float = setting(8.0, low=1e-3, high=1e9)
    inference: str = setting("mean-field", choices=("mean-field", "exact"))
    objective: str | None = setting(None, choices=("divergence", "discriminative"))
    fine_tune: bool = False
    epochs: int | None = setting(None, low=1, high=1_000_000)
    patience: int = setting(20, low=1, high=1_000_000)
    batch_size: int | None = setting(None, low=1, high=10_000_000)
    average: int = setting(10, low=1, high=1_000_000)
    learning_rate: float | None = setting(None, low=1e-9, high=1e3)
    rate_decay: float = setting(0.03, low=0.0, high=1e3)
    momentum: str = "0.9"
    weight_decay: float | None = setting(None, low=0.0, high=10.0)
    cd_steps: str = "1"
    reconstruction: str = setting("mean-field", choices=("mean-field", "sampled"))
    persistent: bool = False
    keep: float = setting(0.5, low=0.0, high=0.999)
    squared_share: float = setting(0.5, low=0.0, high=1.0)
    network_rate: float = setting(0.003, low=1e-9, high=1e3)
    network_rate_decay: float = setting(0.03, low=0.0, high=1e3)
    penalty: float | None = setting(None, low=0.0, high=1e6)
    validation: str = setting("holdout", choices=("file", "holdout", "none"))
    holdout: float = setting(0.1, low=0.001, high=0.9)
    refit: bool | None = None
    workers: int = setting(1, low=1, high=10_000)
    average_every: int = setting(4, low=1, high=1_000_000)
    seed: int = setting(0, low=0, high=2**63 - 1)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("cd_steps", "momentum"):
            if isinstance(getattr(self, name), int | float):
                object.__setattr__(self, name, str(getattr(self, name)))
        self._check_layers()
        check_schedule(self.cd_steps, "--cd-steps", 1, 10_000, whole=True)
        check_schedule(self.momentum, "--momentum", 0, 0.999, whole=False)
        if self.refit and self.validation == "none":
            raise UsageError(
                "--refit trains again for the best number of epochs, which is not known without validation",
                hint="leave out --refit or --no-valid",
            )
        if self.preset == "accurate" and self.validation == "none":
            raise UsageError(
                "--preset accurate chooses by validation ratings, and --no-valid leaves none",
                hint="leave out one of the two",
            )
        if self.fine_tune and self.objective == "discriminative":
            raise UsageError(
                "--fine-tune follows contrastive divergence, and --objective discriminative does without it",
                hint="leave out one of the two",
            )

    def _check_layers(self) -> None:
        """Make `hidden` that of the first layer, and check that the form goes with more of them."""
        if self.layers == "":
            return
        units = [text.strip() for text in str(self.layers).split(",")]
        if not all(text.isascii() and text.isdigit() and 1 <= int(text) <= 100_000 for text in units):
            raise UsageError(
                f"--layers {str(self.layers)!r} is not a list of hidden units, each 1 to 100000",
                hint="for two layers write --layers 200,100",
            )
        first = int(units[0])
        if self.hidden is not None and self.hidden != first:
            raise UsageError(
                f"--hidden {self.hidden} and --layers {self.layers} differ on the first layer",
                hint="leave out --hidden",
            )
        object.__setattr__(self, "hidden", first)
        object.__setattr__(self, "layers", ",".join(units) if len(units) > 1 else "")
        if self.layers == "":
            return
        if self.inference == "exact":
            raise UsageError(
                "--inference exact sums out one layer of hidden units, and --layers has more of them",
                hint="leave out one of the two",
            )
        if self.hidden_units != "binary":
            raise UsageError(
                f"--layers stacks layers of binary hidden units, not of {self.hidden_units} ones",
                hint="leave out one of --layers and --hidden-units",
            )

    @property
    def upper_layers(self) -> tuple[int, ...]:
        """Hidden units of each layer above the first."""
        return tuple(int(units) for units in self.layers.split(",")[1:])

    def steps_at(self, epoch: int) -> int:
        """Return the Gibbs steps of an epoch, counted from 0."""
        return int(at_epoch(self.cd_steps, epoch))

    def momentum_at(self, epoch: int) -> float:
        """Return the momentum of an epoch, counted from 0."""
        return at_epoch(self.momentum, epoch)

    def network_rate_at(self, epoch: int) -> float:
        """Return the learning rate of Adam in an epoch, counted from 0, for one of several workers too.

        Adam divides by the size of the gradient, which of a share of a mini-batch is mostly noise, and larger
        by the root of the number of shares: so is the rate then. Source: S. Malladi et al. (2022), "On the
        SDEs and scaling rules for adaptive gradient algorithms", NeurIPS.
        """
        return self.network_rate / (1 + self.network_rate_decay * epoch) * math.sqrt(self.workers)

    @property
    def needs_days(self) -> bool:
        """Whether the days of ratings are needed."""
        return self.day_bias


@dataclass(frozen=True)
class ResolvedSettings(TrainSettings):
    """Settings of `train` with nothing left to choose: those of a model."""

    by: str = setting("user", choices=("user", "item"))
    hidden: int = setting(100, low=1, high=100_000)
    level_functions: int = setting(0, low=0, high=254)
    objective: str = setting("discriminative", choices=("divergence", "discriminative"))
    batch_size: int = setting(100, low=1, high=10_000_000)
    epochs: int = setting(200, low=1, high=1_000_000)
    learning_rate: float = setting(0.05, low=1e-9, high=1e3)
    weight_decay: float = setting(0.005, low=0.0, high=10.0)
    penalty: float = setting(4.0, low=0.0, high=1e6)
    refit: bool = False

    def stages(self) -> list[str]:
        """Return the objectives to train by, one after the other.

        Contrastive divergence learns one layer after the other, back-propagation all of them at once.
        """
        first = [self.objective]
        if self.objective == "divergence":
            first *= 1 + len(self.upper_layers)
        return [*first, "discriminative"] if self.fine_tune else first

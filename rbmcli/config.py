"""Every setting of every step, with its default and its range, in one place.

Settings are frozen dataclasses. A field declared with `setting` carries its range or its choices, and
`__post_init__` checks them all, so that a value out of range is told in the same words whether it came
from the command line, from a file or from Python.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field, fields
from typing import Any

from rbmcli.errors import UsageError


def setting(
    default: Any,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    choices: tuple[str, ...] = (),
) -> Any:
    """Declare a dataclass field with a default and the closed range, or the choices, it must be in."""
    return field(default=default, metadata={"low": low, "high": high, "choices": choices})


@dataclass(frozen=True)
class Settings:
    """Base of all settings: checks on creation that each value is in its range."""

    def __post_init__(self) -> None:
        for entry in fields(self):
            value = getattr(self, entry.name)
            option = "--" + entry.name.replace("_", "-")
            choices = entry.metadata.get("choices", ())
            if choices and value not in choices:
                raise UsageError(f"{option} {value!r} is not one of {', '.join(choices)}")
            if isinstance(value, int | float) and not isinstance(value, bool):
                low, high = entry.metadata.get("low", -math.inf), entry.metadata.get("high", math.inf)
                if not (math.isfinite(value) and low <= value <= high):
                    raise UsageError(f"{option} {value} is outside {_range_text(low, high)}")

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as a dictionary of plain values, ready for JSON."""
        return dataclasses.asdict(self)


def _range_text(low: float, high: float) -> str:
    if high == math.inf:
        return f"the allowed range: at least {low:g}"
    return f"the allowed range: {low:g} to {high:g}"


@dataclass(frozen=True)
class InputSettings(Settings):
    """How a table of ratings or pairs is read; the same on every command that reads one.

    Attributes
    ----------
    user_column, item_column, rating_column, timestamp_column : str or None
        Column names, or positions counted from 1; None guesses from the usual names. An empty
        `timestamp_column` leaves timestamps out.
    id_type : {"auto", "int", "string"}
        Type that user and item ids are read as.
    input_format : {"auto", "text", "jsonl", "parquet"}
        Format of the input; auto looks at the first bytes and the file name.
    separator : str or None
        Separator of a text file, one or more characters, or "whitespace" for any run of blanks and
        tabs; None detects it.
    header : bool or None
        Whether a text file starts with a line of column names; None detects it.
    timestamp_unit : {"s", "ms", "us", "ns"}
        Unit of integer timestamps.
    on_error : str
        "fail" ends at a bad row, "skip" leaves bad rows out; anything else is the path of a file that
        receives them with the reason.
    duplicates : {"error", "first", "last", "mean"}
        What to do with several ratings of one item by one user.
    unknown_level : {"error", "nearest", "drop"}
        What to do with a rating that is on none of the levels.
    """

    user_column: str | None = None
    item_column: str | None = None
    rating_column: str | None = None
    timestamp_column: str | None = None
    id_type: str = setting("auto", choices=("auto", "int", "string"))
    input_format: str = setting("auto", choices=("auto", "text", "jsonl", "parquet"))
    separator: str | None = None
    header: bool | None = None
    timestamp_unit: str = setting("s", choices=("s", "ms", "us", "ns"))
    on_error: str = "fail"
    duplicates: str = setting("error", choices=("error", "first", "last", "mean"))
    unknown_level: str = setting("error", choices=("error", "nearest", "drop"))


@dataclass(frozen=True)
class LevelSettings(Settings):
    """How ratings are put on levels.

    Attributes
    ----------
    levels : tuple of float
        The levels, increasing; empty finds them in the ratings (at most 20 distinct values).
    bins : int
        Number of quantile levels for a continuous scale; 0 decides by itself.
    """

    levels: tuple[float, ...] = ()
    bins: int = setting(0, low=0, high=100)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.levels and self.bins:
            raise UsageError("--levels and --bins exclude each other: give one of them")
        if self.bins == 1:
            raise UsageError("--bins 1 leaves nothing to predict: give 2 or more")


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


@dataclass(frozen=True)
class TrainSettings(Settings):
    """What an RBM is and how it is trained.

    Attributes
    ----------
    by : {"user", "item"}
        Whose ratings make one row, that is one training case.
    hidden : int
        Hidden units, F.
    epochs : int
        Most passes over the training ratings.
    patience : int
        Epochs without a better validation RMSE after which training stops.
    batch_size : int
        Rows of a mini-batch.
    learning_rate, rate_decay : float
        Epoch e, from 0, learns at learning_rate / (1 + rate_decay * e).
    momentum : float
        Share of the last step that goes on in the next.
    weight_decay : float or None
        L2 shrinkage of weights and of the conditional term, in units of the gradient; None takes 0.01
        with rows of users and 0.005 with rows of items.
    cd_steps : str
        Gibbs steps T of contrastive divergence: a number, or a schedule "1,3@20,5@40" that goes to 3
        steps at epoch 20 and to 5 at epoch 40 (epochs count from 1).
    reconstruction : {"mean-field", "sampled"}
        Whether a reconstruction is probabilities or a sampled level.
    conditional : bool
        Whether which columns were rated enters the hidden units (the term D).
    row_bias : bool
        Whether the row bias is added to the visible logits.
    row_bias_strength : float
        Ratings at the row's base rates that the row bias starts from.
    prior_strength : float
        Ratings at the overall rates that a column's base rates start from.
    inference : {"mean-field", "exact"}
        How predictions sum over the hidden units.
    validation : {"file", "holdout", "none"}
        What the epochs are measured on: a file of ratings, a share of the training ratings, nothing.
    holdout : float
        That share.
    refit : bool
        Whether to train again, on the validation ratings too, for as many epochs as were best.
    seed : int
        Seed of everything random.
    """

    by: str = setting("user", choices=("user", "item"))
    hidden: int = setting(100, low=1, high=100_000)
    epochs: int = setting(100, low=1, high=1_000_000)
    patience: int = setting(20, low=1, high=1_000_000)
    batch_size: int = setting(100, low=1, high=10_000_000)
    learning_rate: float = setting(0.05, low=1e-9, high=1e3)
    rate_decay: float = setting(0.03, low=0.0, high=1e3)
    momentum: float = setting(0.9, low=0.0, high=0.999)
    weight_decay: float | None = setting(None, low=0.0, high=10.0)
    cd_steps: str = "1"
    reconstruction: str = setting("mean-field", choices=("mean-field", "sampled"))
    conditional: bool = True
    row_bias: bool = True
    row_bias_strength: float = setting(10.0, low=1e-3, high=1e6)
    prior_strength: float = setting(20.0, low=1e-3, high=1e6)
    inference: str = setting("mean-field", choices=("mean-field", "exact"))
    validation: str = setting("holdout", choices=("file", "holdout", "none"))
    holdout: float = setting(0.1, low=0.001, high=0.9)
    refit: bool = False
    seed: int = setting(0, low=0, high=2**63 - 1)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.steps_at(0)
        if self.refit and self.validation == "none":
            raise UsageError(
                "--refit trains again for the best number of epochs, which is not known without validation",
                hint="leave out --refit or --no-valid",
            )

    def decay(self) -> float:
        """Return the weight decay that training uses."""
        if self.weight_decay is not None:
            return self.weight_decay
        return 0.01 if self.by == "user" else 0.005

    def steps_at(self, epoch: int) -> int:
        """Return the Gibbs steps of an epoch, counted from 0, by the schedule in `cd_steps`."""
        steps = 0
        for part in self.cd_steps.split(","):
            count, _, start = part.partition("@")
            if not (count.strip().isdecimal() and (start.strip() or "1").isdecimal()) or int(count) < 1:
                raise UsageError(
                    f"--cd-steps {self.cd_steps!r} is no schedule: expected a number of Gibbs steps, or "
                    "steps@epoch parts such as 1,3@20,5@40"
                )
            if steps == 0 or epoch + 1 >= int(start or 1):
                steps = int(count)
        return steps


@dataclass(frozen=True)
class PredictSettings(Settings):
    """What is predicted and how.

    Attributes
    ----------
    inference : {"auto", "mean-field", "exact"}
        How hidden units are summed over; auto does as the model was trained to.
    probabilities : bool
        Whether to give the probability of each level too, and their entropy.
    keep_own : bool
        Whether a pair that stands in the history is predicted from all of it, its own rating included.
    allow_unknown : bool
        Whether it is fine that the model knows none of the users and items.
    suffix : str
        Appended to the names of the output columns.
    """

    inference: str = setting("auto", choices=("auto", "mean-field", "exact"))
    probabilities: bool = False
    keep_own: bool = False
    allow_unknown: bool = False
    suffix: str = ""

    def exact(self) -> bool | None:
        """Return whether to sum hidden units out exactly; None to do as the model was trained to."""
        return None if self.inference == "auto" else self.inference == "exact"

    def columns(self) -> list[str]:
        """Return the names of the output columns."""
        names = ["prediction", "source", *(["probabilities", "entropy"] if self.probabilities else [])]
        return [name + self.suffix for name in names]


@dataclass(frozen=True)
class RecommendSettings(Settings):
    """What is recommended.

    Attributes
    ----------
    top : int
        Items per user, at most.
    rank_by : {"expectation", "lower-bound"}
        What items are ranked by: the expected rating, or that less some standard deviations.
    deviations : float
        How many, of the predicted distribution of the rating.
    min_support : int
        Ratings that an item must have had in training.
    inference : {"auto", "mean-field", "exact"}
        As in `PredictSettings`.
    """

    top: int = setting(10, low=1, high=1_000_000)
    rank_by: str = setting("expectation", choices=("expectation", "lower-bound"))
    deviations: float = setting(1.0, low=0.0, high=10.0)
    min_support: int = setting(1, low=0, high=2**31 - 1)
    inference: str = setting("auto", choices=("auto", "mean-field", "exact"))

    def exact(self) -> bool | None:
        """Return whether to sum hidden units out exactly; None to do as the model was trained to."""
        return None if self.inference == "auto" else self.inference == "exact"

"""Settings of `train --model blend` and `train --model ensemble`: which models, and how they are combined."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from rbmcli.config.base import Settings, setting
from rbmcli.config.kinds import SINGLE_KINDS, SingleSettings
from rbmcli.errors import UsageError

_FROM_THE_BLEND = ("validation", "holdout", "refit")
"""Settings that all members of a blend share with it."""

_NOT_OF_MEMBERS = (*_FROM_THE_BLEND, "workers", "average_every")
"""Settings that no member of a blend can be given."""


@dataclass(frozen=True)
class Member:
    """A model of a blend.

    Attributes
    ----------
    kind : str
        Its kind, one of `rbmcli.config.kinds.SINGLE_KINDS`.
    settings : SingleSettings
        How it is trained.
    """

    kind: str
    settings: SingleSettings

    @classmethod
    def of(cls, text: str) -> Member:
        """Return what is written KIND or KIND:SETTING=VALUE,SETTING=VALUE.

        Settings are those of `train --model KIND`, by the names that its options have.

        Raises
        ------
        UsageError
            If there is no such kind or setting, or a value is out of range.
        """
        kind, _, listed = text.strip().partition(":")
        if kind not in SINGLE_KINDS:
            raise UsageError(
                f"--member {text}: '{kind}' is none of {', '.join(SINGLE_KINDS)}",
                hint="write it like mf, or rbm:by=item,hidden=200",
            )
        values = {}
        for pair in filter(None, (part.strip() for part in listed.split(","))):
            name, has_value, value = pair.partition("=")
            values[name.strip().removeprefix("--").replace("-", "_")] = _read(value) if has_value else True
        possible = [entry.name for entry in fields(SINGLE_KINDS[kind]) if entry.name not in _NOT_OF_MEMBERS]
        for name in values:
            if name not in possible:
                raise UsageError(
                    f"--member {text}: {kind} has no setting '{name}'",
                    hint=f"it has {', '.join(each.replace('_', '-') for each in possible)}",
                )
        try:
            return cls.from_dict({"kind": kind, "settings": values})
        except TypeError:
            raise UsageError(f"--member {text}: a value is of the wrong type") from None

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Member:
        """Return what `dataclasses.asdict` has made plain values of."""
        return cls(values["kind"], SINGLE_KINDS[values["kind"]](**values["settings"]))

    def within(self, settings: BlendSettings | EnsembleSettings) -> Member:
        """Return the same with what all members share with the blend."""
        shared = {name: getattr(settings, name) for name in _FROM_THE_BLEND}
        return dataclasses.replace(self, settings=dataclasses.replace(self.settings, **shared))

    def seeded(self, seed: int) -> Member:
        """Return the same with another seed."""
        return dataclasses.replace(self, settings=dataclasses.replace(self.settings, seed=seed))

    @property
    def told(self) -> str:
        """Its kind, with the settings that are not the default ones, as `of` reads it."""
        start = SINGLE_KINDS[self.kind]()
        given = [
            f"{entry.name.replace('_', '-')}={_written(getattr(self.settings, entry.name))}"
            for entry in fields(self.settings)
            if entry.name not in _FROM_THE_BLEND
            and getattr(self.settings, entry.name) != getattr(start, entry.name)
        ]
        return f"{self.kind}:{','.join(given)}" if given else self.kind


def _read(text: str) -> Any:
    """Return a value as it is meant: a truth value, a number, or a text."""
    plain = text.strip()
    if plain in {"true", "false"}:
        return plain == "true"
    for kind in (int, float):
        try:
            return kind(plain)
        except ValueError:
            continue
    return plain


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True)
class BlendSettings(Settings):
    """Which models are blended, and how.

    Attributes
    ----------
    members : tuple of Member
        The models; none for those of the preset.
    preset : {"best"} or None
        A choice of members that suits the ratings.
    day_bias : bool
        Whether the preset makes use of the days of ratings, which it otherwise does not; members that are
        given have a setting of their own for it.
    combiner : {"linear", "boosted"}
        What makes a prediction of those of the members: a sum with non-negative weights, or boosted trees
        upon it.
    weight_folds : int
        Parts of the ratings on which members that have not seen them are measured, to fit the weights; 1 for
        one held-out part alone.
    time_budget : float or None
        Seconds that all members may take together: none is begun that would take longer, but the first.
    validation : {"file", "holdout"}
        What the weights are fitted to: a file of ratings, or a share of the training ratings.
    holdout : float
        That share.
    refit : bool
        Whether the members are trained again at the end, with the validation ratings.
    seed : int
        Seed of everything random.
    """

    members: tuple[Member, ...] = ()
    preset: str | None = setting(None, choices=("best",))
    day_bias: bool = False
    combiner: str = setting("linear", choices=("linear", "boosted"))
    weight_folds: int = setting(1, low=1, high=100)
    time_budget: float | None = setting(None, low=0, high=1e9)
    validation: str = setting("holdout", choices=("file", "holdout", "none"))
    holdout: float = setting(0.1, low=0.001, high=0.9)
    refit: bool = True
    seed: int = setting(0, low=0, high=2**63 - 1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if bool(self.members) == (self.preset is not None):
            raise UsageError(
                "a blend is of members or of a preset, and there are both or neither",
                hint="give --member once for each model, or --preset best",
            )
        if self.day_bias and self.members:
            raise UsageError("--day-bias: give it to the members that are to have it, like rbm:day-bias")
        if self.validation == "none":
            raise UsageError("--no-valid: the weights of a blend need ratings to fit them to: leave it out")
        if self.weight_folds > 1 and self.validation == "file":
            raise UsageError("--weight-folds and --valid are two ways to find the weights: leave one out")

    @property
    def needs_days(self) -> bool:
        """Whether the days of ratings are needed."""
        return self.day_bias or any(member.settings.needs_days for member in self.members)


@dataclass(frozen=True)
class EnsembleSettings(Settings):
    """Which model is trained several times, and how often.

    Attributes
    ----------
    members : tuple of Member
        The model, one.
    seeds : int
        How often it is trained, by one seed after the other.
    validation : {"file", "holdout", "none"}
        What its members' validation is.
    holdout : float
        Share of the ratings that is held out.
    refit : bool
        Whether the members are trained again at the end, with the validation ratings.
    seed : int
        The first seed.
    """

    members: tuple[Member, ...] = ()
    seeds: int = setting(5, low=2, high=1000)
    validation: str = setting("holdout", choices=("file", "holdout", "none"))
    holdout: float = setting(0.1, low=0.001, high=0.9)
    refit: bool = True
    seed: int = setting(0, low=0, high=2**63 - 1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.members) != 1:
            raise UsageError(
                f"an ensemble is of one model, expected one member, got {len(self.members)}",
                hint="give --member once, or take --model blend",
            )

    @property
    def needs_days(self) -> bool:
        """Whether the days of ratings are needed."""
        return any(member.settings.needs_days for member in self.members)

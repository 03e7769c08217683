"""What a model tells of itself, whatever its kind, from its description alone: no array is read.

A description is the metadata of a model's file, or what `rbmcli.models.store.describe` makes of a model in
memory. Cards, reports and `inspect` tell what stands here; each kind words its own in
`rbmcli.models.portraits_of_one` and `rbmcli.models.portraits_of_several`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Description = Mapping[str, Any]
"""The rbmcli metadata of a model."""

WITHOUT_VECTORS = "bias"
"""The one kind that holds nothing of items by which they could be alike."""

ONE_AND_MORE = {
    "rbm": ("a Restricted Boltzmann Machine", "Restricted Boltzmann Machines"),
    "mf": ("a matrix factorization", "matrix factorizations"),
    "autoencoder": ("an autoencoder", "autoencoders"),
    "neighbours": ("a neighbourhood model", "neighbourhood models"),
    "bias": ("a model of user and item effects", "models of user and item effects"),
}
"""What one model of a kind is called, and what several of them."""


@dataclass(frozen=True)
class Course:
    """How a training that goes step by step is told of.

    Attributes
    ----------
    step : str
        What a step is called, such as "epoch".
    is_chosen : bool
        Whether the best step was kept; else it was the last one.
    loss : str
        What the loss is.
    """

    step: str
    is_chosen: bool
    loss: str


@dataclass(frozen=True)
class Part:
    """A model that another one is made of, with its figures on validation ratings that it had not seen.

    Attributes
    ----------
    told : str
        Its kind and its settings, as `train --member` reads them.
    rmse, nll : float or None
        Its figures.
    weight, share : float or None
        What it counts in predictions, and its share of the probabilities.
    """

    told: str
    rmse: float | None
    nll: float | None
    weight: float | None
    share: float | None


@dataclass(frozen=True)
class Parts:
    """The models that one is made of.

    Attributes
    ----------
    models : tuple of Part
        What is known of each.
    together : str
        What they are called together.
    meaning : str
        How they make one model.
    """

    models: tuple[Part, ...]
    together: str
    meaning: str


@dataclass(frozen=True)
class Measured:
    """What the figures on validation ratings mean.

    Attributes
    ----------
    when : str
        How a sentence begins that goes on with the ratings, such as "Measured after each epoch on".
    flattered : str
        What makes them look better than they are.
    briefly : str
        The ratings in a few words, such as "on the ratings that the epoch was chosen by".
    again : str
        What a second training on all ratings keeps of the first; empty for nothing that is told.
    """

    when: str
    flattered: str
    briefly: str
    again: str = ""


@dataclass(frozen=True)
class Portrait:
    """What a model is, in words.

    Attributes
    ----------
    kind : str
        Name of its kind.
    name : str
        What a model of its kind is called.
    what : str
        What it is, with its particulars, to follow "it is".
    source : str
        Where it is from.
    made : str
        How it was trained, as a sentence without a full stop.
    rows : str or None
        Whose ratings make one training case, where that is a choice.
    facts : tuple of pairs of str
        Names and values of what is its own.
    course : Course or None
        How its training went on, step by step; None where it has no steps.
    measured : Measured
        What its figures mean.
    new_users : str
        How users that it has not seen are served.
    trained : tuple of int, or None
        Trained numbers of each column, and besides; None where numbers are sampled, or members have them.
    parts : Parts or None
        What it is made of.
    """

    kind: str
    name: str
    what: str
    source: str
    made: str
    rows: str | None
    facts: tuple[tuple[str, str], ...]
    course: Course | None
    measured: Measured
    new_users: str
    trained: tuple[int, int] | None = None
    parts: Parts | None = None


def holds_vectors(description: Description) -> bool:
    """Return whether a model holds anything of items by which they could be alike."""
    if description.get("members"):
        return any(map(holds_vectors, description["members"]))
    return bool(description["kind"] != WITHOUT_VECTORS)


def takes_days(description: Description) -> bool:
    """Return whether the days of ratings make a difference to a model."""
    members = description.get("members", [])
    return bool(description["settings"].get("day_bias")) or any(map(takes_days, members))


def kept_step(description: Description) -> dict[str, Any] | None:
    """Return the figures of the step that was kept, None where no step has figures of validation ratings."""
    if description["settings"]["validation"] == "none":
        return None
    for entry in description.get("epochs", []):
        if entry["epoch"] == description.get("best_epoch") and entry.get("valid_rmse") is not None:
            return dict(entry)
    return None


def settings_of(description: Description) -> list[tuple[str, Any]]:
    """Return the settings by name, without the members, of which `Parts` tells."""
    return sorted((name, value) for name, value in description["settings"].items() if name != "members")


def listed(names: Sequence[str]) -> str:
    """Return names as in a sentence."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"

"""Which models a blend or an ensemble is made of."""

from __future__ import annotations

from collections.abc import Sequence

from rbmcli.config import BlendSettings, EnsembleSettings, FactorizationSettings, Member, NeighboursSettings
from rbmcli.models.defaults import Shape

_MANY_USERS = 10
"""How many users an item make a difference to what is trained."""


_TIMES = {"bias": 0.3, "als": 0.9, "autoencoder": 1.5, "rbm": 2.3, "mf": 5.0}
_TIME_OF_NEIGHBOURS = 0.2
"""How long kinds of models train at their defaults, beside each other, on MovieLens 100K: what takes long is
nearer to the others on more ratings."""


def usual_time(member: Member) -> float:
    """Return about how long a member trains beside others, for none to be begun that would take too long."""
    settings = member.settings
    if isinstance(settings, NeighboursSettings):
        return _TIMES[settings.base] + _TIME_OF_NEIGHBOURS
    is_quick = isinstance(settings, FactorizationSettings) and settings.method == "als"
    return _TIMES["als" if is_quick else member.kind]


def members_of(settings: BlendSettings | EnsembleSettings, shape: Shape) -> list[Member]:
    """Return the models that are to be trained, each with a seed of its own.

    Parameters
    ----------
    settings : BlendSettings or EnsembleSettings
        What is to be combined.
    shape : Shape
        The training ratings.
    """
    if isinstance(settings, EnsembleSettings):
        return _seeded(list(settings.members) * settings.seeds, settings.seed)
    return _seeded(settings.members or best_members(shape, day_bias=settings.day_bias), settings.seed)


def best_members(shape: Shape, *, day_bias: bool) -> list[Member]:
    """Return the models of preset best, the quickest first.

    They were chosen on held-out parts of training ratings: a member that did not lower the error of others
    by what it costs was left out.

    Parameters
    ----------
    shape : Shape
        The training ratings.
    day_bias : bool
        Whether the machines make use of days.
    """
    machine = "rbm:by=item,objective=discriminative,day-bias" if day_bias else "neighbours:base=rbm"
    texts = ["neighbours:base=als", machine]
    if shape.users > _MANY_USERS * shape.items:
        # Rows of items are few then, and long.
        texts.append(f"rbm:by=user,objective=discriminative{',day-bias' if day_bias else ''}")
    return [Member.of(text) for text in [*texts, "mf"]]


def _seeded(members: Sequence[Member], seed: int) -> list[Member]:
    """Return members with the seed, and those that came before in the same words with the next ones."""
    found: list[Member] = []
    for member in members:
        earlier = sum(member == each for each in members[: len(found)])
        found.append(member.seeded(member.settings.seed + seed + earlier))
    return found

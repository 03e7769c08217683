"""Which models a blend or an ensemble is made of."""

from __future__ import annotations

from collections.abc import Sequence

from rbmcli.config import BlendSettings, EnsembleSettings, Member
from rbmcli.models.defaults import Shape

_MANY_RATINGS, _MANY_USERS = 300_000, 10
"""How many ratings, and how many users an item, make a difference to what is trained."""


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
    """Return the models of preset best, those that gain most first.

    They were chosen on held-out parts of training ratings: a member that did not lower the error of others
    was left out.

    Parameters
    ----------
    shape : Shape
        The training ratings.
    day_bias : bool
        Whether the machines make use of days.
    """
    is_large = shape.ratings >= _MANY_RATINGS
    days = ",day-bias" if day_bias else ""
    # More hidden units, and a longer search for the best epoch, are worth their time on many ratings alone.
    size = ",hidden=400,epochs=60" if is_large else ""
    texts = ["neighbours:base=mf", f"rbm:by=item,objective=discriminative{size}{days}"]
    if shape.users > _MANY_USERS * shape.items:
        # Rows of items are few then, and long.
        texts.append(f"rbm:by=user,objective=discriminative{size}{days}")
    if not is_large:
        texts.append("mf:seed=1")
    return [Member.of(text) for text in texts]


def _seeded(members: Sequence[Member], seed: int) -> list[Member]:
    """Return members with the seed, and those that came before in the same words with the next ones."""
    found: list[Member] = []
    for member in members:
        earlier = sum(member == each for each in members[: len(found)])
        found.append(member.seeded(member.settings.seed + seed + earlier))
    return found

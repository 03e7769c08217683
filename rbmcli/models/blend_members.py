"""Which models a blend or an ensemble is made of."""

from __future__ import annotations

from collections.abc import Sequence

from rbmcli.config import BlendSettings, EnsembleSettings, Member
from rbmcli.models.defaults import Shape


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
    """Return the models of preset best, those that gain most first."""
    texts = ["mf", "rbm:by=item,objective=discriminative", "rbm:by=user,objective=discriminative"]
    return [Member.of(text) for text in texts]


def _seeded(members: Sequence[Member], seed: int) -> list[Member]:
    """Return members with the seed, and those that came before in the same words with the next ones."""
    found: list[Member] = []
    for member in members:
        earlier = sum(member == each for each in members[: len(found)])
        found.append(member.seeded(member.settings.seed + seed + earlier))
    return found

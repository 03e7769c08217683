"""The portrait of a model of whatever kind, from its description."""

from __future__ import annotations

from rbmcli.models import portraits_of_one, portraits_of_several
from rbmcli.models.portrait import Description, Portrait

_PORTRAITS = {**portraits_of_one.PORTRAITS, **portraits_of_several.PORTRAITS}

KINDS = tuple(_PORTRAITS)
"""Every kind of model."""


def portrait_of(description: Description) -> Portrait:
    """Return what a model tells of itself.

    Parameters
    ----------
    description : Description
        The metadata of its file, or what `rbmcli.models.store.describe` returns.

    Raises
    ------
    LookupError
        If the description lacks something, or the kind is not known.
    """
    return _PORTRAITS[description["kind"]](description)

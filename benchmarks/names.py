"""Lists of names on the command line of a benchmark."""

from __future__ import annotations

import argparse
from collections.abc import Sequence


def names_of(text: str, known: Sequence[str]) -> list[str]:
    """Return the names in a text, separated by commas.

    Raises
    ------
    argparse.ArgumentTypeError
        If one of them is not known.
    """
    names = text.split(",")
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: expected some of {', '.join(known)}")
    return names

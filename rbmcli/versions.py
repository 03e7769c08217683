"""Versions of what is installed."""

from __future__ import annotations


def package_version(name: str) -> str:
    """Return the version of an installed package; 'not installed' for a source tree run in place."""
    # Imported late because it takes a tenth of the time that the help may take.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
